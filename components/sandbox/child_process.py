"""Runs a module in a new interpreter with a time limit, and reports how the process ended."""

from __future__ import annotations

import contextlib
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
_TICK_SECONDS = 0.5


@dataclass(frozen=True)
class Ending:
    """How a child process ended.

    Attributes:
        code: exit code; if negative, the signal that ended the process; None if it exceeded its time limit.
        seconds: wall time of the process.
        limit: time limit in seconds.
        log: standard output and standard error of the process.
    """

    code: int | None
    seconds: float
    limit: float
    log: str

    @property
    def fault(self) -> str | None:
        """Describe the failure in a few words; None if the process succeeded."""
        if self.code is None:
            return f"took more than {self.limit:g} s"
        if self.code < 0:
            return f"crashed with {signal.Signals(-self.code).name}"
        return f"ended with exit code {self.code}" if self.code else None


def run_module(module: str, arguments: Sequence[str], log: Path, time_limit_seconds: float) -> Ending:
    """Run `python -m module arguments...` and wait for its end.

    Args:
        module: dotted name of a module of this project.
        arguments: command-line arguments of the module.
        log: file for standard output and standard error.
        time_limit_seconds: seconds after which the process is killed together with every process it started.
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
            code = _wait(child, time_limit_seconds)
        finally:
            _kill_group(child)
    return Ending(code, time.monotonic() - start, time_limit_seconds, log.read_text(errors="replace"))


def die_with_parent(sent: signal.Signals = signal.SIGKILL) -> None:
    """Make the kernel send this process a signal when its parent process ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, sent)


def _wait(child: subprocess.Popen[bytes], seconds: float) -> int | None:
    """Return the exit code of a child; None if it does not end in time.

    The time is counted in short waits: while this process is stopped (SIGSTOP), it does not pass.
    """
    for wait in (_TICK_SECONDS,) * int(seconds / _TICK_SECONDS) + (seconds % _TICK_SECONDS,):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(wait)
    return None


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill a child that still runs, together with the processes it started."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
