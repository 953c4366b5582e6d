"""Names that come from strangers, made fit to be shown."""

import re


def printable(text: str, length: int | None = None) -> str:
    """Return a text in which what would steer a terminal or change how a page is read is written as an escape.

    Args:
        text: may hold control characters, overrides of the writing direction and the like; line ends stay.
        length: cut after so many characters.
    """
    if length is not None and len(text) > length:
        text = f"{text[: length - 1]}…"
    return "".join(c if c.isprintable() or c == "\n" else _escape(c) for c in text)


def natural(text: str) -> list[str | int]:
    """A key to sort names by as people do: `p2` before `p10`."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d{1,18})", text)]


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
