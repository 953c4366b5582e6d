"""Names that come from strangers, made fit to be shown."""


def printable(text: str, length: int | None = None) -> str:
    """Return a text without what would steer a terminal or change how a page is read.

    Args:
        text: may hold control characters, overrides of the writing direction and the like; line ends stay.
        length: cut after so many characters.
    """
    shown = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown if length is None or len(shown) <= length else f"{shown[: length - 1]}…"
