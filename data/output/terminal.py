"""The terminal as Rich draws it, on which names from outside have no effect."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from data.text import LONGEST, harmless, printable


def styled(*parts: str | tuple[str, str]) -> Text:
    """Return one line of parts, each a string, or a string and its style such as `bold red`."""
    return Text.assemble(
        *(harmless(part, LONGEST) if isinstance(part, str) else (harmless(part[0], LONGEST), part[1]) for part in parts)
    )


def stacked(lines: Iterable[str]) -> Text:
    """Return lines for one cell of a table."""
    return Text("\n").join(map(styled, lines))


class Terminal(Console):
    """A console on which every string is data.

    A string is shown as one line of visible characters, and square brackets and colons in it are no markup. Style and
    line ends come from `styled` and `stacked`. Whatever is drawn, what is invisible in it is escaped.

    Args:
        stderr: whether to print on standard error instead of standard output.
        file: where to print instead of these.
        width: width of lines; None for the width of the terminal, and for unbroken lines in files and pipes.
    """

    def __init__(self, *, stderr: bool = False, file: IO[str] | None = None, width: int | None = None) -> None:
        breaks = (file or (sys.stderr if stderr else sys.stdout)).isatty()
        super().__init__(
            stderr=stderr,
            file=file,
            width=None if breaks else width,
            soft_wrap=not breaks and width is None,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string as text; see `rich.console.Console`."""
        kept = {name: options[name] for name in ("style", "justify", "overflow") if options.get(name)}
        return Text(harmless(text, LONGEST), **kept)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of anything that Rich can draw; see `rich.console.Console`."""
        for segment in super().render(renderable, options):
            if segment.control or (segment.text.isprintable() and segment.text.isascii()):
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)
