"""The question `runs`: which runs a store holds, and how each of them ended."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from lineage.model import CACHED, CANCELED, COMPLETE, FAILED, RUNNING, Execution, Run
from lineage.questions.answer import Answer
from lineage.store.reader import LineageStore

# Execution state in ML Metadata to the state that answers name.
STATES = {COMPLETE: "done", CACHED: "cached", FAILED: "failed", CANCELED: "failed", RUNNING: "running"}


@dataclass(frozen=True, slots=True)
class RunSummary(Answer):
    """A run with the final state of each of its nodes.

    Attributes:
        run_id: name of the run.
        pipeline: name of the pipeline.
        started: start time, ISO 8601 in UTC.
        git_commit: commit of the code, empty if it was not recorded.
        nodes: state of the last attempt by node id: `done`, `cached`, `failed` or `running`.
        state: `failed` if the last attempt at any node failed, `running` if one is running, `cached` if every result
            came from the cache, `empty` without any attempt, otherwise `done`.
    """

    run_id: str
    pipeline: str
    started: str
    git_commit: str
    nodes: dict[str, str]
    state: str

    @classmethod
    def of(cls, run: Run, executions: Iterable[Execution], **more: Any) -> Self:
        """Summarise a run from its executions, oldest first; `more` are the fields that a subclass adds."""
        nodes = {execution.node: state_of(execution) for execution in executions}
        started = datetime.datetime.fromtimestamp(run.created, datetime.UTC).isoformat(timespec="seconds")
        order = ("failed", "running", "done", "cached")
        state = next((state for state in order if state in nodes.values()), "empty")
        commit = str(run.properties.get("git_commit", ""))
        return cls(run.name, run.pipeline, started, commit, nodes, state, **more)


def list_runs(store: LineageStore, limit: int | None) -> list[RunSummary]:
    """Return the newest runs of all pipelines, newest first."""
    return [RunSummary.of(run, store.executions_of(run)) for run in store.runs(limit)]


def state_of(execution: Execution) -> str:
    """Return the state of an execution as answers name it."""
    return STATES.get(execution.state, "running")
