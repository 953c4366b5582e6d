"""The question `run`: what happened in one run, attempt by attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lineage.model import CPU_SECONDS, PEAK_MEGABYTES, Execution, Run, Subgraph
from lineage.questions.runs import RunSummary, state_of
from lineage.store.reader import LineageStore


@dataclass(frozen=True, slots=True)
class Origin:
    """The execution whose outputs a cached one took.

    Attributes:
        execution: id of the execution.
        run: name of its run.
    """

    execution: int
    run: str


@dataclass(frozen=True, slots=True)
class Output:
    """An output of an attempt.

    Attributes:
        artifact: artifact id.
        key: name of the output.
        type: name of the artifact type.
        state: `LIVE`, `DELETED` or another artifact state of ML Metadata.
        bytes: size of the payload; None if it was not recorded.
        content_digest: SHA-256 of the list of files; None if it was not recorded.
    """

    artifact: int
    key: str
    type: str
    state: str
    bytes: int | None
    content_digest: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to run a node.

    Attributes:
        node: id of the node.
        execution: id of the execution.
        state: `done`, `cached`, `failed` or `running`.
        started: start time in seconds since the epoch.
        seconds: wall time of the attempt.
        cpu_seconds: CPU time of the executor and its ended children; None if nothing ran or it was not recorded.
        peak_megabytes: peak memory of the largest process of the executor, in MiB; None as above.
        cached_from: execution that made the outputs; None if the attempt is not cached.
        outputs: output artifacts.
        failure: error message; None if the attempt did not fail.
    """

    node: str
    execution: int
    state: str
    started: float
    seconds: float
    cpu_seconds: float | None
    peak_megabytes: float | None
    cached_from: Origin | None
    outputs: list[Output]
    failure: str | None


@dataclass(frozen=True, slots=True)
class RunDescription(RunSummary):
    """A run with everything that was recorded about it.

    Attributes:
        properties: recorded facts about code, environment and the person who started the run.
        seconds: wall time from the start of the run to the end of its last attempt.
        attempts: attempts at all nodes, oldest first.
    """

    properties: dict[str, Any]
    seconds: float
    attempts: list[Attempt]


def describe_run(store: LineageStore, run: Run) -> RunDescription:
    """Describe one run."""
    graph = store.run_subgraph(run)
    attempts = graph.attempts(run)
    return RunDescription.of(
        run,
        attempts,
        properties=dict(sorted(run.properties.items())),
        seconds=max((execution.ended for execution in attempts), default=run.created) - run.created,
        attempts=[_attempt(execution, graph) for execution in attempts],
    )


def _attempt(execution: Execution, graph: Subgraph) -> Attempt:
    origin = graph.cache_origin(execution)
    return Attempt(
        execution.node,
        execution.id,
        state_of(execution),
        execution.started,
        execution.ended - execution.started,
        execution.properties.get(CPU_SECONDS),
        execution.properties.get(PEAK_MEGABYTES),
        Origin(origin.id, origin.run) if origin else None,
        [
            Output(
                artifact.id,
                key,
                artifact.type,
                artifact.state,
                artifact.properties.get("bytes"),
                artifact.properties.get("content_digest"),
            )
            for key, artifacts in graph.outputs(execution.id).items()
            for artifact in artifacts
        ],
        execution.failure,
    )
