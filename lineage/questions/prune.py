"""The question `prune`: which payloads can be removed because no kept run, push or blessed model needs them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from data.errors import InputError
from lineage.artifact_types import MODEL_BLESSING, PUSHED_MODEL
from lineage.model import ABANDONED, DELETED, LIVE, Artifact
from lineage.questions.answer import Answer
from lineage.questions.removal import RemovablePayload
from lineage.store.reader import LineageStore
from lineage.unfinished import runs_under_way
from payloads.push import PushRecord


@dataclass(frozen=True, slots=True)
class PrunePlan(Answer):
    """The payloads that a prune removes.

    Attributes:
        keep: names of the runs that are kept.
        remove: payloads to remove.
        bytes: total size of these payloads.
        protected: number of live artifacts that no kept run uses, but that a live push or a blessed model needs.
        under_way: names of further runs that are kept because an orchestrator has begun but not finished them.
        done: whether the payloads have been removed.
    """

    keep: list[str]
    remove: list[RemovablePayload]
    bytes: int
    protected: int
    under_way: list[str] = field(default_factory=list)
    done: bool = False


def plan_prune(store: LineageStore, root: Path, keep: int, pipeline: str | None = None) -> PrunePlan:
    """Find the payloads that can be removed if the newest runs of every pipeline are kept.

    Artifacts of the kept runs are never among them, nor those that a live push or a blessed model was made from, nor
    those of a run that an orchestrator has not finished: its next task needs them.

    Args:
        store: store to read.
        root: root of the runs.
        keep: number of most recent runs to keep in each pipeline.
        pipeline: name of the only pipeline from which to remove payloads; None for all pipelines.

    Raises:
        InputError: there is no such pipeline.
    """
    artifacts: dict[int, Artifact] = {}
    runs: dict[str, list[str]] = {}
    for part in store.whole():
        artifacts |= {a.id: a for a in part.artifacts.values()}
        for run in part.runs.values():
            runs.setdefault(run.pipeline, []).append(run.name)
    kept = {name for names in runs.values() for name in names[-keep:]} if keep else set()
    known = {name for names in runs.values() for name in names}
    under_way = [name for name in runs_under_way(root) if name in known - kept]
    used = _used_by(store, kept.union(under_way))
    protected = _needed_by_models_in_use(store, artifacts.values())
    of_pipeline = artifacts.keys() if pipeline is None else _artifacts_of_pipeline(store, pipeline)
    remove = [
        RemovablePayload.of(artifact)
        for artifact in artifacts.values()
        if artifact.id not in used | protected and artifact.id in of_pipeline and _can_be_removed(artifact)
    ]
    return PrunePlan(
        keep=sorted(kept),
        remove=remove,
        bytes=sum(payload.bytes for payload in remove),
        protected=sum(artifacts[id_].state == LIVE for id_ in protected - used),
        under_way=under_way,
    )


def _can_be_removed(artifact: Artifact) -> bool:
    return artifact.state in (LIVE, ABANDONED) or (artifact.state == DELETED and Path(artifact.uri).is_dir())


def _used_by(store: LineageStore, runs: Iterable[str]) -> set[int]:
    executions = {e.id for name in runs for e in store.executions_of(store.run(name))}
    return {edge.artifact_id for edge in store.edges_of_executions(executions)}


def _needed_by_models_in_use(store: LineageStore, artifacts: Iterable[Artifact]) -> set[int]:
    """Return all artifacts upstream of published versions and blessed models, and those of the runs involved."""
    live = [artifact for artifact in artifacts if artifact.state == LIVE]
    in_use = [a.id for a in live if _is_blessing(a) or (a.type == PUSHED_MODEL and _is_published(a))]
    graph = store.upstream(in_use)
    return set(graph.artifacts) | _used_by(store, graph.runs)


def _is_blessing(artifact: Artifact) -> bool:
    return artifact.type == MODEL_BLESSING and artifact.properties.get("blessed") == 1


def _is_published(pushed: Artifact) -> bool:
    record = PushRecord.find(Path(pushed.uri), pushed.properties.get("targets"))
    if record is None:  # a record that cannot be read may be that of a version in use: nothing behind it is removed
        return (Path(pushed.uri) / PushRecord.FILE).exists()
    return any(folder.is_dir() for folder in record.versions)


def _artifacts_of_pipeline(store: LineageStore, pipeline: str) -> set[int]:
    context = store.mlmd.get_context_by_type_and_name("pipeline", pipeline)
    if context is None:
        raise InputError(f"no pipeline {pipeline!r}", store.place, "`poseline lineage runs` lists them")
    return {artifact.id for artifact in store.mlmd.get_artifacts_by_context(context.id)}
