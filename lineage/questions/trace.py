"""From a file or an artifact back to the model, the run, the code, the verdicts, the data and the people in it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.digests import file_digest, list_folder
from data.errors import InputError
from lineage import marks
from lineage.artifact_types import EDGE_MODEL, EXAMPLES, MODEL, MODEL_BLESSING, PUSHED_MODEL, TRACED
from lineage.measures import FILE_JUDGEMENTS, JUDGEMENTS, read_verdicts
from lineage.model import Artifact, Execution, Subgraph
from lineage.nodes import MODEL_GATES, NodeId
from lineage.store.reader import LineageStore
from payloads.sequences import SequenceRow, count_by_split, people_by_split, read_sequences
from serving_targets.manifest import has_manifest, read_manifest

_CODE = ("git_commit", "git_dirty", "code_digest", "lock_digest")
_BLESSINGS = (MODEL_BLESSING, *FILE_JUDGEMENTS)
_MOST_FILES = 10_000


@dataclass(frozen=True)
class Unknown:
    """A file that was never recorded, or was altered since.

    Attributes:
        files: of what was given, those that nothing recorded holds.
        claims: what a manifest beside it says of itself, which nothing confirms.
    """

    files: list[str]
    claims: dict[str, Any]


def find(store: LineageStore, what: str) -> tuple[list[Artifact], list[str]] | Unknown:
    """Finds what a person means: a file or folder on disk by its content, else an artifact id.

    Returns:
        The recorded artifacts that hold all of it, the one that it came from first, and the files looked at.

    Raises:
        InputError: neither a path that exists nor the id of an artifact.
    """
    path = Path(what)
    if path.exists():
        return _find_content(store, path)
    if what.isdecimal():
        return [store.artifact(int(what))], []
    raise InputError(f"there is no file {what!r}, and it is no artifact id", remedy="give a path or a number")


def _find_content(store: LineageStore, path: Path) -> tuple[list[Artifact], list[str]] | Unknown:
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
        return Unknown(unknown or sorted(digests), _provenance(path if path.is_dir() else path.parent))
    order = {PUSHED_MODEL: 0, EDGE_MODEL: 1, MODEL: 2}
    return sorted(holders.values(), key=lambda a: (order.get(a.type, 3), a.id)), sorted(digests)


def _provenance(bundle: Path) -> dict[str, Any]:
    """Return what the bundle's manifest says of its origin; empty if there is no manifest that can be read."""
    try:
        return read_manifest(bundle).provenance.model_dump(exclude_unset=True)
    except InputError:
        return {}


def _digests(path: Path) -> dict[str, str]:
    if path.is_file():
        return {path.name: file_digest(path)}
    if (path / "latest").is_dir() and not has_manifest(path):
        path = path / "latest"
    if sum(1 for _ in itertools.islice(path.rglob("*"), _MOST_FILES + 1)) > _MOST_FILES:
        raise InputError(f"the folder holds more than {_MOST_FILES} files", str(path), "give the bundle or the model")
    files = list_folder(path).files
    if not files:
        raise InputError("the folder is empty", str(path), "give the bundle or the model")
    return {file.path: file.sha256 for file in files}


def trace(store: LineageStore, artifact: Artifact) -> dict[str, Any]:
    """Everything that an artifact was made of, and who had a say in it.

    Returns:
        `artifact`, `made_by`, `model`, `trained_by` (with parameters), `code`, `schema`, `gates`, `data`, `pushes`,
        `retrain` (if a person in its data asked to be forgotten), and `lineage`: ids and edges of all that lies
        behind it.
    """
    graph = store.upstream(artifact.id)
    model = _last(graph.of_type(MODEL)) if artifact.type != MODEL else artifact
    maker = _maker(graph, artifact)
    trainer = _maker(graph, model) if model else None
    return {
        "artifact": describe(artifact),
        "made_by": _describe_execution(maker),
        "model": describe(model) if model else None,
        "trained_by": _describe_execution(trainer, with_parameters=True),
        "code": {name: trainer.properties.get(name) for name in _CODE} if trainer else {},
        "schema": [describe(found) for found in graph.of_type("Schema")],
        "gates": _gates(store, graph, trainer, artifact, model),
        "data": [_describe_data(found, graph) for found in graph.of_type(EXAMPLES) if _is_source(found, graph)],
        "push": _describe_push(artifact) if artifact.type == PUSHED_MODEL else None,
        "retrain": bool(model and is_marked(store, model)),
        "lineage": {
            "artifacts": sorted(graph.artifacts),
            "executions": sorted(graph.executions),
            "runs": sorted(graph.runs),
        },
    }


def is_marked(store: LineageStore, model: Artifact) -> bool:
    """Whether a person whom a model saw asked to be forgotten since."""
    return store.stands_in(model.id, marks.FORGOTTEN)


def describe(artifact: Artifact) -> dict[str, Any]:
    """An artifact on one line."""
    return {
        "id": artifact.id,
        "type": artifact.type,
        "uri": artifact.uri,
        "state": artifact.state,
        "created": artifact.created,
        "content_digest": artifact.properties.get("content_digest"),
        "bytes": artifact.properties.get("bytes"),
        "files": artifact.properties.get("files"),
    }


def parameters(execution: Execution) -> dict[str, Any]:
    """What an execution was told, without what was recorded of it."""
    own = {*_CODE, "cached_from", "recovered", "state"}
    return {
        name: _parsed(value)
        for name, value in sorted(execution.properties.items())
        if name not in own and not name.startswith("__")
    }


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return json.loads(value)
        except ValueError:
            pass
    return value


def _maker(graph: Subgraph, artifact: Artifact) -> Execution | None:
    for edge in graph.edges:
        if edge.artifact_id == artifact.id and edge.kind == "output":
            return graph.executions[edge.execution_id]
    return None


def _describe_execution(execution: Execution | None, *, with_parameters: bool = False) -> dict[str, Any] | None:
    if execution is None:
        return None
    described = {
        "execution": execution.id,
        "node": execution.node,
        "run": execution.run,
        "started": execution.started,
        "seconds": execution.ended - execution.started,
    }
    return described | ({"parameters": parameters(execution)} if with_parameters else {})


def _is_source(examples: Artifact, graph: Subgraph) -> bool:
    """Whether examples were read from data and not made of other examples."""
    maker = _maker(graph, examples)
    return maker is not None and not graph.inputs(maker.id)


def _describe_data(examples: Artifact, graph: Subgraph) -> dict[str, Any]:
    sequences = read_sequences(Path(examples.uri))
    maker = _maker(graph, examples)
    assert maker is not None
    return {
        "artifact": examples.id,
        "run": maker.run,
        "span": examples.properties.get("span"),
        "span_digest": maker.properties.get("span_digest"),
        "splits": count_people(sequences),
        "subjects": people_by_split(sequences),
        "payload": "there" if sequences else "gone",
    }


def count_people(sequences: Iterable[SequenceRow]) -> dict[str, dict[str, int]]:
    """Return the number of sequences, windows and subjects in each split."""
    return {
        split: {name: counts[name] for name in ("sequences", "windows", "subjects")}
        for split, counts in count_by_split(sequences).items()
    }


def _describe_push(pushed: Artifact) -> dict[str, Any]:
    return {
        "pushed": bool(pushed.properties.get("pushed")),
        "version": pushed.properties.get("version"),
        "targets": _parsed(pushed.properties.get("targets") or "{}"),
    }


def _gates(
    store: LineageStore, graph: Subgraph, trainer: Execution | None, start: Artifact, model: Artifact | None
) -> list[dict[str, Any]]:
    """Verdicts that led to a push; of anything else, the newest verdicts on its model and on its data."""
    judged = [found for found in (start, model, *graph.of_type(EDGE_MODEL)) if found]
    judges = {
        edge.execution_id
        for edge in graph.edges
        if edge.kind == "output" and graph.artifacts[edge.artifact_id].type in _BLESSINGS
    }
    if start.type != PUSHED_MODEL and model:
        judges |= _newest_judges(store, judged)
    if trainer:
        run = store.run(trainer.run)
        judges |= {e.id for e in store.executions_of(run) if e.node == NodeId.DATA_GATE and e.succeeded}
    verdicts = []
    executions = store.executions(judges)
    made = [edge for edge in store.edges_of_executions(judges) if edge.kind == "output"]
    artifacts = store.artifacts({edge.artifact_id for edge in made})
    for edge in made:
        artifact = artifacts[edge.artifact_id]
        if artifact.type in JUDGEMENTS:
            node, run_name = executions[edge.execution_id].node, executions[edge.execution_id].run
            verdicts += [
                {**verdict.model_dump(), "node": node, "run": run_name, "artifact": artifact.id}
                for verdict in read_verdicts(artifact)
            ]
    # Gates that run side by side end in any order; the answer does not depend on it.
    return sorted(verdicts, key=lambda verdict: verdict["node"])


def _newest_judges(store: LineageStore, judged: Iterable[Artifact]) -> set[int]:
    used = [
        edge
        for edge in store.edges_of_artifacts({artifact.id for artifact in judged})
        if edge.kind == "input" and edge.key in ("model", "edge_model")
    ]
    newest: dict[str, int] = {}
    for execution in store.executions({edge.execution_id for edge in used}).values():
        if execution.node in MODEL_GATES and execution.state == "COMPLETE":
            newest[execution.node] = max(newest.get(execution.node, 0), execution.id)
    return set(newest.values())


def _last(artifacts: list[Artifact]) -> Artifact | None:
    """The newest of several models behind something: the others are what it was started from."""
    return artifacts[-1] if artifacts else None
