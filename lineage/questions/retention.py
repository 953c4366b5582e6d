"""What may be thrown away, what has to be, and doing it.

Order makes it safe: an artifact is first marked DELETED, so that no cache lookup takes it any more, then its payload is
removed. A process that dies in between leaves a folder that `verify` calls orphaned and the next `prune` removes.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from data.errors import InputError
from lineage import marks
from lineage.artifact_types import EDGE_MODEL, EXAMPLES, MODEL_BLESSING, PUSHED_MODEL
from lineage.model import DELETED, LIVE, Artifact
from lineage.questions import impact
from lineage.store.reader import LineageStore
from payloads.push import PushRecord

_HOLDS_PEOPLE = frozenset({EXAMPLES, EDGE_MODEL})


def plan_prune(store: LineageStore, keep: int, pipeline: str | None = None) -> dict[str, Any]:
    """What can go if the newest runs of every pipeline stay.

    Never what belongs to those, nor what a live push or a blessed model stands on.

    Args:
        store: to read.
        keep: how many of the newest runs stay, of each pipeline.
        pipeline: only of this one.

    Returns:
        `keep`: names of the runs that stay, `remove`: artifacts, `bytes`, `protected`: how many older artifacts a live
        push or a blessed model stands on.
    """
    artifacts: dict[int, Artifact] = {}
    runs: dict[str, list[str]] = {}
    for part in store.whole():
        artifacts |= {a.id: a for a in part.artifacts.values()}
        for run in part.runs.values():
            runs.setdefault(run.pipeline, []).append(run.name)
    kept = {name for names in runs.values() for name in names[-keep:]} if keep else set()
    used = _used_by(store, kept)
    protected = _stood_on(store, artifacts.values())
    mine = _of_pipeline(store, pipeline)
    removable = [
        artifact
        for artifact in artifacts.values()
        if artifact.id not in used | protected
        and (artifact.state == LIVE or (artifact.state == DELETED and Path(artifact.uri).is_dir()))
        and (mine is None or artifact.id in mine)
    ]
    live = {id_ for id_ in protected - used if artifacts[id_].state == LIVE}
    return {
        "keep": sorted(kept),
        "remove": [
            {"id": a.id, "type": a.type, "uri": a.uri, "bytes": int(a.properties.get("bytes") or 0)} for a in removable
        ],
        "bytes": sum(int(a.properties.get("bytes") or 0) for a in removable),
        "protected": len(live),
    }


def _used_by(store: LineageStore, runs: Iterable[str]) -> set[int]:
    executions = {e.id for name in runs for e in store.executions_of(store.run(name))}
    return {edge.artifact_id for edge in store.edges_of_executions(executions)}


def _stood_on(store: LineageStore, artifacts: Iterable[Artifact]) -> set[int]:
    """What published versions and blessed models were made of, with everything of the runs that made it."""
    live = [artifact for artifact in artifacts if artifact.state == LIVE]
    standing = [a.id for a in live if _is_blessing(a) or (a.type == PUSHED_MODEL and _is_published(a))]
    graph = store.upstream(standing)
    return set(graph.artifacts) | _used_by(store, graph.runs)


def _is_blessing(artifact: Artifact) -> bool:
    return artifact.type == MODEL_BLESSING and artifact.properties.get("blessed") == 1


def _is_published(pushed: Artifact) -> bool:
    record = PushRecord.read_if_sound(Path(pushed.uri))
    return record is not None and any(folder.is_dir() for folder in record.versions)


def _of_pipeline(store: LineageStore, pipeline: str | None) -> set[int] | None:
    if pipeline is None:
        return None
    context = store.mlmd.get_context_by_type_and_name("pipeline", pipeline)
    if context is None:
        raise InputError(f"no pipeline {pipeline!r}", store.place, "`poseline lineage runs` lists them")
    return {artifact.id for artifact in store.mlmd.get_artifacts_by_context(context.id)}


def plan_forget(store: LineageStore, subject: str) -> dict[str, Any]:
    """What holds a person's data, and which models saw it.

    Returns:
        `examples`: artifacts with the splits that the person is in, `payloads`: everything made of them that holds
        windows of people, `models`: as `influence.impact` tells them, `retrain`: ids of those that learned from the
        person, `pushes`.
    """
    start = impact.of_subject(store, subject)
    if not start:
        return {"examples": [], "payloads": [], "models": [], "retrain": [], "pushes": []}
    found = impact.impact(store, start)
    holders = store.artifacts(id_ for name in _HOLDS_PEOPLE for id_ in found["artifacts"].get(name, ()))
    payloads = [
        {"id": a.id, "type": a.type, "uri": a.uri, "bytes": int(a.properties.get("bytes") or 0)}
        for a in holders.values()
        if a.state == LIVE or Path(a.uri).is_dir()
    ]
    return {
        "examples": [{"artifact": id_, "splits": sorted(splits)} for id_, splits in sorted(start.items())],
        "payloads": payloads,
        "models": found["models"],
        "retrain": [m["id"] for m in found["models"] if {"train", "eval"} & set(m["saw"])],
        "pushes": found["pushes"],
    }


def refuse_while_running(root: Path) -> None:
    """Makes sure that no node runs in this root: it may be about to use what is to be removed.

    Raises:
        InputError: one does.
    """
    for path in (root / "running").glob("*.json"):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError("a run is going on", path.stem, "wait until it has ended") from None


def remove(mlmd: MetadataStore, root: Path, ids: Iterable[int]) -> int:
    """Marks artifacts deleted and removes their payloads.

    Args:
        mlmd: the store, open for writing.
        root: of the runs; payloads elsewhere are not touched, only marked.
        ids: of the artifacts.

    Returns:
        How many payloads were removed.
    """
    artifacts = mlmd.get_artifacts_by_id(sorted(set(ids)))
    for artifact in artifacts:
        artifact.state = metadata_store_pb2.Artifact.DELETED
    if artifacts:
        mlmd.put_artifacts(artifacts)
    removed = 0
    for artifact in artifacts:
        folder = Path(artifact.uri)
        if folder.is_dir() and folder.resolve().is_relative_to((root / "artifacts").resolve()):
            shutil.rmtree(folder)
            removed += 1
    return removed


def mark_for_retraining(mlmd: MetadataStore, models: Iterable[int]) -> None:
    """Marks models that learned from a person who asked to be forgotten; the models themselves are not touched."""
    models = sorted(set(models))
    if not models:
        return
    type_id = mlmd.put_context_type(metadata_store_pb2.ContextType(name=marks.FORGOTTEN))
    context = mlmd.get_context_by_type_and_name(marks.FORGOTTEN, marks.RETRAIN)
    context_id = (
        context.id
        if context
        else mlmd.put_contexts([metadata_store_pb2.Context(type_id=type_id, name=marks.RETRAIN)])[0]
    )
    attributions = [metadata_store_pb2.Attribution(artifact_id=id_, context_id=context_id) for id_ in models]
    mlmd.put_attributions_and_associations(attributions, [])
