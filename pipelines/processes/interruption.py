"""Ends the child processes of a run when the run itself is interrupted."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

from lineage.store.locking import STOP
from pipelines.processes.children import ChildProcesses


@contextlib.contextmanager
def ending_children(children: ChildProcesses) -> Iterator[None]:
    """Kill the children and raise KeyboardInterrupt if the run is interrupted while the block runs."""

    def interrupt(*_: object) -> None:
        children.terminate()
        STOP.set()
        raise KeyboardInterrupt

    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as under `nohup`
        numbers.append(signal.SIGHUP)
    previous = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
