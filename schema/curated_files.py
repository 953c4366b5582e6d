"""Reads schema and gates files; an error says which configuration key names the file."""

from __future__ import annotations

from pathlib import Path

from data.errors import InputError
from data.text import shortened


def read_curated_file(path: Path, what: str, key: str) -> str:
    """Read a schema or a gates file.

    Args:
        path: file to read.
        what: kind of the file, for the message.
        key: configuration key that names the file.

    Raises:
        InputError: if it does not exist, is not a regular file (a device could be read without end) or not UTF-8.
    """
    try:
        if path.exists() and not path.is_file():
            raise unreadable(path, what, key, "it is not a regular file")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise unreadable(path, what, key, str(error.strerror)) from error
    except ValueError as error:
        raise unreadable(path, what, key, str(error)) from error


def unreadable(path: Path, what: str, key: str, reason: str) -> InputError:
    """Return the error for a file that cannot be read; the arguments are those of `read_curated_file`."""
    what_is_wrong = f"the {what} cannot be read: {shortened(reason, 300)}"
    return InputError(what_is_wrong, shortened(str(path), 300), f"correct it, or name another with {key}")
