"""JSON of unknown origin, parsed into plain values with bounds on size, depth and numbers, and one kind of error."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_MAX_DEPTH = 50
_MAX_INTEGER = 2**63 - 1


def read_json(path: Path, max_bytes: int) -> Any:
    """Read a JSON file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a regular file, is larger than `max_bytes`, or `parse_json` rejects its content.
    """
    return parse_json(read_bytes(path, max_bytes), max_bytes)


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """Read a small file, without ever waiting for a pipe or reading more than `max_bytes` + 1 bytes.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a regular file, or is larger than `max_bytes`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise ValueError("it is a folder, not a file" if stat.S_ISDIR(mode) else "it is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"it has more than {max_bytes} bytes")
    return content


def parse_json(content: bytes, max_bytes: int) -> Any:
    """Parse one JSON value.

    Raises:
        ValueError: the content has more than `max_bytes` bytes, is not JSON in UTF-8, repeats a key, is nested too
            deeply, or has a number that is not finite or an integer of more than 64 bits; the message is one line.
    """
    if len(content) > max_bytes:
        raise ValueError(f"it has more than {max_bytes} bytes")
    try:
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_finite,
            parse_float=_finite,
            parse_int=_integer,
        )
    except RecursionError:
        raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep") from None
    _check(value)
    return value


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key is repeated")
    return result


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is not finite")
    return number


def _integer(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > _MAX_INTEGER:
        raise ValueError("an integer has more than 64 bits")
    return int(text)


def _check(value: Any) -> None:
    """Raise ValueError if a value is nested too deeply or has text that is not Unicode: half of a surrogate pair."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, str):
                item.encode()
            elif isinstance(item, list):
                inner += item
            elif isinstance(item, dict):
                inner += (*item, *item.values())
        level = inner
    if level:
        raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep")
