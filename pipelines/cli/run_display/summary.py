"""Prints the outcome of a run, the forecast of a dry run, and the parts of a cache key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Column, Table

from data.output.terminal import Terminal, stacked, styled
from data.text import say_json
from payloads.verdict import Verdict, shown
from pipelines.cli.run_display.rejection import explain_rejection
from pipelines.running.forecast import Forecast
from pipelines.running.outcome import Report

if TYPE_CHECKING:
    from rich.text import Text

_FIGURES = {
    "int8_sequence": "accuracy by sequence, int8",
    "float_sequence": "accuracy by sequence, float",
    "int8_window": "accuracy by window, int8",
    "float_window": "accuracy by window, float",
    "saved_model_window_accuracy": "accuracy by window, SavedModel",
    "saved_model_window_macro_f1": "macro F1 by window, SavedModel",
}


def show(report: Report, console: Terminal, *, as_json: bool = False, is_sample: bool = False) -> None:
    """Print the outcome of a run, as JSON on standard output or as a table on the console.

    Args:
        report: the outcome.
        console: where the table is printed.
        as_json: whether to print JSON.
        is_sample: whether the data are the bundled sample, after which the step to one's own recordings is shown.
    """
    if as_json:
        say_json(report.to_dict())
        return
    table = Table(box=box.SIMPLE_HEAD, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for split, counts in report.data.items():
        table.add_row(f"{split} data", ", ".join(f"{count:,} {name}" for name, count in counts.items()))
    if report.data_gate:
        span = report.data_gate.span
        table.add_row(
            "data compared with",
            "nothing: no model of other data has been blessed yet" if span is None else f"span {span}",
        )
        for finding in report.data_gate.findings:
            if finding.verdict == "warn":
                text = f"{finding.split} {finding.feature}: {finding.figure}"
                table.add_row("data gate warns", text)
    for name, value in report.accuracy.items():
        table.add_row(_FIGURES.get(name, name), f"{value:.4f}")
    if report.claims:
        table.add_row("what the test shows", report.claims)
    for verdict in report.verdicts:
        table.add_row(verdict.gate.replace("_", " "), _verdict(verdict))
    for target, folder in report.pushed.items():
        table.add_row(f"pushed to {target}", folder)
    for target, version in report.rolled_back.items():
        table.add_row(f"{target} serves", f"version {version}, since `poseline rollback`; a new version ends this")
    if table.row_count:
        console.print(table)
    if report.files:
        console.print(_files(report.files))
    console.print(_headline(report))
    if report.state == "refused":
        console.print(explain_rejection(report))
    if report.state == "pushed" and is_sample:
        console.print(_next_step())


def _verdict(verdict: Verdict) -> Text:
    if verdict.lacks_data:
        return styled(("– not measured:", "yellow"), f" {verdict.detail}")
    if verdict.passed:
        mark = ("✓", "green")
    else:
        mark = ("? not measurable now:", "yellow") if verdict.is_open else ("✗ rejected:", "red")
    detail = f" {verdict.detail}" if verdict.detail else ""
    return styled(mark, f" {shown(verdict.figure)} ({verdict.limit}){detail}")


def _files(files: dict[str, dict[str, Any]]) -> Table:
    """Return a table with the figures by which a person compares the formats, as far as they are known."""
    columns = {
        "bytes": ("bytes", ","),
        "sequence_accuracy": ("accuracy", ".4f"),
        "agreement": ("agrees", ".3f"),
        "load_ms": ("load ms", ".1f"),
        "p50_ms": ("p50 ms", ".3f"),
        "p95_ms": ("p95 ms", ".3f"),
    }
    headings = [Column(heading, justify="right") for heading, _ in columns.values()]
    table = Table("file", "ships", *headings, box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name, found in files.items():
        cells = ("–" if found.get(key) is None else f"{found[key]:{style}}" for key, (_, style) in columns.items())
        table.add_row(name, "yes" if found["shipped"] else "no", *cells)
    return table


def _headline(report: Report) -> Text:
    took = f"in {report.seconds:.1f} s"
    if report.state == "failed":
        return styled((f"run {report.run_id} failed", "red"), f" {took}")
    if report.state == "refused":
        rest = f"; the published version is unchanged (run {report.run_id})"
        return styled((f"not pushed: rejected by {', '.join(report.rejected) or 'a gate'}", "red"), rest)
    if report.did_nothing:
        rest = f" {took} (run {report.run_id})"
        return styled(("nothing to do: every node is cached", "green"), rest)
    return styled((f"run {report.run_id} {report.state}", "green"), f" {took}")


def _next_step() -> Text:
    """Return how to go on from the sample to one's own recordings."""
    return stacked(
        [
            "your own recordings, in a folder of pose files for each label:",
            "  poseline init my_exercises --data FOLDER",
            "  poseline run --config my_exercises/my_exercises.yaml",
        ]
    )


def show_forecast(forecasts: Sequence[Forecast], console: Terminal, *, as_json: bool) -> None:
    """Print which nodes would run, and why."""
    if as_json:
        say_json([asdict(entry) for entry in forecasts])
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("node", "would", "why"):
        table.add_column(column, overflow="fold")
    for entry in forecasts:
        reasons = stacked(entry.changes[:5] or [entry.reason])
        would = ("be refused", "red") if entry.refused else ("run", "yellow") if entry.runs else ("be cached", "cyan")
        table.add_row(entry.node, styled(would), reasons)
    console.print(table)


def show_key(entry: Forecast, console: Terminal, *, as_json: bool) -> None:
    """Print the parts of a node's cache key and what changed since its last execution."""
    if as_json:
        say_json(asdict(entry))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("part of the key", no_wrap=True)
    table.add_column("value", overflow="fold")
    for part, value in entry.key.items():
        table.add_row(part, value)
    console.print(table)
    if entry.refused:
        console.print(f"{entry.node} would be refused: {entry.reason}")
    elif not entry.runs:
        console.print(f"{entry.node} would be cached: nothing changed")
    else:
        console.print(f"{entry.node} would run: {entry.reason}")
        for change in entry.changes:
            console.print(f"  {change}")
