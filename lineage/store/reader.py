"""Reading of runs, artifacts and lineage graphs from a metadata store, in few calls however large the store is.

ML Metadata 1.21 has no `filter_query`, which its own lineage query needs, so the traversal is done here. It follows two
rules:

- An artifact that later runs took from the cache is an output of many executions; the first of them made it.
- A model is not made from the baseline that it was compared with, although the baseline influenced the verdict. The
  traversal includes the inputs in `COMPARED_WITH`, but does not continue from them in either direction.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from ml_metadata.errors import NotFoundError
from ml_metadata.metadata_store import ListOptions, MetadataStore, OrderByField
from ml_metadata.proto import metadata_store_pb2

from data.errors import InputError
from lineage.model import CACHED, COMPLETE, RUNNING, Artifact, Edge, Execution, Run, Subgraph
from lineage.store import backend

COMPARED_WITH = frozenset({"baseline_model", "baseline"})
"""Names of the inputs that a candidate is compared with."""

PIPELINE, RUN, NODE = "pipeline", "pipeline_run", "node"
_BATCH = 1000
_INPUTS = (metadata_store_pb2.Event.INPUT, metadata_store_pb2.Event.DECLARED_INPUT)
_OUTPUTS = (metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.DECLARED_OUTPUT)


class LineageStore:
    """A metadata store, opened for reading.

    Attributes:
        place: kind, host and database of the store, for messages.
        mlmd: client of ML Metadata.
    """

    def __init__(self, connection: metadata_store_pb2.ConnectionConfig) -> None:
        """Connect to a store.

        Raises:
            InputError: nothing has been recorded yet, or the store is of an older or newer version.
            PoselineError: the server cannot be reached or refuses the connection.
        """
        self.place = backend.describe(connection)
        self.mlmd: MetadataStore = backend.open_store(backend.read_only(connection))

    @classmethod
    def of_root(cls, root: Path) -> LineageStore:
        """Open the store in which the runs of a root are recorded; see `backend.connection`."""
        return cls(backend.connection(root))

    def run(self, name: str) -> Run:
        """Return the run with a name, or the newest run for the name `latest`.

        Raises:
            InputError: there is no run with this name.
        """
        if name == "latest":
            newest = self.runs(1)
            if newest:
                return newest[0]
        context = self.mlmd.get_context_by_type_and_name(RUN, name)
        if context is None:
            raise InputError(f"no run {name!r}", self.place, "`poseline lineage runs` lists them")
        return self._run(context)

    def runs(self, limit: int | None) -> list[Run]:
        """Return the newest runs of all pipelines, newest first; all runs if `limit` is None."""
        return list(itertools.islice(self.walk_back(), limit))

    def walk_back(self) -> Iterator[Run]:
        """Yield the runs of all pipelines, newest first; each batch is read when it is needed."""
        return self._runs_below(self._last(self.mlmd.get_contexts) + 1)

    def runs_before(self, run: Run) -> Iterator[Run]:
        """Return the earlier runs of the same pipeline, newest first."""
        return (earlier for earlier in self._runs_below(run.id) if earlier.pipeline == run.pipeline)

    def _runs_below(self, high: int) -> Iterator[Run]:
        """Yield the runs with smaller ids, batch by batch; listing contexts by type would read all of them."""
        while high > 1:
            low = max(1, high - _BATCH)
            contexts = self.mlmd.get_contexts_by_id(range(low, high))
            for context in sorted(contexts, key=lambda c: c.id, reverse=True):
                if context.type == RUN:
                    yield self._run(context)
            high = low

    def artifact(self, artifact_id: int) -> Artifact:
        """Return the artifact with an id.

        Raises:
            InputError: there is no artifact with this id.
        """
        found = self.artifacts([artifact_id])
        if not found:
            raise InputError(f"no artifact {artifact_id}", self.place, "`poseline lineage run RUN` shows their ids")
        return found[artifact_id]

    def artifacts(self, ids: Iterable[int]) -> dict[int, Artifact]:
        """Return the artifacts with these ids, by id; unknown ids are left out."""
        return {
            found.id: _artifact(found)
            for batch in _batches(sorted(set(ids)))
            for found in self.mlmd.get_artifacts_by_id(batch)
        }

    def executions(self, ids: Iterable[int]) -> dict[int, Execution]:
        """Return the executions with these ids, by id; unknown ids are left out."""
        return {
            found.id: self._execution(found)
            for batch in _batches(sorted(set(ids)))
            for found in self.mlmd.get_executions_by_id(batch)
        }

    def executions_of(self, run: Run) -> list[Execution]:
        """Return the executions of a run, oldest first."""
        found = self.mlmd.get_executions_by_context(run.id)
        return [self._execution(execution, run.name) for execution in sorted(found, key=lambda e: e.id)]

    def artifacts_in(self, context_type: str, name: str) -> list[Artifact]:
        """Return the artifacts of a context, oldest first; none if there is no such context."""
        context = self.mlmd.get_context_by_type_and_name(context_type, name)
        found = self.mlmd.get_artifacts_by_context(context.id) if context else []
        return [_artifact(artifact) for artifact in sorted(found, key=lambda a: a.id)]

    def is_in_context(self, artifact_id: int, context_type: str) -> bool:
        """Return whether an artifact belongs to a context of a type."""
        return any(c.type == context_type for c in _contexts(self.mlmd.get_contexts_by_artifact, artifact_id))

    def run_subgraph(self, run: Run | str) -> Subgraph:
        """Return all executions of a run with their inputs and outputs.

        For each cached artifact, the execution of an earlier run that made it is included, with its inputs and outputs.
        """
        run = self.run(run) if isinstance(run, str) else run
        graph = Subgraph(runs={run.name: run})
        graph.executions = {execution.id: execution for execution in self.executions_of(run)}
        graph.edges = self.edges_of_executions(graph.executions)
        reused = {
            edge.artifact_id
            for edge in graph.edges
            if edge.kind == "output" and graph.executions[edge.execution_id].state == CACHED
        }
        makers = {edge.execution_id for edge in self.made_by(self.artifacts(reused)).values()}
        graph.edges += self.edges_of_executions(makers - graph.executions.keys())
        return self._fill(graph)

    def upstream(self, artifact_id: int | Iterable[int]) -> Subgraph:
        """Return one or more artifacts and everything that they were made from.

        Raises:
            InputError: a single id was given, and there is no such artifact.
        """
        graph = self._start(artifact_id)
        waiting, seen = set(graph.artifacts), set[int]()
        while waiting:
            made = self.made_by(self.artifacts(waiting))
            graph.edges += made.values()
            producers = {edge.execution_id for edge in made.values()} - seen
            seen |= producers
            inputs = [edge for edge in self.edges_of_executions(producers) if edge.kind == "input"]
            graph.edges += inputs
            known = {edge.artifact_id for edge in graph.edges if edge.kind == "output"} | waiting
            waiting = {edge.artifact_id for edge in inputs if edge.key not in COMPARED_WITH} - known
        return self._fill(graph)

    def downstream(self, artifact_id: int | Iterable[int]) -> Subgraph:
        """Return one or more artifacts and everything that was made from them, without failed executions.

        Raises:
            InputError: a single id was given, and there is no such artifact.
        """
        graph = self._start(artifact_id)
        waiting, seen, known = set(graph.artifacts), set[int](), set(graph.artifacts)
        while waiting:
            used = [edge for edge in self.edges_of_artifacts(waiting) if edge.kind == "input"]
            used = [edge for edge in used if edge.key not in COMPARED_WITH]
            consumers = self.executions({edge.execution_id for edge in used} - seen)
            seen |= consumers.keys()
            graph.executions |= {id_: found for id_, found in consumers.items() if found.state == COMPLETE}
            graph.edges += [edge for edge in used if edge.execution_id in graph.executions]
            made = [
                edge
                for edge in self.edges_of_executions(consumers.keys() & graph.executions.keys())
                if edge.kind == "output"
            ]
            graph.edges += made
            waiting = {edge.artifact_id for edge in made} - known
            known |= waiting
        return self._fill(graph)

    def _start(self, artifact_id: int | Iterable[int]) -> Subgraph:
        if isinstance(artifact_id, int):
            return Subgraph(artifacts={artifact_id: self.artifact(artifact_id)})
        return Subgraph(artifacts=self.artifacts(artifact_id))

    def of_types(self, types: Iterable[str]) -> Iterator[Subgraph]:
        """Yield all artifacts of some types, in parts of bounded size."""
        for name in types:
            if name in {known.name for known in self.mlmd.get_artifact_types()}:
                found = [_artifact(artifact) for artifact in self.mlmd.get_artifacts_by_type(name)]
                for batch in itertools.batched(found, _BATCH):
                    yield Subgraph(artifacts={artifact.id: artifact for artifact in batch})

    def whole(self) -> Iterator[Subgraph]:
        """Yield the whole store in parts of bounded size: all runs, then all artifacts, then executions with edges.

        Unlike in other subgraphs, the artifact of an edge is in an earlier part.
        """
        last_artifact = self._last(self.mlmd.get_artifacts)
        last_execution = self._last(self.mlmd.get_executions)
        last_context = self._last(self.mlmd.get_contexts)
        for ids in _ranges(last_context):
            contexts = [context for context in self.mlmd.get_contexts_by_id(ids) if context.type == RUN]
            if contexts:
                yield Subgraph(runs={context.name: self._run(context) for context in contexts})
        for ids in _ranges(last_artifact):
            yield Subgraph(artifacts=self.artifacts(ids))
        for ids in _ranges(last_execution):
            yield Subgraph(executions=self.executions(ids), edges=self.edges_of_executions(ids))

    def _last(self, get: Any) -> int:
        newest = get(list_options=ListOptions(limit=1, order_by=OrderByField.ID, is_asc=False))
        return newest[0].id if newest else 0

    def _fill(self, graph: Subgraph) -> Subgraph:
        """Load the executions and artifacts that the edges refer to, and the runs of all executions."""
        graph.edges = list(dict.fromkeys(graph.edges))
        graph.executions |= self.executions({edge.execution_id for edge in graph.edges} - graph.executions.keys())
        graph.artifacts |= self.artifacts({edge.artifact_id for edge in graph.edges} - graph.artifacts.keys())
        for name in {execution.run for execution in graph.executions.values()} - graph.runs.keys() - {""}:
            context = self.mlmd.get_context_by_type_and_name(RUN, name)
            if context is not None:
                graph.runs[name] = self._run(context)
        return graph

    def made_by(self, artifacts: dict[int, Artifact]) -> dict[int, Edge]:
        """Return the edge from the execution that made each artifact, by artifact id; imported artifacts have none.

        The folder of a payload has the id of the execution as its name. That execution is read first, because an
        artifact that thousands of runs took from the cache has thousands of events.
        """
        named = {a.id: int(tail) for a in artifacts.values() if (tail := a.uri.rpartition("/")[2]).isdecimal()}
        edges: dict[int, Edge] = {}
        for edge in self.edges_of_executions(set(named.values())):
            if edge.kind == "output" and named.get(edge.artifact_id) == edge.execution_id:
                edges[edge.artifact_id] = edge
        for edge in self.edges_of_artifacts(artifacts.keys() - edges.keys()):
            first = edges.get(edge.artifact_id)
            if edge.kind == "output" and (first is None or edge.execution_id < first.execution_id):
                edges[edge.artifact_id] = edge
        return edges

    def edges_of_executions(self, ids: Iterable[int]) -> list[Edge]:
        """Return the edges to the inputs and outputs of some executions."""
        batches = _batches(sorted(ids))
        return _edges(event for batch in batches for event in self.mlmd.get_events_by_execution_ids(batch))

    def edges_of_artifacts(self, ids: Iterable[int]) -> list[Edge]:
        """Return the edges between some artifacts and all executions that read or made them, also cached ones."""
        batches = _batches(sorted(ids))
        return _edges(event for batch in batches for event in self.mlmd.get_events_by_artifact_ids(batch))

    def _run(self, context: metadata_store_pb2.Context) -> Run:
        return Run(
            context.id,
            context.name,
            self._pipeline_of(context.id),
            context.create_time_since_epoch / 1000,
            _values(context.properties) | _values(context.custom_properties),
        )

    def _pipeline_of(self, run_context_id: int) -> str:
        parents = _contexts(self.mlmd.get_parent_contexts_by_context, run_context_id)
        return next((parent.name for parent in parents if parent.type == PIPELINE), "")

    def _execution(self, execution: metadata_store_pb2.Execution, run: str | None = None) -> Execution:
        properties = _values(execution.properties) | _values(execution.custom_properties)
        node, run = properties.pop("node_id", None), properties.pop("run_id", None) or run
        if node is None or run is None:  # recorded by another runner, or by an older version
            names = {c.type: c.name for c in _contexts(self.mlmd.get_contexts_by_execution, execution.id)}
            node = names.get(NODE, execution.type).removeprefix(f"{names.get(PIPELINE, '')}.")
            run = names.get(RUN, "")
        return Execution(
            execution.id,
            execution.type,
            node,
            _execution_state(execution.last_known_state),
            run,
            execution.create_time_since_epoch / 1000,
            execution.last_update_time_since_epoch / 1000,
            properties,
        )


def _contexts(get: Callable[[int], list[metadata_store_pb2.Context]], id_: int) -> list[metadata_store_pb2.Context]:
    """Return the contexts that `get` finds; PostgreSQL and MySQL raise an error where SQLite returns an empty list."""
    try:
        return get(id_)
    except NotFoundError:
        return []


def _artifact(artifact: metadata_store_pb2.Artifact) -> Artifact:
    return Artifact(
        artifact.id,
        artifact.type,
        artifact.uri,
        artifact.name,
        metadata_store_pb2.Artifact.State.Name(artifact.state),
        artifact.create_time_since_epoch / 1000,
        _values(artifact.properties) | _values(artifact.custom_properties),
    )


def _edges(events: Iterable[metadata_store_pb2.Event]) -> list[Edge]:
    edges = []
    for event in events:
        kind = "input" if event.type in _INPUTS else "output" if event.type in _OUTPUTS else None
        if kind:
            key = next((step.key for step in event.path.steps if step.HasField("key")), "")
            edges.append(Edge(event.execution_id, event.artifact_id, kind, key))  # type: ignore[arg-type]
    return edges


def _values(properties: Any) -> dict[str, Any]:
    return {name: _value(value) for name, value in properties.items()}


def _value(value: metadata_store_pb2.Value) -> Any:
    kind = value.WhichOneof("value")
    found = getattr(value, kind) if kind else None
    return json_format.MessageToDict(found) if isinstance(found, Message) else found


@functools.cache
def _execution_state(state: int) -> str:
    name = metadata_store_pb2.Execution.State.Name(state)
    return RUNNING if name in ("NEW", "UNKNOWN") else name


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH]


def _ranges(last: int) -> Iterator[range]:
    for start in range(1, last + 1, _BATCH):
        yield range(start, min(start + _BATCH, last + 1))
