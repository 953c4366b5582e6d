"""What ran: the runs of a store, and one run node by node."""

from __future__ import annotations

import datetime
import json
from typing import Any

from lineage.model import CACHED, COMPLETE, FAILED, RUNNING, Execution, Run, Subgraph
from lineage.store.reader import LineageStore

_STATES = {COMPLETE: "done", CACHED: "cached", FAILED: "failed", "CANCELED": "failed", RUNNING: "running"}


def list_runs(store: LineageStore, limit: int | None) -> list[dict[str, Any]]:
    """The newest runs of all pipelines, newest first.

    Returns:
        Per run: `run_id`, `pipeline`, `started` (ISO 8601), `git_commit`, `nodes` (id to the state of its last attempt)
        and `state`: `failed` if any node failed last, `running`, `cached` if nothing ran, else `done`.
    """
    return [_summary(run, store.executions_of(run)) for run in store.runs(limit)]


def _summary(run: Run, executions: list[Execution]) -> dict[str, Any]:
    nodes = {execution.node: _STATES.get(execution.state, "running") for execution in executions}
    return {
        "run_id": run.name,
        "pipeline": run.pipeline,
        "started": datetime.datetime.fromtimestamp(run.created, datetime.UTC).isoformat(timespec="seconds"),
        "git_commit": str(run.properties.get("git_commit", "")),
        "nodes": nodes,
        "state": next((state for state in ("failed", "running", "done", "cached") if state in nodes.values()), "empty"),
    }


def describe_run(store: LineageStore, run: Run) -> dict[str, Any]:
    """One run.

    Returns:
        What `list_runs` tells of it, all `properties` that were recorded with it, and `attempts`, oldest first: `node`,
        `execution`, `state`, `started`, `seconds`, `cached_from` (execution and run), `outputs`, `failure`.
    """
    graph = store.run_subgraph(run)
    own = [execution for execution in graph.executions.values() if execution.run == run.name]
    own.sort(key=lambda execution: execution.id)
    return {
        **_summary(run, own),
        "properties": dict(sorted(run.properties.items())),
        "seconds": max((e.ended for e in own), default=run.created) - run.created,
        "attempts": [_attempt(execution, graph) for execution in own],
    }


def _attempt(execution: Execution, graph: Subgraph) -> dict[str, Any]:
    origin = maker_of_cached(execution, graph)
    return {
        "node": execution.node,
        "execution": execution.id,
        "state": _STATES.get(execution.state, "running"),
        "started": execution.started,
        "seconds": execution.ended - execution.started,
        "cached_from": {"execution": origin.id, "run": origin.run} if origin else None,
        "outputs": [
            {
                "artifact": artifact.id,
                "key": key,
                "type": artifact.type,
                "state": artifact.state,
                "bytes": artifact.properties.get("bytes"),
                "content_digest": artifact.properties.get("content_digest"),
            }
            for key, artifacts in graph.outputs(execution.id).items()
            for artifact in artifacts
        ],
        "failure": failure_of(execution),
    }


def maker_of_cached(execution: Execution, graph: Subgraph) -> Execution | None:
    """The execution of the same node whose outputs a cached one took; None if it is not cached, or is a resolver."""
    if execution.state != CACHED:
        return None
    outputs = {a.id for artifacts in graph.outputs(execution.id).values() for a in artifacts}
    makers = {e.execution_id for e in graph.edges if e.kind == "output" and e.artifact_id in outputs}
    known = (graph.executions.get(id_) for id_ in makers | {execution.properties.get("cached_from", 0)})
    same_node = [found for found in known if found and found.node == execution.node and found.id != execution.id]
    return min(same_node, key=lambda found: found.id, default=None)


def standing(execution: Execution, graph: Subgraph) -> Execution:
    """The execution that a node's results come from: itself, or the one whose outputs it took.

    A partial run takes nodes over without their parameters and inputs; those of the maker hold.
    """
    return maker_of_cached(execution, graph) or execution


def failure_of(execution: Execution) -> str | None:
    """What a failed execution failed of."""
    if execution.state not in (FAILED, "CANCELED"):
        return None
    if recovered := execution.properties.get("recovered"):
        return str(recovered)
    try:
        result = json.loads(execution.properties.get("__execution_result__") or "{}")
    except ValueError:
        return None
    return result.get("resultMessage") or f"code {result.get('code', 'unknown')}"


def last_attempts(graph: Subgraph, run: Run) -> dict[str, Execution]:
    """Node to the last of its attempts in a run."""
    own = sorted((e for e in graph.executions.values() if e.run == run.name), key=lambda e: e.id)
    return {execution.node: execution for execution in own}
