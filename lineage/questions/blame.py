"""The history of a figure over the runs, with the change that moved it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from data.errors import InputError
from lineage.measures import figures_of
from lineage.model import Run
from lineage.questions.diff import compare
from lineage.questions.runs import last_attempts
from lineage.store.reader import LineageStore


def history(
    store: LineageStore, root: Path, metric: str, *, limit: int, pipeline: str | None = None
) -> list[dict[str, Any]]:
    """A figure in the newest runs that have it, oldest first.

    Args:
        store: to read.
        root: of the runs.
        metric: name of a metric, a gate or a figure of the files; see `lineage.measures.figures_of`.
        limit: of the newest runs to look at.
        pipeline: whose runs; None for the newest run's.

    Returns:
        Per run: `run`, `started`, `value`, `change` from the run before, `cause` of the change (None if it stayed).

    Raises:
        InputError: no run has such a figure; the message names those that there are.
    """
    newest = store.runs(1)
    if not newest:
        return []
    pipeline = pipeline or newest[0].pipeline
    runs = list(itertools.islice((run for run in store.walk_back() if run.pipeline == pipeline), limit))
    found: list[tuple[Run, float]] = []
    known: set[str] = set()
    for run in reversed(runs):
        graph = store.run_subgraph(run)
        figures = figures_of(graph, (e.id for e in last_attempts(graph, run).values()))
        known |= figures.keys()
        if metric in figures:
            found.append((run, figures[metric]))
    if not found:
        raise InputError(
            f"no figure {metric!r} in the last {len(runs)} runs of {pipeline!r}",
            remedy=f"there are: {', '.join(sorted(known))}" if known else "run the pipeline to the end first",
        )
    entries = []
    for before, (run, value) in zip([None, *found], found, strict=False):
        change = value - before[1] if before else None
        entries.append(
            {
                "run": run.name,
                "started": run.created,
                "value": value,
                "change": change,
                "cause": compare(store, root, before[0], run)["summary"] if before and change else None,
            }
        )
    return entries
