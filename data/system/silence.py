"""A process that waits forever, for example for a network drive that is gone, seen from outside.

Such a process uses no CPU time, so that limits on CPU time never end it. It is recognised by what the kernel counts for
it: as long as a figure changes, or the process is ready to run and only waits for a processor, it is not silent. So a
busy machine makes no process silent.
"""

from __future__ import annotations

import io
import os
import select
from collections.abc import Buffer
from pathlib import Path

SILENT_SECONDS = 60
"""How long a process may do nothing before it is taken to wait forever."""

_READY = "R"
_COUNTED = slice(6, 14)  # faults and CPU time in /proc/PID/stat, after the state


class SilentError(Exception):
    """A process did nothing for `SILENT_SECONDS`."""


class PipeFromProcess(io.RawIOBase):
    """The reading end of a pipe from a child process.

    Args:
        descriptor: file descriptor of the pipe.
        process: id of the child.

    Raises:
        SilentError: by a read, if nothing comes and the child does nothing.
    """

    def __init__(self, descriptor: int, process: int) -> None:
        super().__init__()
        self._descriptor, self._process = descriptor, process
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Read what comes next; return 0 at the end."""
        last, silent = None, 0
        while not self._poll.poll(1000):  # counted, because this process may be stopped meanwhile
            found = _activity(self._process)
            silent = silent + 1 if found is not None and found == last else 0
            if silent >= SILENT_SECONDS:
                raise SilentError
            last = found
        return os.readv(self._descriptor, [buffer])

    def close(self) -> None:
        """Close the pipe."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()


def _activity(process: int) -> tuple[str, ...] | None:
    """Return figures that change whenever a process does something; None if it is ready to run, or not known."""
    folder = Path("/proc") / str(process)
    try:
        state, *figures = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        transferred = (folder / "io").read_text(encoding="ascii")
    except OSError:
        return None
    return None if state == _READY else (*figures[_COUNTED], transferred)
