"""Prints the outcome of a run, the forecast of a dry run, and the parts of a cache key."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from data.text import printable
from payloads.verdict import Verdict, shown
from pipelines.running.forecast import Forecast
from pipelines.running.outcome import Report

_FIGURES = {
    "int8_sequence": "accuracy by sequence, int8",
    "float_sequence": "accuracy by sequence, float",
    "int8_window": "accuracy by window, int8",
    "float_window": "accuracy by window, float",
    "saved_model_window_accuracy": "accuracy by window, SavedModel",
    "saved_model_window_macro_f1": "macro F1 by window, SavedModel",
}


def show(report: Report, console: Console, *, as_json: bool = False) -> None:
    """Print the outcome of a run, as JSON on standard output or as a table on the console."""
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=1))
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
                table.add_row("data gate warns", escape(printable(text)))
    for name, value in report.accuracy.items():
        table.add_row(_FIGURES.get(name, name), f"{value:.4f}")
    for verdict in report.verdicts:
        table.add_row(verdict.gate.replace("_", " "), _verdict(verdict))
    for target, folder in report.pushed.items():
        table.add_row(f"pushed to {target}", escape(folder))
    for target, version in report.rolled_back.items():
        table.add_row(f"{target} serves", f"version {version}, since `poseline rollback`; a new version ends this")
    if table.row_count:
        console.print(table)
    if report.files:
        console.print(_files(report.files))
    console.print(_headline(report), highlight=False)


def _verdict(verdict: Verdict) -> str:
    mark = "[green]✓[/]" if verdict.passed else "[red]✗ rejected:[/]"
    detail = f" {escape(printable(verdict.detail))}" if verdict.detail else ""
    return f"{mark} {shown(verdict.figure)} ({verdict.limit}){detail}"


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
        table.add_row(escape(printable(name)), "yes" if found["shipped"] else "no", *cells)
    return table


def _headline(report: Report) -> str:
    took = f"in {report.seconds:.1f} s"
    if report.state == "failed":
        return f"[red]run {report.run_id} failed[/] {took}"
    if report.state == "refused":
        failed = ", ".join(verdict.gate for verdict in report.verdicts if not verdict.passed) or "a gate"
        return f"[red]not pushed: rejected by {failed}[/]; the published version is unchanged (run {report.run_id})"
    if report.did_nothing:
        return f"[green]nothing to do: every node is cached[/] {took} (run {report.run_id})"
    return f"[green]run {report.run_id} {report.state}[/] {took}"


def show_forecast(forecasts: Sequence[Forecast], console: Console, *, as_json: bool) -> None:
    """Print which nodes would run, and why."""
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in forecasts], indent=1))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("node", "would", "why"):
        table.add_column(column, overflow="fold")
    for entry in forecasts:
        reasons = "\n".join(entry.changes[:5]) or entry.reason
        would = "[red]be refused[/]" if entry.refused else "[yellow]run[/]" if entry.runs else "[cyan]be cached[/]"
        table.add_row(entry.node, would, escape(printable(reasons)))
    console.print(table)


def show_key(entry: Forecast, console: Console, *, as_json: bool) -> None:
    """Print the parts of a node's cache key and what changed since its last execution."""
    if as_json:
        click.echo(json.dumps(asdict(entry), indent=1))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("part of the key", no_wrap=True)
    table.add_column("value", overflow="fold")
    for part, value in entry.key.items():
        table.add_row(part, escape(value))
    console.print(table)
    if entry.refused:
        console.print(f"{entry.node} would be refused: {printable(entry.reason)}", highlight=False, markup=False)
    elif not entry.runs:
        console.print(f"{entry.node} would be cached: nothing changed", highlight=False)
    else:
        console.print(f"{entry.node} would run: {entry.reason}", highlight=False, markup=False)
        for change in entry.changes:
            console.print(f"  {change}", highlight=False, markup=False)
