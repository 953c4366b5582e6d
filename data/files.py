"""Files that others read are written beside their place and renamed into it: whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file so that no reader ever sees half of it; the folder is made if it is missing.

    Args:
        path: where it shall stand; an existing file is replaced.
        content: text is written as UTF-8.

    Raises:
        OSError: it could not be written; what stood at `path` before still does.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside the given one, to write a large file to piece by piece; at the end it takes the place of `path`.

    Raises:
        OSError: it could not be written; what stood at `path` before still does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
