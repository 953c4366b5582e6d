"""The question `blame`: the history of a figure over the runs, with the change that moved it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from lineage.model import Run
from lineage.questions.answer import Answer
from lineage.questions.diff import compare
from lineage.recorded_run import RecordedRun
from lineage.store.reader import LineageStore


@dataclass(frozen=True, slots=True)
class Point:
    """A figure in one run.

    Attributes:
        run: name of the run.
        started: start time in seconds since the epoch.
        value: value of the figure.
        change: difference from the previous run; None in the first run.
        cause: summary of what changed since the previous run; None if the figure did not change.
    """

    run: str
    started: float
    value: float
    change: float | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class Blame(Answer):
    """The history of a figure.

    Attributes:
        metric: name of the figure.
        history: figure in each run that has it, oldest first.
    """

    metric: str
    history: list[Point]


def blame(store: LineageStore, root: Path, metric: str, *, limit: int, pipeline: str | None = None) -> Blame:
    """Find the history of a figure in the newest runs of a pipeline.

    Args:
        store: store to read.
        root: root of the runs.
        metric: name of a figure in `RecordedRun.figures`.
        limit: number of most recent runs to read.
        pipeline: name of the pipeline; None for the pipeline of the newest run.

    Raises:
        InputError: no run has the figure; the message lists the figures that the runs have.
    """
    newest = store.runs(1)
    if not newest:
        return Blame(metric, [])
    pipeline = pipeline or newest[0].pipeline
    runs = list(itertools.islice((run for run in store.walk_back() if run.pipeline == pipeline), limit))
    found: list[tuple[Run, float]] = []
    known: set[str] = set()
    for run in reversed(runs):
        figures = RecordedRun.read(store, run).figures()
        known |= figures.keys()
        if metric in figures:
            found.append((run, figures[metric]))
    if not found:
        raise InputError(
            f"no figure {metric!r} in the last {len(runs)} runs of {pipeline!r}",
            remedy=f"there are: {', '.join(sorted(known))}" if known else "run the pipeline to the end first",
        )
    first, value = found[0]
    history = [Point(first.name, first.created, value, None, None)]
    for (before, old), (run, value) in itertools.pairwise(found):
        cause = compare(store, root, before, run).summary if value != old else None
        history.append(Point(run.name, run.created, value, value - old, cause))
    return Blame(metric, history)
