"""What the system lacks or refuses when a program fails: full disk, memory, open files, and what to do about each.

Commands, executors and the metadata store's client use this one table, so that a fault has the same sentence wherever
it appears. It is found by the error number that the system gave or, where a library has turned that into text, by the
text.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data.errors import PoselineError

_LENGTH = 300
_AGAIN = "then run the same command again"
_SCARCE_BYTES, _SCARCE_FILES = 2**20, 16


@dataclass(frozen=True)
class _Fault:
    """One kind of fault.

    Attributes:
        what: what is wrong.
        remedy: what to do.
        numbers: the system's error numbers.
        text: what libraries write in its place, a regular expression.
        space: whether the place is a file system without space.
    """

    what: str
    remedy: str
    numbers: tuple[int, ...]
    text: str
    space: bool = False


_DISK_FULL = _Fault(
    "the disk is full",
    f"free some space, {_AGAIN}",
    (errno.ENOSPC, errno.EDQUOT),
    r"No space left on device|Disk quota exceeded|database or disk is full",
    space=True,
)
_NO_INODES = (
    "the file system can hold no more files, although it has space (no free inodes)",
    f"remove files that are not needed (`df -i` shows the inodes), {_AGAIN}",
)
_FAULTS = (
    _DISK_FULL,
    _Fault(
        "the file system is read-only",
        f"make it writable (the system makes it read-only when the disk fails: see `dmesg`), {_AGAIN}",
        (errno.EROFS,),
        r"Read-only file system|attempt to write a readonly database",
    ),
    _Fault(
        "a file would become larger than a limit allows",
        f"raise the limit with `ulimit -f unlimited`, {_AGAIN}",
        (errno.EFBIG,),
        r"File too large",
    ),
    _Fault(
        "the process may open no more files",
        f"raise the limit with `ulimit -n 4096`, {_AGAIN}",
        (errno.EMFILE, errno.ENFILE),
        r"Too many open files",
    ),
    _Fault(
        "the system allows no more processes or threads",
        f"end other programs or raise the limit with `ulimit -u`, {_AGAIN}",
        (errno.EAGAIN,),
        r"can't start new thread|Resource temporarily unavailable|pthread_create failed",
    ),
    _Fault(
        "there is not enough memory",
        "end other programs or set runner.parallel_nodes=1; `ulimit -v` shows whether a limit is set; " + _AGAIN,
        (errno.ENOMEM,),
        r"Cannot allocate memory|bad_alloc|OOM when allocating|failed to map segment from shared object",
    ),
    _Fault(
        "no folder for temporary files can be written",
        f"free some space in the folder for temporary files, or set TMPDIR to another one, {_AGAIN}",
        (),
        r"No usable temporary directory",
    ),
    _Fault(
        "the system reports an error where a file is read or written",
        f"see `dmesg`, which names a failing disk, and `ulimit -f`, a limit on the size of files, {_AGAIN}",
        (errno.EIO,),
        r"Input/output error|disk I/O error",
    ),
)
_MEMORY = next(fault for fault in _FAULTS if errno.ENOMEM in fault.numbers)


def explain(error: BaseException) -> PoselineError | None:
    """Return what the system lacks or refuses, if that is what an error or one of its causes reports; else None."""
    for cause in causes(error):
        fault = _MEMORY if isinstance(cause, MemoryError) else _fault_of(cause)
        if fault is not None:
            return _explained(fault, cause)
    return None


def explain_text(text: str) -> PoselineError | None:
    """Return what the system lacks or refuses, if a text of a library or a log says so; None if it does not."""
    fault = next((fault for fault in _FAULTS if re.search(fault.text, text)), None)
    return _explained(fault, None) if fault else None


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its cause, the cause of that, and so on."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _fault_of(error: BaseException) -> _Fault | None:
    number = error.errno if isinstance(error, OSError) else None
    for fault in _FAULTS:
        if number in fault.numbers or re.search(fault.text, str(error)):
            return fault
    return None


def _explained(fault: _Fault, error: BaseException | None) -> PoselineError:
    name = getattr(error, "filename", None)
    where = os.fsdecode(name)[:_LENGTH] if isinstance(name, str | bytes) else None
    if not fault.space:
        return PoselineError(fault.what, where, fault.remedy)
    places = [Path(where).parent] if where else list(_mount_points())
    scarce = {place: shortage for place in places if (shortage := _shortage(place))}
    what, remedy = fault.what, fault.remedy
    if "files" in scarce.values() and "bytes" not in scarce.values():
        what, remedy = _NO_INODES
    return PoselineError(what, where or ", ".join(map(str, scarce)) or None, remedy)


def _mount_points() -> Iterator[Path]:
    """Yield the mount points of local file systems; a server that is gone would block the question."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        _, place, kind, options, *_ = line.split(" ")
        if not kind.startswith(("nfs", "cifs", "smb", "fuse", "autofs")) and "rw" in options.split(","):
            yield Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), place))


def _shortage(folder: Path) -> str | None:
    """Return what a file system has none left of, `bytes` or `files`; None if it has both or cannot be asked."""
    try:
        state = os.statvfs(folder)
    except OSError:
        return None
    if state.f_blocks and state.f_bavail * state.f_frsize < _SCARCE_BYTES:
        return "bytes"
    return "files" if state.f_files and state.f_favail < _SCARCE_FILES else None
