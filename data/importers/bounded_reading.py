"""Reading of files that may be hostile: in a child process, with a budget for each file that the kernel enforces.

Every reader, whatever it does with a file, runs here. The budget of a file grows with its size:

- Memory: the data segment of the child (RLIMIT_DATA), which Python, NumPy, Arrow and libraries in C all allocate from.
- CPU time: a timer interrupts Python code, and RLIMIT_CPU ends code that does not return to the interpreter. It is CPU
  time and not wall time, so that a busy machine does not change what is imported.
- Results: the bytes that the reader returns. A few bytes of a compressed file can stand for gigabytes.
- Silence: a reader that waits for the file and does nothing, as for one on a network drive that is gone, is ended after
  a minute; see `data.system.silence`.

A file beyond its budget, or one that makes the reader crash, becomes an InputError, and the files after it are read by
a new child. Anything but a regular file is rejected before it is opened, because reading a pipe may never end.

The child is a fork: it starts in milliseconds, and starting Python and Arrow anew would take longer than reading most
sources. It uses no thread, and its standard output and error are discarded.
"""

import faulthandler
import gc
import io
import os
import pickle
import resource
import signal
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
import pyarrow as pa

from data.errors import InputError
from data.importers.clips.faults import unexpected_fault
from data.system import silence
from data.system.limits import die_with_parent, lower_limit

MIN_SECONDS, SECONDS_PER_MB = 5.0, 1.0
"""CPU time of the smallest file, and of each megabyte. The slowest format, a table with a fault in each block, needs
0.2 s for a megabyte."""

MIN_MEMORY, MEMORY_PER_BYTE, MAX_MEMORY = 256 << 20, 4, 3 << 30
"""Memory, in bytes, for the smallest file, for each of its bytes, and for any file."""

MIN_RESULTS, RESULTS_PER_BYTE = 128 << 20, 100
"""Bytes of results for the smallest file and for each of its bytes."""

RESULT_OVERHEAD = 2048
"""Bytes that each result counts in addition to its own, for the work that it causes."""

_SILENT = "silence"
_TRIES_TO_END = 50
_GRACE = 2
"""Seconds of CPU time after the timer, at which the kernel ends the child."""

_RESERVE = 4 << 20
"""Bytes that are kept for saying that no memory is left."""

_STATM = Path("/proc/self/statm")
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)
REMEDY = "check where the file is from: it is damaged, or made to exhaust its reader"


@dataclass(frozen=True, slots=True)
class Budget:
    """What reading some files may take.

    Attributes:
        seconds: CPU time.
        memory: bytes of memory beyond those of the process before.
        results: bytes of results.
    """

    seconds: float
    memory: int
    results: int

    @classmethod
    def of(cls, paths: Iterable[Path]) -> "Budget":
        """Return the budget of some files that are read together.

        Raises:
            InputError: if one is missing or is not a regular file.
        """
        size = sum(map(regular_size, paths))
        return cls(
            seconds=MIN_SECONDS + SECONDS_PER_MB * size / 1e6,
            memory=min(MIN_MEMORY + MEMORY_PER_BYTE * size, MAX_MEMORY),
            results=MIN_RESULTS + RESULTS_PER_BYTE * size,
        )

    @property
    def time_fault(self) -> str:
        """The fault of a file that takes too long."""
        return f"the file takes more than {self.seconds:.0f} s of CPU time to read"

    @property
    def memory_fault(self) -> str:
        """The fault of a file that takes too much memory."""
        return f"the file takes more than {self.memory >> 20} MB of memory to read"


def read_bounded[T](read: Callable[[Path], T], path: Path) -> T:
    """Return what a function reads from a file, or from the files of a folder.

    Args:
        read: the function, which runs in a child process.
        path: its argument.

    Raises:
        InputError: if `read` raises it, or the file takes more than its budget.
    """
    files = [file for file in sorted(path.iterdir()) if file.is_file()] if path.is_dir() else [path]
    with BoundedReading([path], lambda one: iter([read(one)]), lambda _: files) as reading:
        ((_, result),) = reading
    if isinstance(result, InputError):
        raise result
    return result


class BoundedReading[Job, T]:
    """A child process that reads some jobs one after the other; it is started at once.

    Args:
        jobs: what to read.
        read: function that yields the results of a job; it runs in the child.
        paths: function that returns the files of a job, which determine its budget.
        spool: folder of a temporary file that takes the results, so that the child does not wait for them to be taken;
            None for a pipe.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        read: Callable[[Job], Iterator[T]],
        paths: Callable[[Job], Sequence[Path]],
        spool: Path | None = None,
    ) -> None:
        self._jobs = jobs
        self._read = read
        self._paths = paths
        self._spool = spool
        self._child = self._start(0)

    def __enter__(self) -> "BoundedReading[Job, T]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child if it still runs."""
        self._child.end()

    def __iter__(self) -> Iterator[tuple[int, T | InputError]]:
        """Yield (number of the job, a result of it), in order; an InputError stands for the rest of a job's results."""
        first = 0
        while first < len(self._jobs):
            current = first
            for current, message in self._child.messages():
                if message is not None:
                    yield current, message[0]
            if end := self._child.end():
                yield current, self._death(current, *end)
            first = current + 1  # a child ends early after a job that took more than its budget
            if first < len(self._jobs):
                self._child = self._start(first)

    def _death(self, number: int, name: str, peak: int) -> InputError:
        """Return the fault of a job whose child was ended by a signal.

        Args:
            number: number of the job.
            name: name of the signal, or `_SILENT`.
            peak: largest resident memory of the child in bytes.
        """
        if name == _SILENT:  # its size is not asked for, because the answer may never come
            what = f"the file cannot be read: nothing has come from it for {silence.SILENT_SECONDS} s"
            return InputError(what, None, "check the drive that it is on, or copy the file to another one first")
        try:
            budget = Budget.of(self._paths(self._jobs[number]))
        except InputError as error:
            return error
        if name == "SIGXCPU":
            return InputError(budget.time_fault, None, REMEDY)
        # Libraries in C and Rust may crash where Python raises a MemoryError.
        reason = f", because {budget.memory_fault}" if peak > budget.memory / 2 else ""
        return InputError(f"the process that read the file was ended by {name}{reason}", None, REMEDY)

    def _start(self, first: int) -> "_Child":
        """Fork a child for the jobs from the given one."""
        data_bytes()  # if the child cannot know it either, that is no fault of a file
        source, target = os.pipe()
        spooled = None
        if self._spool is not None:
            with tempfile.TemporaryFile(dir=self._spool) as file:
                spooled = os.dup(file.fileno())
        parent = os.getpid()
        try:
            process = os.fork()
        except OSError as error:
            raise InputError(
                f"no process can be started to read the source: {error.strerror}",
                None,
                "end other programs, or raise the limit on processes (ulimit -u)",
            ) from error
        if process == 0:
            os.close(source)
            die_with_parent()
            if os.getppid() != parent:  # it had ended before
                os._exit(1)
            self._work(first, target if spooled is None else spooled)
        os.close(target)
        return _Child(process, source, spooled)

    def _work(self, first: int, target: int) -> NoReturn:
        """Read the jobs from the given one, in the child; it exits with 1 if it cannot send what it read."""
        code = 1
        try:
            with os.fdopen(target, "wb") as file:
                work = _Work(file, self._read, self._paths)
                for number, job in enumerate(self._jobs[first:], first):
                    if not work.do(number, job):
                        break
            code = 0
        finally:
            os._exit(code)


class _OutOfBudgetError(BaseException):
    """A job took too much; as a BaseException it passes the handlers of errors in readers and libraries."""


class _Work:
    """The child's side: it sends (number, None) at the beginning of a job and (number, (result,)) for each result."""

    def __init__(
        self, file: IO[bytes], read: Callable[[Any], Iterator[Any]], paths: Callable[[Any], Sequence[Path]]
    ) -> None:
        self._file = file
        self._read = read
        self._paths = paths
        self._fault = ""
        self._sending = False
        self._reserve = b""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGXCPU):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGPROF, self._interrupt)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        faulthandler.disable()
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silent, stream)
        pa.set_memory_pool(pa.system_memory_pool())  # the usual one has reserved memory already, which has no limit
        np.seterr(all="ignore")  # what is out of range is found by the checks of clips and sequences
        gc.freeze()

    def do(self, number: int, job: Any) -> bool:
        """Send the results of a job; return whether the child can go on with the next one."""
        self._send(number, None)
        budget = None
        try:
            budget = Budget.of(self._paths(job))
            with self._limited(budget):
                self._send_results(number, job, budget)
        except InputError as error:
            fault = error
        except (MemoryError, _OutOfBudgetError) as error:
            assert budget is not None
            what = str(error) if isinstance(error, _OutOfBudgetError) else budget.memory_fault
            self._send(number, (InputError(what, None, REMEDY),))
            return False
        except Exception as error:
            fault = unexpected_fault(error)
        else:
            return True
        self._send(number, (fault,))
        return True

    def _send_results(self, number: int, job: Any, budget: Budget) -> None:
        sent = 0
        for result in self._read(job):
            sent += self._send(number, (result,)) + RESULT_OVERHEAD
            if sent > budget.results:
                raise _OutOfBudgetError(f"the file stands for more than {budget.results >> 20} MB of records")

    @contextmanager
    def _limited(self, budget: Budget) -> Iterator[None]:
        """Limit the process during the block.

        A reader may leave no memory at all, and what it holds is freed only when its error has been handled. So the
        limits end first, and a reserve is freed before: it is of use where the process has other limits, too.
        """
        self._fault = budget.time_fault
        self._reserve = bytes(_RESERVE)
        signal.setitimer(signal.ITIMER_PROF, budget.seconds, 0.1)
        used = sum(os.times()[:2])
        lower_limit(resource.RLIMIT_CPU, int(used + budget.seconds) + _GRACE)
        lower_limit(resource.RLIMIT_DATA, data_bytes() + budget.memory)
        try:
            yield
        finally:
            self._reserve = b""
            signal.setitimer(signal.ITIMER_PROF, 0)
            lower_limit(resource.RLIMIT_DATA, resource.getrlimit(resource.RLIMIT_DATA)[1])

    def _interrupt(self, *_: Any) -> None:
        if not self._sending:  # half a message would make the next ones unreadable
            raise _OutOfBudgetError(self._fault)

    def _send(self, number: int, message: tuple[Any] | None) -> int:
        content = pickle.dumps((number, message), protocol=5)
        self._sending = True
        self._file.write(content)
        self._file.flush()
        self._sending = False
        return len(content)


class _Child:
    """The parent's side of a child process.

    Args:
        process: id of the process.
        pipe: pipe that the child writes to, and whose end is that of the child.
        spooled: file that the child writes to instead.
    """

    def __init__(self, process: int, pipe: int, spooled: int | None) -> None:
        self._process: int | None = process
        self._pipe = io.BufferedReader(silence.PipeFromProcess(pipe, process))
        self._spooled = None if spooled is None else os.fdopen(spooled, "rb")
        self._end: tuple[str, int] | None = None

    def messages(self) -> Iterator[tuple[int, tuple[Any] | None]]:
        """Yield what the child sends, until it ends or is found to be silent."""
        try:
            if self._spooled is not None:
                self._pipe.read()
        except silence.SilentError:
            self._end_silent()
        if self._spooled is not None:
            self._wait()
            self._spooled.seek(0)
        try:
            with suppress(EOFError, pickle.UnpicklingError):  # the child ended, perhaps within a message
                while True:
                    yield pickle.load(self._spooled or self._pipe)
            self._wait()
        except silence.SilentError:
            self._end_silent()

    def end(self) -> tuple[str, int] | None:
        """End the child if it still runs; return what ended it and its peak memory, None if it exited."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)
            self._wait()
        self._pipe.close()
        if self._spooled is not None:
            self._spooled.close()
        return self._end

    def _end_silent(self) -> None:
        """End a child that waits for something; one that even a signal cannot wake is left to the system."""
        assert self._process is not None
        os.kill(self._process, signal.SIGKILL)
        for _ in range(_TRIES_TO_END):
            if os.waitpid(self._process, os.WNOHANG)[0]:
                break
            time.sleep(0.1)
        self._process = None
        self._end = _SILENT, 0

    def _wait(self) -> None:
        if self._process is None:
            return
        _, status, usage = os.wait4(self._process, 0)
        self._process = None
        if os.WIFSIGNALED(status):
            self._end = signal.Signals(os.WTERMSIG(status)).name, usage.ru_maxrss * 1024
        elif os.WEXITSTATUS(status):
            raise InputError(
                "a process that read files could not hand over what it had read",
                None,
                "free space on the disk and raise limits on file sizes (ulimit -f), then import again",
            )


def regular_size(path: Path) -> int:
    """Return the size of a regular file in bytes.

    Raises:
        InputError: if it is missing, or is a pipe, a device or anything else that may never end.
    """
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"the file cannot be read: {reason}", str(path), "check the path") from error
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for test, name in _KINDS if test(status.st_mode)), "not a regular file")
        raise InputError(f"the source is {kind}", str(path), "give a file, or save what it holds to one")
    return status.st_size


def data_bytes() -> int:
    """Return the size of this process's data segment, as RLIMIT_DATA counts it.

    Raises:
        InputError: the system does not say it.
    """
    try:
        with _STATM.open("rb") as file:
            return int(file.read().split()[5]) * resource.getpagesize()
    except OSError as error:
        raise InputError(
            f"no file can be read within limits, because the system's own files are hidden: {error.strerror}",
            str(_STATM),
            "mount /proc (mount -t proc proc /proc), or allow reading it",
        ) from error
