"""Figures and moments as text, and cells of tables."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from data.output.terminal import styled
from data.text import harmless

if TYPE_CHECKING:
    from rich.text import Text


def cell(value: Any, style: str = "", limit: int = 200) -> Text:
    """Return a value as the content of a table cell, in which Rich's markup has no effect."""
    return styled(("" if value is None else harmless(value, limit), style))


def moment(seconds: float) -> str:
    """Return seconds since the epoch as date and time in UTC, to the second."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")


def iso_time(seconds: float) -> str:
    """Return seconds since the epoch in ISO 8601, in UTC and to the millisecond."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="milliseconds")


def duration(seconds: float) -> str:
    """Return a number of seconds as text, in minutes from two minutes on."""
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def size(count: float) -> str:
    """Return a number of bytes as text with a decimal unit."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"
