"""Runs a module in a process of its own with limits, and reports how the process ended."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import re
import resource
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from data.project import PROJECT_ROOT
from data.system.child_environment import child_environment
from data.system.limits import lower_limit

_TICK_SECONDS = 0.5
_LOG_BYTES = 1_000_000
_LACKING = re.compile("[Mm]emory|OOM|allocat|Errno")


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
            return f"crashed with {signal_name(-self.code)}"
        return f"ended with exit code {self.code}" if self.code else None

    @property
    def may_pass(self) -> bool:
        """Whether the fault may not repeat itself: a crash, the time limit, or what the machine lacked."""
        return self.code != 1 or _LACKING.search(self.last_line) is not None

    @property
    def last_line(self) -> str:
        """Last line of the log: the error, if Python ended with one."""
        return "".join(self.log.strip().splitlines()[-1:])


def signal_name(number: int) -> str:
    """Return the name of a signal; most real-time signals have none."""
    return next((known.name for known in signal.Signals if known == number), f"signal {number}")


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
        child = start_module(module, arguments, output)
        try:
            code = _wait(child, time_limit_seconds)
        finally:
            kill_group(child)
    return Ending(code, time.monotonic() - start, time_limit_seconds, log.read_text(errors="replace"))


def run_forked(module: str, arguments: Sequence[str], log: Path, time_limit_seconds: float) -> Ending:
    """Do what `run_module` does in a copy of this process, so that what it has imported is not imported again.

    Call it only in a process that has not used TensorFlow yet: a copy has none of the threads that are then waited for.
    """
    start = time.monotonic()
    child = multiprocessing.get_context("fork").Process(target=_become, args=(module, arguments, log))
    child.start()
    try:
        for wait in _waits(time_limit_seconds):
            if child.exitcode is None:
                child.join(wait)
        code = child.exitcode
    finally:
        if child.exitcode is None:
            with contextlib.suppress(ProcessLookupError):  # it has no session yet
                os.killpg(child.pid or 0, signal.SIGKILL)
            child.kill()
            child.join()
    return Ending(code, time.monotonic() - start, time_limit_seconds, log.read_text(errors="replace"))


def _become(module: str, arguments: Sequence[str], log: Path) -> None:
    """Turn this process into `python -m module arguments...`."""
    os.setsid()
    with log.open("wb") as output, Path(os.devnull).open("rb") as nothing:
        for source, descriptor in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(source.fileno(), descriptor)
    sys.stdout, sys.stderr = (os.fdopen(descriptor, "w", 1, closefd=False) for descriptor in (1, 2))
    os.chdir(PROJECT_ROOT)
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _waits(seconds: float) -> Sequence[float]:
    return (_TICK_SECONDS,) * int(seconds / _TICK_SECONDS) + (seconds % _TICK_SECONDS,)


def _wait(child: subprocess.Popen[bytes], seconds: float) -> int | None:
    """Return the exit code of a child; None if it does not end in time.

    The time is counted in short waits: while this process is stopped (SIGSTOP), it does not pass.
    """
    for wait in _waits(seconds):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(wait)
    return None


def start_module(
    module: str, arguments: Sequence[str], output: IO[bytes], pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start `python -m module arguments...` as the first process of a session, which no Ctrl-C reaches.

    Args:
        module: dotted name of a module of this project.
        arguments: command-line arguments of the module.
        output: file for standard output and standard error.
        pass_fds: file descriptors that the process inherits.
    """
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=PROJECT_ROOT,
        env=child_environment() | {"TF_CPP_MIN_LOG_LEVEL": "2"},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=pass_fds,
        start_new_session=True,
    )


def limit_memory(more: int) -> None:
    """Limit the memory of this process to what it uses now and `more` bytes, and forbid core dumps and long logs."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    lower_limit(resource.RLIMIT_AS, pages * resource.getpagesize() + more)
    lower_limit(resource.RLIMIT_FSIZE, _LOG_BYTES)
    lower_limit(resource.RLIMIT_CORE, 0)


def limit_seconds(more: float) -> None:
    """Let the kernel end this process when it has used `more` seconds of processor time from now on."""
    lower_limit(resource.RLIMIT_CPU, math.ceil(time.process_time() + more))


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill a child that still runs, together with the processes it started."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
