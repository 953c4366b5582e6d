"""Templates of HTML pages and SVG drawings, in which names from outside have no effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from data.text import harmless


def templates(folder: Path) -> Environment:
    """Return the templates of a folder: every value is escaped for HTML, and what is invisible in it is shown."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _visible(value: Any) -> Any:
    """Return a value of a template as one line of visible characters; markup was made of such values, or is our own."""
    return harmless(value, None) if isinstance(value, str) and not isinstance(value, Markup) else value
