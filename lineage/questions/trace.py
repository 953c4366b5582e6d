"""The question `trace`: which model, run, code, data and verdicts a file or an artifact came from."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from data.digests import file_digest, list_folder
from data.errors import InputError
from lineage import marks
from lineage.artifact_types import EDGE_MODEL, EXAMPLES, MODEL, MODEL_BLESSING, PUSHED_MODEL, SCHEMA, TRACED
from lineage.measures import BLESSINGS, JUDGEMENTS, read_verdicts
from lineage.model import CODE_PROPERTIES, COMPLETE, Artifact, Execution, Subgraph, parse_json_text
from lineage.node_ids import NodeId
from lineage.nodes import MODEL_GATES
from lineage.questions.answer import Answer, ArtifactSummary, LineageIds
from lineage.recorded_run import SourceData, source_data
from lineage.store.reader import LineageStore
from payloads.verdict import Direction

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_MOST_FILES = 10_000


@dataclass(frozen=True, slots=True)
class Unknown(Answer):
    """Files that the store does not know: never recorded, or altered since.

    Attributes:
        files: names of the unknown files.
        claims: provenance that the manifest next to the files states; nothing confirms it.
        signature: how the bundle is signed; None if the files are no bundle.
    """

    files: list[str]
    claims: dict[str, Any]
    signature: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as `--json` prints it."""
        return {"known": False, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Found:
    """The recorded artifacts that a person asked about.

    Attributes:
        artifacts: artifacts that contain all the files; the one that the files came from is the first.
        files: names of the files that were looked up; empty if an artifact id was given.
        signature: how the bundle is signed; None if the files are no bundle.
    """

    artifacts: list[Artifact]
    files: list[str]
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class ExecutionSummary:
    """The execution that made an artifact.

    Attributes:
        execution: execution id.
        node: id of the node.
        run: name of the run.
        started: start time in seconds since the epoch.
        seconds: wall time of the execution.
    """

    execution: int
    node: str
    run: str
    started: float
    seconds: float

    @classmethod
    def of(cls, execution: Execution, **more: Any) -> Self:
        """Summarise an execution; `more` are the fields that a subclass adds."""
        seconds = execution.ended - execution.started
        return cls(execution.id, execution.node, execution.run, execution.started, seconds, **more)


@dataclass(frozen=True, slots=True)
class TrainingSummary(ExecutionSummary):
    """The execution that trained a model.

    Attributes:
        parameters: parameters of the node by name.
    """

    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """A verdict of a gate, with its origin.

    Attributes:
        gate: name of the check, for example `max_bytes`.
        figure: measured value; None if it could not be measured.
        threshold: limit that the figure was compared with; None without one.
        direction: `min` if the threshold is the smallest value that passes, `max` if it is the largest.
        unit: unit of figure and threshold.
        passed: whether the figure keeps the limit.
        detail: further explanation, for example which file the figure is from.
        is_open: whether the figure could not be judged then; it is not passed either.
        node: id of the gate's node.
        run: name of the run in which the gate ran.
        artifact: id of the artifact that contains the verdict.
    """

    gate: str
    figure: float | None
    threshold: float | None
    direction: Direction
    unit: str
    passed: bool
    detail: str
    is_open: bool
    node: str
    run: str
    artifact: int


@dataclass(frozen=True, slots=True)
class DataSummary:
    """Examples that an artifact was made from, directly or not.

    Attributes:
        artifact: id of the Examples artifact.
        run: name of the run that read the data.
        span: number of the span.
        span_digest: digest of the span's files.
        splits: numbers of sequences, windows and subjects by split.
        subjects: names of the subjects by split.
        payload: `there` if the list of sequences can be read, otherwise `gone`.
    """

    artifact: int
    run: str
    span: Any
    span_digest: Any
    splits: dict[str, dict[str, int]]
    subjects: dict[str, list[str]]
    payload: str

    @classmethod
    def of(cls, data: SourceData) -> Self:
        """Summarise the data of an Examples artifact."""
        payload = "there" if data.sequences else "gone"
        return cls(data.examples.id, data.reader.run, data.span, data.span_digest, data.splits, data.subjects, payload)


@dataclass(frozen=True, slots=True)
class PushSummary:
    """The outcome of a push.

    Attributes:
        pushed: whether a bundle was published.
        version: number of the published version.
        targets: folder by target name.
    """

    pushed: bool
    version: Any
    targets: dict[str, str]

    @classmethod
    def of(cls, pushed: Artifact) -> Self:
        """Summarise a PushedModel artifact."""
        properties = pushed.properties
        targets = parse_json_text(properties.get("targets") or "{}")
        return cls(bool(properties.get("pushed")), properties.get("version"), targets)


@dataclass(frozen=True, slots=True)
class TracedIds(LineageIds):
    """The part of the lineage graph upstream of an artifact.

    Attributes:
        runs: names of all runs.
    """

    runs: list[str]


@dataclass(frozen=True, slots=True)
class Trace(Answer):
    """Everything that an artifact was made from, and the verdicts on it.

    Attributes:
        files: names of the files that were looked up; empty if an artifact id was given.
        also: other artifacts that contain the same files.
        artifact: the artifact.
        made_by: execution that made the artifact.
        model: model in the artifact or upstream of it.
        trained_by: execution that trained the model.
        code: recorded facts about the code of the training.
        schema: Schema artifacts upstream of the artifact.
        gates: verdicts on the model and the data, each with its node, run and artifact.
        data: data that the artifact was made from.
        push: outcome of the push; None if the artifact is not a push.
        retrain: whether a person in the model's data has asked to be forgotten.
        lineage: part of the lineage graph upstream of the artifact.
        signature: how the bundle is signed; None if the files are no bundle.
    """

    files: list[str]
    also: list[ArtifactSummary]
    artifact: ArtifactSummary
    made_by: ExecutionSummary | None
    model: ArtifactSummary | None
    trained_by: TrainingSummary | None
    code: dict[str, Any]
    schema: list[ArtifactSummary]
    gates: list[GateVerdict]
    data: list[DataSummary]
    push: PushSummary | None
    retrain: bool
    lineage: TracedIds
    signature: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as `--json` prints it."""
        return {"known": True, **asdict(self)}


def find(store: LineageStore, what: str, key: Ed25519PublicKey | None = None) -> Found | Unknown:
    """Find the artifacts that a person means: those with the content of a file or folder, or the one with an id.

    Args:
        store: metadata store.
        what: path or artifact id.
        key: key that must have signed the bundle; None if the files may come from anywhere.

    Raises:
        InputError: `what` is neither an existing path nor an artifact id, or is no bundle that the key signed.
    """
    path = Path(what)
    if path.exists():
        from serving_targets.bundle import file_signature

        return replace(_find_content(store, path), signature=file_signature(path, key))
    if key:
        raise InputError("a key verifies a bundle", what, "give the folder of a bundle, or do not give a key")
    if what.isdecimal():
        return Found([store.artifact(int(what))], [])
    raise InputError(f"there is no file {what!r}, and it is not an artifact id", remedy="give a path or a number")


def _find_content(store: LineageStore, path: Path) -> Found | Unknown:
    digests = _digests(path)
    holders: dict[int, Artifact] | None = None
    unknown = []
    for name, digest in digests.items():
        recorded = store.artifacts_in(marks.FILE, digest)
        found = {artifact.id: artifact for artifact in recorded if artifact.type in TRACED}
        if not found:
            unknown.append(name)
        elif holders is None:
            holders = found
        else:
            holders = {id_: artifact for id_, artifact in holders.items() if id_ in found}
    if unknown or not holders:
        from serving_targets.manifest import read_claims

        return Unknown(unknown or sorted(digests), read_claims(path if path.is_dir() else path.parent))
    order = {PUSHED_MODEL: 0, EDGE_MODEL: 1, MODEL: 2}
    return Found(sorted(holders.values(), key=lambda a: (order.get(a.type, 3), a.id)), sorted(digests))


def _digests(path: Path) -> dict[str, str]:
    from serving_targets.bundle import LATEST
    from serving_targets.manifest import MOST_BYTES, SIGNATURE, has_manifest

    if path.is_file():
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"the file has {path.stat().st_size} bytes", str(path), "give a model: none is so large")
        return {path.name: file_digest(path)}

    if (path / LATEST).is_dir() and not has_manifest(path):
        path = path / LATEST
    if sum(1 for _ in itertools.islice(path.rglob("*"), _MOST_FILES + 1)) > _MOST_FILES:
        raise InputError(f"the folder holds more than {_MOST_FILES} files", str(path), "give the bundle or the model")
    if (size := sum(file.stat().st_size for file in path.rglob("*") if file.is_file())) > MOST_BYTES:
        raise InputError(f"the files in the folder have {size} bytes", str(path), "give the bundle or the model")
    files = list_folder(path, follow_links=True).files
    if not files:
        raise InputError("the folder is empty", str(path), "give the bundle or the model")
    # A signature may be made after the push; what it signs is looked up.
    return {file.path: file.sha256 for file in files if file.path != SIGNATURE}


def trace(store: LineageStore, found: Found) -> Trace:
    """Trace the first of the found artifacts back to everything that it was made from."""
    artifact = found.artifacts[0]
    graph = store.upstream(artifact.id)
    model = artifact if artifact.type == MODEL else _last(graph.of_type(MODEL))
    maker = graph.maker(artifact.id)
    trainer = graph.maker(model.id) if model else None
    return Trace(
        files=found.files,
        also=[ArtifactSummary.of(other) for other in found.artifacts[1:]],
        artifact=ArtifactSummary.of(artifact),
        made_by=ExecutionSummary.of(maker) if maker else None,
        model=ArtifactSummary.of(model) if model else None,
        trained_by=TrainingSummary.of(trainer, parameters=trainer.parameters) if trainer else None,
        code={name: trainer.properties.get(name) for name in CODE_PROPERTIES} if trainer else {},
        schema=[ArtifactSummary.of(schema) for schema in graph.of_type(SCHEMA)],
        gates=_verdicts(store, _gate_executions(store, graph, trainer, artifact, model)),
        data=[DataSummary.of(data) for data in source_data(graph, graph.of_type(EXAMPLES))],
        push=PushSummary.of(artifact) if artifact.type == PUSHED_MODEL else None,
        retrain=bool(model and is_to_be_retrained(store, model)),
        lineage=TracedIds.of(graph, runs=sorted(graph.runs)),
        signature=found.signature,
    )


def is_to_be_retrained(store: LineageStore, model: Artifact) -> bool:
    """Return whether a person in a model's data has asked to be forgotten since the training."""
    return store.is_in_context(model.id, marks.FORGOTTEN)


def _gate_executions(
    store: LineageStore, graph: Subgraph, trainer: Execution | None, start: Artifact, model: Artifact | None
) -> set[int]:
    """Return the gate executions that a push depended on; for other artifacts, also the newest ones on their model."""
    gates = {
        edge.execution_id
        for edge in graph.edges
        if edge.kind == "output" and graph.artifacts[edge.artifact_id].type in (MODEL_BLESSING, *BLESSINGS)
    }
    if start.type != PUSHED_MODEL and model:
        gates |= _newest_gate_executions(store, (start, model, *graph.of_type(EDGE_MODEL)))
    if trainer:
        run = store.run(trainer.run)
        gates |= {e.id for e in store.executions_of(run) if e.node == NodeId.DATA_GATE and e.succeeded}
    return gates


def _newest_gate_executions(store: LineageStore, judged: Iterable[Artifact]) -> set[int]:
    used = [
        edge
        for edge in store.edges_of_artifacts({artifact.id for artifact in judged})
        if edge.kind == "input" and edge.key in ("model", "edge_model")
    ]
    newest: dict[str, int] = {}
    for execution in store.executions({edge.execution_id for edge in used}).values():
        if execution.node in MODEL_GATES and execution.state == COMPLETE:
            newest[execution.node] = max(newest.get(execution.node, 0), execution.id)
    return set(newest.values())


def _verdicts(store: LineageStore, gates: set[int]) -> list[GateVerdict]:
    """Return all verdicts of some executions, ordered by node: gates that run at the same time end in any order."""
    executions = store.executions(gates)
    made = [edge for edge in store.edges_of_executions(gates) if edge.kind == "output"]
    artifacts = store.artifacts({edge.artifact_id for edge in made})
    verdicts = []
    for edge in made:
        artifact, execution = artifacts[edge.artifact_id], executions[edge.execution_id]
        if artifact.type in JUDGEMENTS:
            verdicts += [
                GateVerdict(
                    **verdict.model_dump(),
                    node=execution.node,
                    run=execution.run,
                    artifact=artifact.id,
                )
                for verdict in read_verdicts(artifact)
            ]
    return sorted(verdicts, key=lambda verdict: verdict.node)


def _last(artifacts: list[Artifact]) -> Artifact | None:
    """Return the newest of several models upstream of an artifact; the others were only used for warm starts."""
    return artifacts[-1] if artifacts else None
