"""The runs of a root, read from the metadata store."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.workspace import Workspace

_STATES = {2: "running", 3: "done", 4: "failed", 5: "cached", 6: "failed"}


def read_runs(workspace: Workspace, limit: int) -> list[dict[str, Any]]:
    """The newest runs of all pipelines in a root, newest first.

    Returns:
        Per run: `run_id`, `pipeline`, `started` (ISO 8601), `git_commit`, `nodes` (id to state) and `state`: `failed`
        if any node failed last, `running`, `cached` if nothing ran, else `done`.
    """
    if not workspace.metadata_file.exists():
        return []
    from ml_metadata.metadata_store import MetadataStore
    from ml_metadata.proto import metadata_store_pb2

    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(workspace.metadata_file)
    config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
    store = MetadataStore(config)
    runs = []
    contexts = sorted(store.get_contexts_by_type("pipeline_run"), key=lambda context: context.id, reverse=True)
    for context in contexts[:limit]:
        [*parents] = store.get_parent_contexts_by_context(context.id)
        nodes: dict[str, str] = {}
        for execution in sorted(store.get_executions_by_context(context.id), key=lambda e: e.id):
            for node in store.get_contexts_by_execution(execution.id):
                if node.type == "node":
                    nodes[node.name.partition(".")[2]] = _STATES.get(execution.last_known_state, "new")
        runs.append(
            {
                "run_id": context.name,
                "pipeline": parents[0].name if parents else "",
                "started": datetime.datetime.fromtimestamp(
                    context.create_time_since_epoch / 1000, datetime.UTC
                ).isoformat(timespec="seconds"),
                "git_commit": context.custom_properties["git_commit"].string_value,
                "nodes": nodes,
                "state": _state(set(nodes.values())),
            }
        )
    return runs


def _state(states: set[str]) -> str:
    for state in ("failed", "running", "done", "cached"):
        if state in states:
            return state
    return "empty"


def show(workspace: Workspace, limit: int, console: Console, *, as_json: bool) -> None:
    """Prints the runs."""
    runs = read_runs(workspace, limit)
    if as_json:
        click.echo(json.dumps(runs, indent=1))
        return
    if not runs:
        console.print(f"no runs under {workspace.root}", highlight=False)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("run", "ran", "cached", "state", "commit"):
        table.add_column(
            column, no_wrap=column in ("run", "commit"), justify="right" if column in ("ran", "cached") else "left"
        )
    for run in runs:
        count = Counter(run["nodes"].values())
        failed = [node for node, state in run["nodes"].items() if state == "failed"]
        state = f"[red]failed at {', '.join(failed)}[/]" if failed else run["state"]
        table.add_row(run["run_id"], str(count["done"]), str(count["cached"]), state, run["git_commit"][:8])
    console.print(table)
