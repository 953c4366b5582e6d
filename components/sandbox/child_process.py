"""A module run in a new interpreter: nothing is inherited, its time is limited, and its end is understood."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.project import PROJECT_ROOT

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Ending:
    """How a child process ended.

    Attributes:
        code: exit code; negative: the signal that ended it; None: it was ended because its time was up.
        seconds: how long it ran.
        limit: how long it might have run, in seconds.
        log: what it wrote.
    """

    code: int | None
    seconds: float
    limit: float
    log: str

    @property
    def fault(self) -> str | None:
        """What was wrong, in a few words; None if it ended well."""
        if self.code is None:
            return f"took more than {self.limit:g} s"
        if self.code < 0:
            return f"crashed with {signal.Signals(-self.code).name}"
        return f"ended with exit code {self.code}" if self.code else None


def run_module(module: str, arguments: Sequence[str], log: Path, time_limit_seconds: float) -> Ending:
    """Runs `python -m module arguments...` and waits for its end.

    Args:
        module: dotted name, of this project.
        arguments: of its command line.
        log: file that gets what it writes.
        time_limit_seconds: it is killed after this time, with all that it started.
    """
    start = time.monotonic()
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=PROJECT_ROOT,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = child.wait(time_limit_seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(child)
    return Ending(code, time.monotonic() - start, time_limit_seconds, log.read_text(errors="replace"))


def die_with_parent(how: signal.Signals = signal.SIGKILL) -> None:
    """Asks the kernel to send this process a signal when the one that started it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, how)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ends the child and whatever it started."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
