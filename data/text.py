"""Texts from imported data, made safe to show and sorted as people expect."""

import re


def printable(text: str, length: int | None = None) -> str:
    """Return a text with its unprintable characters escaped, so that it cannot control a terminal or distort a page.

    Args:
        text: any text; its line ends are kept.
        length: largest number of characters, above which the text is cut; None for no limit.
    """
    if length is not None and len(text) > length:
        text = f"{text[: length - 1]}…"
    return "".join(c if c.isprintable() or c == "\n" else _escape(c) for c in text)


def natural(text: str) -> list[str | int]:
    """Return a sort key by which numbers in names count as numbers: `p2` is before `p10`."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d{1,18})", text)]


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
