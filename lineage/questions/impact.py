"""The question `impact`: which models and pushes were made from an artifact, of a person's data or of a span."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from lineage import marks
from lineage.artifact_types import EXAMPLES, MODEL, PUSHED_MODEL
from lineage.measures import split_names
from lineage.model import LIVE, Artifact, Subgraph
from lineage.questions.answer import Answer, ArtifactSummary, LineageIds
from lineage.store.reader import COMPARED_WITH, LineageStore

TRAIN, EVAL, TEST = marks.SPLITS
_ROLES = {TRAIN: "trained on", EVAL: "chosen by", TEST: "tested on"}


@dataclass(frozen=True, slots=True)
class ImpactedModel(ArtifactSummary):
    """A model that was made from the start artifacts or tested on them.

    Attributes:
        run: name of the run that trained the model.
        saw: splits of the start artifacts that the model saw, in the order train, eval, test.
        how: role of these splits in words.
        pushes: ids of the PushedModel artifacts that published the model.
        retrain: whether a person in the model's data has asked to be forgotten.
    """

    run: str
    saw: list[str]
    how: str
    pushes: list[int]
    retrain: bool


@dataclass(frozen=True, slots=True)
class Push:
    """A published version.

    Attributes:
        artifact: id of the PushedModel artifact.
        version: number of the version.
        targets: folder of the version by target name.
        there: names of the targets in which the folder still exists.
        in_use: names of the targets whose latest version it is.
        live: whether the artifact has not been deleted.
    """

    artifact: int
    version: str
    targets: dict[str, str]
    there: list[str]
    in_use: list[str]
    live: bool


@dataclass(frozen=True, slots=True)
class Impact(Answer):
    """Everything that was made from the start artifacts.

    Attributes:
        start: ids of the start artifacts.
        models: models that were made from them or tested on them.
        pushes: published versions of these models.
        artifacts: ids of all artifacts in the graph by type.
        runs: names of the runs in which something was made.
        lineage: part of the lineage graph downstream of the start artifacts.
    """

    start: list[int]
    models: list[ImpactedModel]
    pushes: list[Push]
    artifacts: dict[str, list[int]]
    runs: list[str]
    lineage: LineageIds


def of_subject(store: LineageStore, subject: str) -> dict[int, set[str]]:
    """Return the Examples artifacts that contain a person, each with the splits in which the person is."""
    found: dict[int, set[str]] = {}
    for split in marks.SPLITS:
        for artifact in store.artifacts_in(marks.SUBJECT, marks.subject_mark(subject, split)):
            found.setdefault(artifact.id, set()).add(split)
    return found


def of_span(store: LineageStore, span: int) -> dict[int, set[str]]:
    """Return the Examples artifacts that were read from a span, each with all its splits."""
    return {a.id: set(split_names(a)) for a in store.artifacts_in(marks.SPAN, str(span))}


def impact(store: LineageStore, start: dict[int, set[str]]) -> Impact:
    """Find everything that was made from some artifacts.

    Args:
        store: store to read.
        start: ids of the artifacts, each with the splits of interest if it is an Examples artifact.
    """
    graph = store.downstream(start)
    pushes = [_push(found) for found in graph.of_type(PUSHED_MODEL) if found.properties.get("pushed")]
    by_type: dict[str, list[int]] = {}
    for artifact in graph.artifacts.values():
        by_type.setdefault(artifact.type, []).append(artifact.id)
    return Impact(
        start=sorted(start),
        models=_models(store, graph, start, pushes),
        pushes=pushes,
        artifacts={name: sorted(ids) for name, ids in sorted(by_type.items())},
        runs=sorted({execution.run for execution in graph.executions.values()}),
        lineage=LineageIds.of(graph),
    )


def _models(
    store: LineageStore, graph: Subgraph, start: dict[int, set[str]], pushes: list[Push]
) -> list[ImpactedModel]:
    reached, tested = _splits_that_reach(graph, start), _tested_models(graph, start)
    model_of = _model_of_pushes(graph)
    retrain = {artifact.id for artifact in store.artifacts_in(marks.FORGOTTEN, marks.RETRAIN)}
    models = []
    for model in graph.of_type(MODEL):
        saw = reached.get(model.id, set()) & {TRAIN, EVAL}
        if model.id in tested:
            saw |= {TEST}
        maker = graph.maker(model.id)
        models.append(
            ImpactedModel.of(
                model,
                run=maker.run if maker else "",
                saw=sorted(saw, key=marks.SPLITS.index),
                how=_role(saw),
                pushes=[push.artifact for push in pushes if model_of.get(push.artifact) == model.id],
                retrain=model.id in retrain,
            )
        )
    return models


def _role(splits: set[str]) -> str:
    if splits == {TEST}:
        return "only tested on"
    return ", ".join(_ROLES[split] for split in marks.SPLITS if split in splits) or "derived from it"


def _splits_that_reach(graph: Subgraph, start: dict[int, set[str]]) -> dict[int, set[str]]:
    """Return the splits of the start artifacts whose windows went into each artifact.

    An Examples artifact passes on only the splits that it has itself.
    """
    reached = {id_: set(splits) for id_, splits in start.items()}
    made_of: dict[int, set[int]] = {}
    outputs: dict[int, set[int]] = {}
    for edge in graph.edges:
        if edge.kind == "output":
            outputs.setdefault(edge.execution_id, set()).add(edge.artifact_id)
    for edge in graph.edges:
        if edge.kind == "input" and edge.key not in COMPARED_WITH:
            made_of.setdefault(edge.artifact_id, set()).update(outputs.get(edge.execution_id, ()))
    waiting = list(start)
    while waiting:
        source = waiting.pop()
        for target in made_of.get(source, ()):
            artifact = graph.artifacts[target]
            passed = reached[source]
            if artifact.type == EXAMPLES:
                passed = passed & set(split_names(artifact))
            if not passed <= reached.setdefault(target, set()):
                reached[target] |= passed
                waiting.append(target)
    return reached


def _tested_models(graph: Subgraph, start: dict[int, set[str]]) -> set[int]:
    """Return the models that a gate judged on the test split of the start artifacts."""
    gates = {
        edge.execution_id
        for edge in graph.edges
        if edge.kind == "input" and edge.key == "examples" and TEST in start.get(edge.artifact_id, ())
    }
    return {
        edge.artifact_id
        for edge in graph.edges
        if edge.kind == "input" and edge.key == "model" and edge.execution_id in gates
    }


def _model_of_pushes(graph: Subgraph) -> dict[int, int]:
    """Return the id of the published Model by the id of the PushedModel."""
    pushed = {
        edge.execution_id: edge.artifact_id
        for edge in graph.edges
        if edge.kind == "output" and graph.artifacts[edge.artifact_id].type == PUSHED_MODEL
    }
    return {
        pushed[edge.execution_id]: edge.artifact_id
        for edge in graph.edges
        if edge.kind == "input" and edge.key == "model" and edge.execution_id in pushed
    }


def _push(pushed: Artifact) -> Push:
    version = str(pushed.properties.get("version"))
    targets = json.loads(pushed.properties.get("targets") or "{}")
    folders = {name: Path(folder) / version for name, folder in targets.items()}
    return Push(
        artifact=pushed.id,
        version=version,
        targets={name: str(folder) for name, folder in folders.items()},
        there=sorted(name for name, folder in folders.items() if folder.is_dir()),
        in_use=sorted(name for name, folder in folders.items() if _is_latest(folder)),
        live=pushed.state == LIVE,
    )


def _is_latest(version: Path) -> bool:
    from serving_targets.releases import latest_version

    return str(latest_version(version.parent)) == version.name
