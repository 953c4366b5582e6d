"""What a metadata store holds, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

LIVE, DELETED = "LIVE", "DELETED"
COMPLETE, CACHED, FAILED, CANCELED, RUNNING = "COMPLETE", "CACHED", "FAILED", "CANCELED", "RUNNING"


@dataclass(frozen=True, slots=True)
class Artifact:
    """Something that an execution made.

    Attributes:
        id: in the metadata store.
        type: name of its type.
        uri: folder of its payload.
        name: in the metadata store, often empty.
        state: `LIVE`, `DELETED` and others of ML Metadata's.
        created: seconds since the epoch.
        properties: plain and custom ones; `content_digest`, `bytes` and `files` are of the payload.
    """

    id: int
    type: str
    uri: str
    name: str
    state: str
    created: float
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Execution:
    """One attempt at a node.

    Attributes:
        id: in the metadata store.
        type: name of its type.
        node: id of the node.
        state: `COMPLETE`, `CACHED`, `FAILED`, `CANCELED` or `RUNNING`.
        run: name of the run that it belongs to.
        started: seconds since the epoch.
        ended: seconds since the epoch; of a running one, when it was last heard of.
        properties: parameters, and what was recorded of code and environment.
    """

    id: int
    type: str
    node: str
    state: str
    run: str
    started: float
    ended: float
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether its outputs stand."""
        return self.state in (COMPLETE, CACHED)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a pipeline.

    Attributes:
        id: of its context in the metadata store.
        name: the run id.
        pipeline: name of the pipeline.
        created: seconds since the epoch.
        properties: what was recorded of code, environment and whoever started it.
    """

    id: int
    name: str
    pipeline: str
    created: float
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """An artifact went into an execution, or came out of it.

    Attributes:
        execution_id: the execution.
        artifact_id: the artifact.
        kind: which of the two.
        key: name of the input or output.
    """

    execution_id: int
    artifact_id: int
    kind: Literal["input", "output"]
    key: str


@dataclass(slots=True)
class Subgraph:
    """A part of the lineage; every edge joins an execution and an artifact that are in it."""

    artifacts: dict[int, Artifact] = field(default_factory=dict)
    executions: dict[int, Execution] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def of_type(self, *types: str) -> list[Artifact]:
        """Artifacts of these types, oldest first."""
        return [self.artifacts[id_] for id_ in sorted(self.artifacts) if self.artifacts[id_].type in types]

    def outputs(self, execution_id: int) -> dict[str, list[Artifact]]:
        """What came out of an execution, by key."""
        return self._artifacts_of(execution_id, "output")

    def inputs(self, execution_id: int) -> dict[str, list[Artifact]]:
        """What went into an execution, by key."""
        return self._artifacts_of(execution_id, "input")

    def _artifacts_of(self, execution_id: int, kind: str) -> dict[str, list[Artifact]]:
        found: dict[str, list[Artifact]] = {}
        for edge in self.edges:
            if edge.execution_id == execution_id and edge.kind == kind:
                found.setdefault(edge.key, []).append(self.artifacts[edge.artifact_id])
        return found
