"""An external shuffle: sorted runs of records on disk, merged as a stream, so that memory does not grow with the data.

Beam's local runner keeps what is grouped in memory, all windows of a span; so windows go through these files, and only
the names of files are grouped. The files are our own, in the folder of the output, which every worker reaches.
"""

import heapq
import os
import pickle
import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import batched
from pathlib import Path
from typing import Any

FOLDER = ".runs"

MAX_OPEN = 200
"""Runs that are merged at once."""

_BATCH = 64


def write_run(folder: Path, name: str, records: Iterable[tuple[Any, ...]]) -> Path:
    """Write sorted records; the same name is written again by a worker that tries again.

    Args:
        folder: of the output.
        name: of the run, unique in it.
        records: in ascending order by their first two entries.
    """
    path = folder / FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f"{name}.{os.getpid()}")
    with staging.open("wb") as file:
        for batch in batched(records, _BATCH):
            pickle.dump(batch, file, protocol=5)
    staging.rename(path)
    return path


def merge_runs(folder: Path, name: str, runs: Sequence[Path]) -> Iterator[tuple[Any, ...]]:
    """Yield the records of all runs in order; many runs become fewer first, named after `name`."""
    runs = sorted(runs)
    for level in range(1 << 30):
        if len(runs) <= MAX_OPEN:
            break
        runs = [
            write_run(folder, f"{name}-{level}-{number}", _merged(part))
            for number, part in enumerate(batched(runs, MAX_OPEN))
        ]
    yield from _merged(runs)


def remove_runs(folder: Path) -> None:
    """Take the runs of an output away."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def _merged(runs: Iterable[Path]) -> Iterator[tuple[Any, ...]]:
    return heapq.merge(*map(_read, runs), key=lambda record: record[:2])


def _read(run: Path) -> Iterator[tuple[Any, ...]]:
    with run.open("rb") as file:
        while file.peek(1):
            yield from pickle.load(file)
