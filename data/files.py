"""Writing to the disk: the one mechanism by which files and folders are made and replaced.

Everything is *staged* first: made in a new private folder `.poseline-XXXXXXXX` in the folder of its target, and renamed
to the target when it is complete. So no reader sees half of it, and nothing that exists is opened, or followed if it is
a link.

A staging folder has a file `lock`, which its process keeps locked. If it can be locked, its process is dead: the next
process that stages something in the same folder removes it. Nothing else is ever removed: not by its name alone, not
what belongs to another user, not what is still being written.

A path that the user names for a result is written with `output`. An existing file there is replaced only if it is an
unchanged output: its SHA-256 is recorded with it, in the extended attribute `user.poseline.sha256`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from data.errors import InputError

STAGING = ".poseline-"
"""First part of the names of staging folders."""

_STAGING_NAME = re.compile(re.escape(STAGING) + r"[a-z0-9_]{8}")
_LOCK = "lock"
_MARK = b"Poseline makes something in this folder. It can be removed when no process of Poseline runs.\n"
_CONTENT = "content"
_DIGEST_ATTRIBUTE = "user.poseline.sha256"


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that no reader ever sees half of it.

    Args:
        path: the file; it is replaced if it exists, and its folder is made if it is missing.
        content: what to write; text is encoded as UTF-8.

    Raises:
        OSError: if it cannot be written; `path` is then as it was before.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def replacing(path: Path, staging: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path for a new file or link, which takes the place of `path` when the block succeeds.

    For files in folders that are Poseline's own; see `output` for those that the user names.

    Args:
        path: the file; it is replaced if it exists, and its folder is made if it is missing.
        staging: folder of the temporary file, on the same file system; by default the folder of `path`.

    Yields:
        A path that does not exist yet, for the block to write to; it is removed if the block fails.

    Raises:
        OSError: if it cannot be written; `path` is then as it was before.
    """
    with staging_folder(staging or path.parent) as folder:
        yield folder / _CONTENT
        path.parent.mkdir(parents=True, exist_ok=True)
        (folder / _CONTENT).replace(path)


@contextlib.contextmanager
def creating(path: Path, staging: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path for a new file or folder, which is renamed to `path` when the block succeeds.

    Args:
        path: the file or folder, which must not exist; the folder above it is made if it is missing.
        staging: folder of the temporary path, on the same file system; by default the folder of `path`.

    Yields:
        A path that does not exist yet, for the block to make; it is removed with its content if the block fails.

    Raises:
        OSError: if it cannot be written; FileExistsError if `path` exists before or after the block.
    """
    _refuse_existing(path)
    with staging_folder(staging or path.parent) as folder:
        yield folder / _CONTENT
        path.parent.mkdir(parents=True, exist_ok=True)
        _move_to_new(folder / _CONTENT, path)


@contextlib.contextmanager
def creating_folder(path: Path, staging: Path | None = None) -> Iterator[Path]:
    """Yield a temporary folder, which is renamed to `path` when the block succeeds; `path` must not exist.

    Arguments and errors are those of `creating`. The yielded folder exists and is empty.
    """
    with creating(path, staging) as temporary:
        temporary.mkdir()
        yield temporary


@contextlib.contextmanager
def output(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary path for a file or folder that the user named, which becomes `path` when the block succeeds.

    A file at `path` is replaced if it is an earlier output that nobody changed, or if `overwrite` is given. A link is
    never replaced: it may be `/dev/stdout`.

    Args:
        path: the file or folder; the folder above it is made if it is missing.
        overwrite: whether the user allowed replacing a file that is not an earlier output.

    Yields:
        A path that does not exist yet, for the block to make; it is removed with its content if the block fails.

    Raises:
        InputError: `path` exists and must not be replaced; it is left as it is.
        OSError: it cannot be written; `path` is then as it was before.
    """
    _refuse_foreign(path, overwrite=overwrite)
    with staging_folder(path.parent) as folder:
        made = folder / _CONTENT
        yield made
        _record_digest(made)
        earlier = _refuse_foreign(path, overwrite=overwrite)
        if earlier is None:
            try:
                _move_to_new(made, path)
            except FileExistsError:  # another process was faster
                raise _refusal("the target exists already", path) from None
        elif made.is_dir():
            raise _refusal("the target exists already and is a file, not a folder", path)
        else:
            made.chmod(stat.S_IMODE(earlier.st_mode))
            made.replace(path)


@contextlib.contextmanager
def staging_folder(parent: Path) -> Iterator[Path]:
    """Yield a new private folder, which is removed with its content after the block.

    What is made in it gets the usual permissions and can be renamed to a place outside of it.

    Args:
        parent: folder in which to make it; it is made if it is missing.

    Raises:
        OSError: it cannot be made.
    """
    parent.mkdir(parents=True, exist_ok=True)
    _remove_dead_staging_once(parent.absolute())
    folder = Path(tempfile.mkdtemp(prefix=STAGING, dir=parent))
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        folder.rmdir()  # `rmtree` could not: the cause may be that no more files may be opened
        raise
    try:
        with contextlib.suppress(OSError):  # where files cannot be locked, nothing is taken for dead either
            fcntl.flock(lock, fcntl.LOCK_EX)
        os.write(lock, _MARK)
        yield folder
    finally:
        with contextlib.suppress(OSError):
            _remove_staging(folder)
        os.close(lock)


def remove_dead_staging(parent: Path) -> None:
    """Remove the staging folders that dead processes left in a folder."""
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if _STAGING_NAME.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _remove_if_dead(Path(entry.path))


# Once per process and folder, so that writing many files into one folder does not list it each time.
_remove_dead_staging_once = functools.lru_cache(maxsize=1024)(remove_dead_staging)


def open_own(path: Path, flags: int) -> int:
    """Open a file that only Poseline writes, such as a lock or a log; return its descriptor.

    Args:
        path: the file, which must be a regular file if it exists: a link is not followed, a pipe is not waited for.
        flags: flags of `os.open`.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return descriptor


def try_lock(descriptor: int) -> bool:
    """Lock a file for this process alone; return False if another process has locked it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_if_dead(folder: Path) -> None:
    """Remove a staging folder if it is ours and its process is dead.

    A lock without its mark is that of a process that is about to lock it.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return
    lock = open_own(folder / _LOCK, os.O_RDWR)
    try:
        if try_lock(lock) and os.read(lock, len(_MARK) + 1) == _MARK:
            _remove_staging(folder)
    finally:
        os.close(lock)


def _remove_staging(folder: Path) -> None:
    """Remove a staging folder, its lock last, so that what a process leaves that dies in between is recognised."""
    for path in [path for path in folder.iterdir() if path.name != _LOCK]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    (folder / _LOCK).unlink(missing_ok=True)
    folder.rmdir()


def _move_to_new(made: Path, path: Path) -> None:
    """Rename a file or folder to a path that does not exist.

    Raises:
        FileExistsError: it exists, even if another process has only just made it.
    """
    _refuse_existing(path)
    try:
        if made.is_dir() or not _linked(made, path):
            made.rename(path)  # a folder replaces nothing but an empty folder
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise _exists(path) from error
        raise


def _linked(made: Path, path: Path) -> bool:
    """Give a file a second name, which unlike renaming never replaces one; return False where that is impossible."""
    try:
        os.link(made, path, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        return False
    return True


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise _exists(path)


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def _refuse_foreign(path: Path, *, overwrite: bool) -> os.stat_result | None:
    """Raise an error if an output must not replace what exists; return what there is, None if nothing."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        kind = {stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}.get(stat.S_IFMT(found.st_mode), "device, pipe or socket")
        raise _refusal(f"the target exists already and is a {kind}", path)
    if not overwrite and not _is_unchanged_output(path):
        raise InputError(
            "the target exists already and is not an unchanged output of Poseline",
            str(path),
            "name another file, or replace this one with --overwrite",
        )
    return found


def _refusal(what: str, path: Path) -> InputError:
    return InputError(what, str(path), "name one that does not exist")


def _record_digest(made: Path) -> None:
    """Record the digest of an output with it; without, the file is simply never taken for an output."""
    if made.is_file():
        with contextlib.suppress(OSError):
            os.setxattr(made, _DIGEST_ATTRIBUTE, _digest(made))


def _is_unchanged_output(path: Path) -> bool:
    try:
        return os.getxattr(path, _DIGEST_ATTRIBUTE) == _digest(path)
    except OSError:
        return False


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest().encode()
