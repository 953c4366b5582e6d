"""Runs, executions, artifacts and the edges between them: the content of a metadata store as plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

LIVE, DELETED, ABANDONED = "LIVE", "DELETED", "ABANDONED"
COMPLETE, CACHED, FAILED, CANCELED, RUNNING = "COMPLETE", "CACHED", "FAILED", "CANCELED", "RUNNING"

# Properties of an execution that Poseline recorded in addition to the node's own parameters.
CODE_PROPERTIES = ("git_commit", "git_dirty", "code_digest", "lock_digest")
CPU_SECONDS, PEAK_MEGABYTES = "cpu_seconds", "peak_megabytes"
_RECORDED_PROPERTIES = frozenset({*CODE_PROPERTIES, CPU_SECONDS, PEAK_MEGABYTES, "cached_from", "recovered", "state"})


@dataclass(frozen=True, slots=True)
class Artifact:
    """A typed result of an execution, with a folder of files.

    Attributes:
        id: artifact id in the metadata store.
        type: name of the artifact type.
        uri: folder of the payload.
        name: name in the metadata store, often empty.
        state: `LIVE`, `DELETED`, `ABANDONED` (altered and set aside) or another artifact state of ML Metadata.
        created: creation time in seconds since the epoch.
        properties: plain and custom properties by name; `content_digest`, `bytes` and `files` describe the payload.
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
    """One attempt to run a node.

    Attributes:
        id: execution id in the metadata store.
        type: name of the execution type, which is the class of the component.
        node: id of the node.
        state: `COMPLETE`, `CACHED`, `FAILED`, `CANCELED` or `RUNNING`.
        run: name of the run that the execution belongs to.
        started: start time in seconds since the epoch.
        ended: end time in seconds since the epoch; time of the last update while the execution is running.
        properties: parameters by name, and the recorded facts about code and environment.
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
        """Whether the execution has valid outputs, made or taken from the cache."""
        return self.state in (COMPLETE, CACHED)

    @property
    def failed(self) -> bool:
        """Whether the execution ended without outputs."""
        return self.state in (FAILED, CANCELED)

    @property
    def failure(self) -> str | None:
        """The error message of a failed execution; None if it did not fail or if no message was recorded."""
        if not self.failed:
            return None
        if recovered := self.properties.get("recovered"):
            return str(recovered)
        try:
            result = json.loads(self.properties.get("__execution_result__") or "{}")
        except ValueError:
            return None
        return result.get("resultMessage") or f"code {result.get('code', 'unknown')}"

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters given to the node, by name, without the recorded facts; JSON texts are parsed."""
        return {
            name: parse_json_text(value)
            for name, value in sorted(self.properties.items())
            if name not in _RECORDED_PROPERTIES and not name.startswith("__")
        }


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a pipeline.

    Attributes:
        id: id of the run's context in the metadata store.
        name: run id, as commands take it.
        pipeline: name of the pipeline.
        created: creation time in seconds since the epoch.
        properties: recorded facts by name: code, environment, and who started the run.
    """

    id: int
    name: str
    pipeline: str
    created: float
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection between an execution and one of its input or output artifacts.

    Attributes:
        execution_id: id of the execution.
        artifact_id: id of the artifact.
        kind: role of the artifact in the execution.
        key: name of the input or output.
    """

    execution_id: int
    artifact_id: int
    kind: Literal["input", "output"]
    key: str


@dataclass(slots=True)
class Subgraph:
    """A part of the lineage graph; it contains the execution and the artifact of every edge.

    Attributes:
        artifacts: artifacts by id.
        executions: executions by id.
        runs: runs by name.
        edges: connections between the executions and the artifacts.
    """

    artifacts: dict[int, Artifact] = field(default_factory=dict)
    executions: dict[int, Execution] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def of_type(self, *types: str) -> list[Artifact]:
        """Return the artifacts of the given types, oldest first."""
        return [self.artifacts[id_] for id_ in sorted(self.artifacts) if self.artifacts[id_].type in types]

    def outputs(self, execution_id: int) -> dict[str, list[Artifact]]:
        """Return the output artifacts of an execution by output name."""
        return self._artifacts_of(execution_id, "output")

    def inputs(self, execution_id: int) -> dict[str, list[Artifact]]:
        """Return the input artifacts of an execution by input name."""
        return self._artifacts_of(execution_id, "input")

    def _artifacts_of(self, execution_id: int, kind: str) -> dict[str, list[Artifact]]:
        found: dict[str, list[Artifact]] = {}
        for edge in self.edges:
            if edge.execution_id == execution_id and edge.kind == kind:
                found.setdefault(edge.key, []).append(self.artifacts[edge.artifact_id])
        return found

    def merged_with(self, other: Subgraph) -> Subgraph:
        """Return the union of two parts of the lineage graph."""
        return Subgraph(
            self.artifacts | other.artifacts,
            self.executions | other.executions,
            self.runs | other.runs,
            list(dict.fromkeys([*self.edges, *other.edges])),
        )

    def maker(self, artifact_id: int) -> Execution | None:
        """Return the execution that made an artifact: the first that has it as an output; later ones are cached."""
        makers = (edge.execution_id for edge in self.edges if edge.kind == "output" and edge.artifact_id == artifact_id)
        first = min(makers, default=None)
        return None if first is None else self.executions[first]

    def attempts(self, run: Run) -> list[Execution]:
        """Return all executions of a run, oldest first."""
        return sorted((e for e in self.executions.values() if e.run == run.name), key=lambda e: e.id)

    def last_attempts(self, run: Run) -> dict[str, Execution]:
        """Return the last execution of each node in a run, by node id."""
        return {execution.node: execution for execution in self.attempts(run)}

    def cache_origin(self, execution: Execution) -> Execution | None:
        """Return the execution of the same node that made the outputs of a cached one.

        Returns:
            The origin; None if the execution is not cached, or belongs to a resolver, which makes nothing.
        """
        if execution.state != CACHED:
            return None
        outputs = {artifact.id for artifacts in self.outputs(execution.id).values() for artifact in artifacts}
        makers = {edge.execution_id for edge in self.edges if edge.kind == "output" and edge.artifact_id in outputs}
        known = (self.executions.get(id_) for id_ in makers | {execution.properties.get("cached_from", 0)})
        same_node = [found for found in known if found and found.node == execution.node and found.id != execution.id]
        return min(same_node, key=lambda found: found.id, default=None)

    def producer(self, execution: Execution) -> Execution:
        """Return the execution that made the outputs: the cache origin, or the execution itself.

        Read parameters and inputs from it: a partial run records the nodes that it reuses without them.
        """
        return self.cache_origin(execution) or execution


def parse_json_text(value: Any) -> Any:
    """Return the parsed content of a text that is a JSON object or list, and any other value as it is."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            pass
    return value
