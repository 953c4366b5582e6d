"""Texts from imported data, made safe to show and sorted as people expect."""

import re
import reprlib
from typing import Any


def printable(text: str, length: int | None = None) -> str:
    """Return a text with its unprintable characters escaped, so that it cannot control a terminal or distort a page.

    Args:
        text: any text; its line ends are kept.
        length: largest number of characters, above which the text is cut; None for no limit.
    """
    if length is not None and len(text) > length:
        text = f"{text[: length - 1]}…"
    return "".join(c if c.isprintable() or c == "\n" else _escape(c) for c in text)


def shortened(text: str, length: int = 80) -> str:
    """Return a text with its middle left out if it is longer than `length` characters."""
    return text if len(text) <= length else f"{text[: length // 2]} … {text[-length // 2 + 3 :]}"


def value_text(value: Any, length: int = 80) -> str:
    """Return the Python form of a value, cut to `length` characters without ever forming a long one."""
    limited = reprlib.Repr()
    limited.maxlevel, limited.maxstring, limited.maxlong, limited.maxother = 4, length, length, length
    try:
        return shortened(limited.repr(value), length)
    except ValueError:  # Python does not write integers of thousands of digits
        return f"an integer of {value.bit_length()} bits" if isinstance(value, int) else f"a {type(value).__name__}"


def natural(text: str) -> list[str | int]:
    """Return a sort key by which numbers in names count as numbers: `p2` is before `p10`."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d{1,18})", text)]


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
