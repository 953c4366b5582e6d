"""Ends the child processes of a run when the run itself is interrupted."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

from lineage.store.locking import STOP
from pipelines.processes.children import ChildProcesses


@contextlib.contextmanager
def ending_children(children: ChildProcesses) -> Iterator[None]:
    """Kill the children and raise KeyboardInterrupt if SIGTERM or SIGINT arrives while the block runs."""

    def interrupt(*_: object) -> None:
        children.terminate()
        STOP.set()
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
