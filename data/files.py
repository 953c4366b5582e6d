"""Atomic writing: a file or folder is written under a hidden name next to its target, then renamed to it."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path


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
    """Yield a temporary path for a new file, which takes the place of `path` when the block succeeds.

    Args:
        path: the file; it is replaced if it exists, and its folder is made if it is missing.
        staging: folder of the temporary file, on the same file system; by default the folder of `path`.

    Yields:
        A path that does not exist yet, for the block to write to; it is removed if the block fails.

    Raises:
        OSError: if it cannot be written; `path` is then as it was before.
    """
    temporary = _temporary_path(path, staging)
    try:
        yield temporary
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
    temporary = _temporary_path(path, staging)
    try:
        yield temporary
        path.parent.mkdir(parents=True, exist_ok=True)
        _refuse_existing(path)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        with contextlib.suppress(OSError):  # the error of the block says more
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def creating_folder(path: Path, staging: Path | None = None) -> Iterator[Path]:
    """Yield a temporary folder, which is renamed to `path` when the block succeeds; `path` must not exist.

    Arguments and errors are those of `creating`. The yielded folder exists and is empty.
    """
    with creating(path, staging) as temporary:
        temporary.mkdir()
        yield temporary


def _temporary_path(path: Path, staging: Path | None) -> Path:
    """Return an unused hidden path and make the folder that it is in.

    The name is random instead of reserved by `tempfile`, so that the file or folder gets the usual permissions.
    """
    folder = path.parent if staging is None else staging
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f".{path.name}.{secrets.token_hex(8)}"


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
