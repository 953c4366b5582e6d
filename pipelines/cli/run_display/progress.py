"""Shows the progress of a run: a live table in a terminal, lines of text elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from data.output.progress import EVERY_SECONDS, last_progress
from data.output.terminal import Terminal, styled
from pipelines.running.node_launch import NodeResult

_MARKS = {
    "done": styled(("✓ ran", "green")),
    "cached": styled(("= cached", "cyan")),
    "resolved": styled(("= resolved", "cyan")),
    "skipped": styled(("- skipped", "dim")),
    "failed": styled(("✗ failed", "red")),
}


class _RunningNode(NamedTuple):
    """A node whose executor runs.

    Attributes:
        begin: monotonic time of its start in seconds.
        log: file with the executor's output.
        reason: why it runs.
    """

    begin: float
    log: Path
    reason: str

    @property
    def seconds(self) -> float:
        """Time for which it has run."""
        return time.monotonic() - self.begin


class LineProgress:
    """A progress display that prints one line for each event, for logs and pipes.

    A node that runs for long gets further lines, which say how far it is.
    """

    def __init__(self, console: Terminal) -> None:
        self._console = console
        self._running: dict[str, _RunningNode] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._print_regularly, name="progress", daemon=True)

    def __enter__(self) -> LineProgress:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def show_running(self) -> None:
        """Print how far each running node is."""
        with self._lock:
            for node, running in self._running.items():
                text = last_progress(running.log) or ""
                self._console.print(f"{node:<20} running   {running.seconds:6.1f} s  {text}".rstrip())

    def _print_regularly(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            self.show_running()

    def plan(self, nodes: Sequence[str]) -> None:
        """Show the nodes of the run; see `local_runner.Progress`."""
        self._console.print(f"{len(nodes)} nodes")

    def running(self, node: str, log: Path, reason: str) -> None:
        """Show that a node's executor starts; see `local_runner.Progress`."""
        with self._lock:
            self._running[node] = _RunningNode(time.monotonic(), log, reason)
        self._console.print(f"{node:<20} running   {reason}")

    def ended(self, result: NodeResult) -> None:
        """Show how a node ended; see `local_runner.Progress`."""
        with self._lock:
            self._running.pop(result.node, None)
        self._console.print(f"{result.node:<20} {result.state:<9} {result.seconds:6.1f} s")

    def say(self, line: str) -> None:
        """Show a message; see `local_runner.Progress`."""
        self._console.print(line)


class LiveProgress:
    """A progress display with a table that is redrawn as nodes start and end."""

    def __init__(self, console: Terminal) -> None:
        self._console = console
        self._nodes: list[str] = []
        self._running: dict[str, _RunningNode] = {}
        self._ended: dict[str, NodeResult] = {}
        self._lock = threading.Lock()
        self._spinner = Spinner("dots")
        self._live = Live(console=console, refresh_per_second=8, get_renderable=self._render)

    def __enter__(self) -> LiveProgress:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def plan(self, nodes: Sequence[str]) -> None:
        """Show the nodes of the run; see `local_runner.Progress`."""
        with self._lock:
            self._nodes = list(nodes)

    def running(self, node: str, log: Path, reason: str) -> None:
        """Show that a node's executor starts; see `local_runner.Progress`."""
        with self._lock:
            self._running[node] = _RunningNode(time.monotonic(), log, reason)

    def ended(self, result: NodeResult) -> None:
        """Show how a node ended; see `local_runner.Progress`."""
        with self._lock:
            self._ended[result.node] = result

    def say(self, line: str) -> None:
        """Show a message; see `local_runner.Progress`."""
        self._live.console.print(line)

    def _render(self) -> Table:
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(width=22)
        table.add_column(width=11)
        table.add_column(width=9, justify="right")
        table.add_column(style="dim", overflow="ellipsis", no_wrap=True)
        with self._lock:
            for node in self._nodes:
                table.add_row(*self._row(node))
        return table

    def _row(self, node: str) -> tuple[Any, ...]:
        if node in self._ended:
            result = self._ended[node]
            reason = result.reason if result.state != "cached" else ""
            return node, _MARKS[result.state], f"{result.seconds:.1f} s", reason.partition("\n")[0]
        if node in self._running:
            running = self._running[node]
            self._spinner.update(text="running")
            return node, self._spinner, f"{running.seconds:.0f} s", last_progress(running.log) or running.reason
        return node, styled(("waiting", "dim")), "", ""


def make_progress(console: Terminal) -> LineProgress | LiveProgress:
    """Return a live table for a terminal, and lines of text for everything else."""
    return LiveProgress(console) if console.is_terminal else LineProgress(console)
