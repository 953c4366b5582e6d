"""The end of a run on one screen; also what a dry run and a cache key look like."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from data.errors import PoselineError
from data.text import printable
from pipelines.running.forecast import Forecast
from pipelines.running.local_runner import RunResult
from pipelines.running.registration import connection_of
from pipelines.tfx_patches.shared_store import shared_store
from pipelines.workspace import Workspace

_FIGURES = {
    "int8_sequence": "accuracy by sequence, int8",
    "float_sequence": "accuracy by sequence, float",
    "int8_window": "accuracy by window, int8",
    "float_window": "accuracy by window, float",
    "saved_model_window_accuracy": "accuracy by window, SavedModel",
    "saved_model_window_macro_f1": "macro F1 by window, SavedModel",
}


@dataclass
class Report:
    """What a run came to.

    Attributes:
        run_id: its name.
        state: `pushed`, `refused` (a gate said no), `failed`, or `stopped` (`--until`).
        did_nothing: whether everything was cached.
        seconds: wall time.
        nodes: state and seconds of each node.
        data: split to counts.
        data_gate: `span` that the data were compared with (null: none was blessed before), and what was found and let
            through, with a `verdict` of `warn` or `pass`.
        accuracy: headline figures of the shipped file.
        verdicts: gate, figure, threshold, passed.
        files: name to what was found of it: size, accuracy, differences, times.
        latency_ms: of the int8 file.
        pushed: target to version folder.
        error: what failed.
        exit_code: of the command.
    """

    run_id: str
    state: str
    did_nothing: bool
    seconds: float
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    data: dict[str, dict[str, int]] = field(default_factory=dict)
    data_gate: dict[str, Any] = field(default_factory=dict)
    accuracy: dict[str, float] = field(default_factory=dict)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    latency_ms: dict[str, float] = field(default_factory=dict)
    pushed: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    exit_code: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def collect(result: RunResult, workspace: Workspace) -> Report:
    """Reads what the nodes of a run left behind."""
    failed = result.failed
    report = Report(
        run_id=result.run_id,
        state="failed" if failed else "stopped",
        did_nothing=result.did_nothing,
        seconds=round(result.seconds, 2),
        nodes={n.node: {"state": n.state, "seconds": round(n.seconds, 2)} for n in result.nodes.values()},
        error=str(failed.error) if failed else None,
        exit_code=failed.error.exit_code if failed and isinstance(failed.error, PoselineError) else 0,
    )
    store = shared_store(connection_of(workspace))
    outputs = {
        node.node: outputs_of(store, node.execution_id)
        for node in result.nodes.values()
        if node.execution_id is not None and node.state in ("done", "cached", "resolved")
    }
    _read_data(report, outputs.get("KeypointExampleGen", {}))
    _read_gate(report, outputs.get("DataGate", {}))
    _read_edge(report, outputs)
    _read_evaluation(report, outputs.get("Evaluator", {}))
    _read_push(report, outputs.get("Pusher", {}))
    return report


def outputs_of(store: MetadataStore, execution_id: int) -> dict[str, metadata_store_pb2.Artifact]:
    """What an execution made, by output key."""
    events = [
        event
        for event in store.get_events_by_execution_ids([execution_id])
        if event.type == metadata_store_pb2.Event.OUTPUT
    ]
    artifacts = {a.id: a for a in store.get_artifacts_by_id([event.artifact_id for event in events])}
    return {event.path.steps[0].key: artifacts[event.artifact_id] for event in events}


def _read_data(report: Report, outputs: dict[str, metadata_store_pb2.Artifact]) -> None:
    if "examples" not in outputs:
        return
    import pyarrow.parquet as pq

    table = pq.ParquetFile(Path(outputs["examples"].uri) / "sequences.parquet").read().to_pylist()
    for split in ("train", "eval", "test"):
        rows = [row for row in table if row["split"] == split]
        if rows:
            report.data[split] = {
                "sequences": len(rows),
                "windows": sum(row["windows"] for row in rows),
                "subjects": len({row["subject"] for row in rows}),
                "labels": len({row["label"] for row in rows}),
            }


def _read_gate(report: Report, outputs: dict[str, metadata_store_pb2.Artifact]) -> None:
    if "blessing" not in outputs:
        return
    verdict = _json(Path(outputs["blessing"].uri) / "verdict.json")
    span = verdict["baseline"]["span"] if verdict["baseline"] else None
    report.data_gate = {"span": span, "findings": verdict["findings"]}


def _read_evaluation(report: Report, outputs: dict[str, metadata_store_pb2.Artifact]) -> None:
    if "evaluation" not in outputs:
        return
    found = _json(Path(outputs["evaluation"].uri) / "metrics.json")
    whole: dict[str, Any] = next((entry for entry in found["slices"] if not entry["slice"]), {"metrics": {}})
    for name in ("accuracy", "macro_f1"):
        value = whole["metrics"].get(name)
        value = value["value"] if isinstance(value, dict) else value
        if value is not None:
            report.accuracy[f"saved_model_window_{name}"] = value
    report.verdicts += found["verdicts"]


def _read_edge(report: Report, outputs: dict[str, dict[str, metadata_store_pb2.Artifact]]) -> None:
    for node in ("ModelValidator", "ServingSmoke"):
        if "blessing" in outputs.get(node, {}):
            verdict = _json(Path(outputs[node]["blessing"].uri) / "verdict.json")
            report.verdicts += verdict["verdicts"]
            report.accuracy |= verdict.get("accuracy", {})
            report.latency_ms |= verdict.get("latency_ms", {})
            for name, found in {**verdict.get("files", {}), **verdict.get("formats", {})}.items():
                report.files[name] = {**report.files.get(name, {}), **found}


def _read_push(report: Report, outputs: dict[str, metadata_store_pb2.Artifact]) -> None:
    if "pushed_model" not in outputs:
        return
    properties = outputs["pushed_model"].custom_properties
    if properties["pushed"].int_value:
        report.state = "pushed"
        version = properties["version"].string_value
        targets = json.loads(properties["targets"].string_value)
        report.pushed = {name: str(Path(path) / version) for name, path in targets.items()}
    else:
        report.state = "refused"
        report.exit_code = 1


def show(report: Report, console: Console) -> None:
    """Prints the end of a run."""
    table = Table(box=box.SIMPLE_HEAD, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for split, counts in report.data.items():
        table.add_row(f"{split} data", ", ".join(f"{count:,} {name}" for name, count in counts.items()))
    if report.data_gate:
        span = report.data_gate["span"]
        table.add_row(
            "data compared with", "nothing: no model of other data was blessed yet" if span is None else f"span {span}"
        )
        for finding in report.data_gate["findings"]:
            if finding["verdict"] == "warn":
                table.add_row("data gate warns", escape(printable("{split} {feature}: {figure}".format(**finding))))
    for name, value in report.accuracy.items():
        table.add_row(_FIGURES.get(name, name), f"{value:.4f}")
    for verdict in report.verdicts:
        table.add_row(verdict["gate"].replace("_", " "), _verdict(verdict))
    for target, folder in report.pushed.items():
        table.add_row(f"pushed to {target}", escape(folder))
    if table.row_count:
        console.print(table)
    if report.files:
        console.print(_files(report.files))
    console.print(_headline(report), highlight=False)


def _verdict(verdict: dict[str, Any]) -> str:
    mark = "[green]✓[/]" if verdict["passed"] else "[red]✗ refused:[/]"
    detail = f" {escape(printable(verdict['detail']))}" if verdict.get("detail") else ""
    unit = verdict.get("unit", "")
    return f"{mark} {_figure(verdict['figure'])} (threshold {_figure(verdict['threshold'])} {unit}){detail}"


def _files(files: dict[str, dict[str, Any]]) -> Table:
    """What a person compares formats by, as far as it is known."""
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


def _figure(value: Any) -> str:
    if not isinstance(value, int | float):
        return escape(str(value))
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def _headline(report: Report) -> str:
    took = f"in {report.seconds:.1f} s"
    if report.state == "failed":
        return f"[red]run {report.run_id} failed[/] {took}"
    if report.state == "refused":
        refused = ", ".join(v["gate"] for v in report.verdicts if not v["passed"])
        return (
            f"[red]not pushed: {refused or 'a gate'} said no[/]; the version that is served stays (run {report.run_id})"
        )
    if report.did_nothing:
        return f"[green]nothing to do: every node is cached[/] {took} (run {report.run_id})"
    return f"[green]run {report.run_id} {report.state}[/] {took}"


def show_forecast(foretold: Sequence[Forecast], console: Console, *, as_json: bool) -> None:
    """Prints what would run and why."""
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in foretold], indent=1))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("node", "would", "why"):
        table.add_column(column, overflow="fold")
    for entry in foretold:
        reasons = "\n".join(entry.changes[:5]) or entry.reason
        table.add_row(entry.node, "[yellow]run[/]" if entry.runs else "[cyan]be cached[/]", escape(reasons))
    console.print(table)


def show_key(entry: Forecast, console: Console, *, as_json: bool) -> None:
    """Prints the parts of a node's cache key and what changed since its last execution."""
    if as_json:
        click.echo(json.dumps(asdict(entry), indent=1))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("part of the key", no_wrap=True)
    table.add_column("value", overflow="fold")
    for part, value in entry.key.items():
        table.add_row(part, escape(value))
    console.print(table)
    if not entry.runs:
        console.print(f"{entry.node} would be cached: nothing changed", highlight=False)
    else:
        console.print(f"{entry.node} would run: {entry.reason}", highlight=False, markup=False)
        for change in entry.changes:
            console.print(f"  {change}", highlight=False, markup=False)


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))
