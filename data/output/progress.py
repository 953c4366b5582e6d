"""How far long work is: the line that says so, the time that is left, and the display in a terminal or a log."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from data.text import say

if TYPE_CHECKING:
    from data.output.terminal import Terminal

EVERY_SECONDS = 15.0
"""Time between two lines about the progress in a log or a pipe."""

Update = Callable[[int, int, str], None]
"""Function that is called with the number of things that are done, the number of all, and further figures."""

_MARK = "progress: "
_TAIL_BYTES = 4096
_RECENT = 5


def duration(seconds: float) -> str:
    """Return a duration for people, for example `1 min 20 s`."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def time_left(seconds: list[float], steps: int) -> float:
    """Return the time that some further steps will take, in seconds.

    Args:
        seconds: duration of each step so far. Only recent ones count, because the first one prepares much.
        steps: number of further steps.
    """
    return statistics.median(seconds[-_RECENT:]) * steps


def say_progress(text: str) -> None:
    """Print how far the work of this process is, so that `last_progress` finds it in the log."""
    say(f"{_MARK}{text}")


def last_progress(log: Path) -> str | None:
    """Return the last text that a process wrote into its log with `say_progress`; None if there is none."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - _TAIL_BYTES))
        for line in reversed(file.read().decode(errors="replace").splitlines()):
            if line.startswith(_MARK):
                return line.removeprefix(_MARK)
    return None


class LoggedCount:
    """Prints a line about the progress now and then.

    Args:
        terminal: where to print.
        unit: what is counted, for example `sequences`.
        clock: source of the time in seconds.
    """

    def __init__(self, terminal: Terminal, unit: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._terminal, self._unit, self._clock = terminal, unit, clock
        self._start = self._last = clock()

    def __call__(self, done: int, of: int, figures: str) -> None:
        """Print a line if the last one is old enough; see `Update`."""
        now = self._clock()
        if now - self._last < EVERY_SECONDS:
            return
        self._last = now
        parts = [f"{done:,} of {of:,} {self._unit}", figures]
        if 0 < done < of:
            parts.append(f"{duration((now - self._start) / done * (of - done))} left")
        self._terminal.print(", ".join(filter(None, parts)))


@contextlib.contextmanager
def counting(terminal: Terminal, unit: str) -> Iterator[Update]:
    """Show how far the work of a block is, and yield the function that updates it.

    Args:
        terminal: a terminal, which shows a bar while the block runs, or a log, which gets a line now and then.
        unit: what is counted, for example `sequences`.
    """
    if not terminal.is_terminal:
        yield LoggedCount(terminal, unit)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    text = TextColumn("{task.description}", markup=False)
    with Progress(
        BarColumn(),
        MofNCompleteColumn(),
        text,
        TimeRemainingColumn(),
        TextColumn("left"),
        console=terminal,
        transient=True,
    ) as bar:
        task = bar.add_task(unit, total=None)

        def update(done: int, of: int, figures: str) -> None:
            bar.update(task, completed=done, total=of, description=", ".join(filter(None, (unit, figures))))

        yield update
