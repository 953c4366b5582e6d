"""Forward: what came of an artifact, a person or a span, and which models saw it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lineage import marks
from lineage.artifact_types import EXAMPLES, MODEL, PUSHED_MODEL
from lineage.measures import split_names
from lineage.model import LIVE, Artifact, Subgraph
from lineage.questions.trace import describe
from lineage.store.reader import COMPARED_WITH, LineageStore

TRAIN, EVAL, TEST = marks.SPLITS
_MEANING = {TRAIN: "trained on", EVAL: "chosen by", TEST: "tested on"}


def of_subject(store: LineageStore, subject: str) -> dict[int, set[str]]:
    """Examples that hold a person, with the splits that the person is in."""
    found: dict[int, set[str]] = {}
    for split in marks.SPLITS:
        for artifact in store.artifacts_in(marks.SUBJECT, marks.subject_mark(subject, split)):
            found.setdefault(artifact.id, set()).add(split)
    return found


def of_span(store: LineageStore, span: int) -> dict[int, set[str]]:
    """Examples that were read from a span, with their splits."""
    return {a.id: set(split_names(a)) for a in store.artifacts_in(marks.SPAN, str(span))}


def impact(store: LineageStore, start: dict[int, set[str]]) -> dict[str, Any]:
    """Everything that came from some artifacts.

    Args:
        store: to read.
        start: ids of the artifacts; of examples, which of their splits matter.

    Returns:
        `artifacts`: type to ids; `models`: each with how it saw what was asked for, where it was pushed and whether it
        is to be retrained; `pushes`: each with its folders and whether they are there and in use; `runs`; `lineage`.
    """
    graph = store.downstream(start)
    seen = _splits_that_reach(graph, start)
    tested = _tested(graph, start)
    models = []
    pushes = [_push(found) for found in graph.of_type(PUSHED_MODEL) if found.properties.get("pushed")]
    origin = _model_of_pushes(graph)
    retrain = {artifact.id for artifact in store.artifacts_in(marks.FORGOTTEN, marks.RETRAIN)}
    for model in graph.of_type(MODEL):
        how = seen.get(model.id, set()) & {TRAIN, EVAL} | tested.get(model.id, set())
        models.append(
            {
                **describe(model),
                "run": next((graph.executions[e].run for e in _makers(graph, model.id)), ""),
                "saw": sorted(how, key=marks.SPLITS.index),
                "how": _how(how),
                "pushes": [push["artifact"] for push in pushes if origin.get(push["artifact"]) == model.id],
                "retrain": model.id in retrain,
            }
        )
    by_type: dict[str, list[int]] = {}
    for artifact in graph.artifacts.values():
        by_type.setdefault(artifact.type, []).append(artifact.id)
    return {
        "start": sorted(start),
        "models": models,
        "pushes": pushes,
        "artifacts": {name: sorted(ids) for name, ids in sorted(by_type.items())},
        "runs": sorted({execution.run for execution in graph.executions.values()}),
        "lineage": {"artifacts": sorted(graph.artifacts), "executions": sorted(graph.executions)},
    }


def _how(splits: set[str]) -> str:
    if splits == {TEST}:
        return "only tested on"
    return ", ".join(_MEANING[split] for split in marks.SPLITS if split in splits) or "derived from it"


def _splits_that_reach(graph: Subgraph, start: dict[int, set[str]]) -> dict[int, set[str]]:
    """Artifact to the splits of the start whose windows went into it; examples pass on only splits that they have."""
    reached = {id_: set(splits) for id_, splits in start.items()}
    flows: dict[int, set[int]] = {}
    outputs: dict[int, set[int]] = {}
    for edge in graph.edges:
        if edge.kind == "output":
            outputs.setdefault(edge.execution_id, set()).add(edge.artifact_id)
    for edge in graph.edges:
        if edge.kind == "input" and edge.key not in COMPARED_WITH:
            flows.setdefault(edge.artifact_id, set()).update(outputs.get(edge.execution_id, ()))
    waiting = list(start)
    while waiting:
        source = waiting.pop()
        for target in flows.get(source, ()):
            artifact = graph.artifacts[target]
            passed = reached[source]
            if artifact.type == EXAMPLES:
                passed = passed & set(split_names(artifact))
            if not passed <= reached.setdefault(target, set()):
                reached[target] |= passed
                waiting.append(target)
    return reached


def _tested(graph: Subgraph, start: dict[int, set[str]]) -> dict[int, set[str]]:
    """Model to {test} if a verdict on it was found with the test split of the start."""
    tested: dict[int, set[str]] = {}
    judges = {
        edge.execution_id
        for edge in graph.edges
        if edge.kind == "input" and edge.key == "examples" and TEST in start.get(edge.artifact_id, ())
    }
    for edge in graph.edges:
        if edge.kind == "input" and edge.key == "model" and edge.execution_id in judges:
            tested[edge.artifact_id] = {TEST}
    return tested


def _makers(graph: Subgraph, artifact_id: int) -> Iterable[int]:
    return (edge.execution_id for edge in graph.edges if edge.kind == "output" and edge.artifact_id == artifact_id)


def _model_of_pushes(graph: Subgraph) -> dict[int, int]:
    """PushedModel to the Model that was pushed."""
    pushed = {
        e.execution_id: e.artifact_id
        for e in graph.edges
        if e.kind == "output" and graph.artifacts[e.artifact_id].type == PUSHED_MODEL
    }
    return {
        pushed[e.execution_id]: e.artifact_id
        for e in graph.edges
        if e.kind == "input" and e.key == "model" and e.execution_id in pushed
    }


def _push(pushed: Artifact) -> dict[str, Any]:
    version = str(pushed.properties.get("version"))
    targets = json.loads(pushed.properties.get("targets") or "{}")
    return {
        "artifact": pushed.id,
        "version": version,
        "targets": {name: str(Path(folder) / version) for name, folder in targets.items()},
        "there": sorted(name for name, folder in targets.items() if (Path(folder) / version).is_dir()),
        "in_use": sorted(name for name, folder in targets.items() if _in_use(Path(folder), version)),
        "live": pushed.state == LIVE,
    }


def _in_use(target: Path, version: str) -> bool:
    try:
        return (target / "latest").readlink().name == version
    except OSError:
        return False
