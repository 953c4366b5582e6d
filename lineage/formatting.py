"""How names and figures are shown: ids come from strangers and may hold anything."""

from __future__ import annotations

import datetime
from typing import Any

from rich.text import Text

from data.text import printable


def harmless(value: Any, limit: int = 200) -> str:
    """A value as one line of visible characters: control and direction marks become escapes, long text is cut."""
    return printable(str(value), limit).replace("\n", "\\n")


def cell(value: Any, style: str = "", limit: int = 200) -> Text:
    """A value for a table; what looks like markup is shown as it is."""
    return Text("" if value is None else harmless(value, limit), style=style)


def moment(seconds: float) -> str:
    """A time in UTC, to the second."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """A length of time."""
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def size(count: float) -> str:
    """A number of bytes."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"
