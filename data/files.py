"""Files that others read are written beside their place and renamed into it: whole, or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file so that no reader ever sees half of it; the folder is made if it is missing.

    Args:
        path: where it shall stand; an existing file is replaced.
        content: text is written as UTF-8.

    Raises:
        OSError: it could not be written; what stood at `path` before still does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
