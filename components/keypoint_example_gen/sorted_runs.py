"""An external sort: sorted runs of records on disk, which are merged as a stream, so that memory stays bounded.

Beam's local runner keeps grouped elements in memory, which would be all windows of a span. The windows are therefore
written to files, and Beam groups only the names of the files. The files are in the output folder, which every worker
can read.
"""

import heapq
import pickle
import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import batched
from pathlib import Path
from typing import Any

from data.files import replacing

FOLDER = ".runs"
"""Folder of temporary files in the output folder."""

MAX_OPEN = 200
"""Maximum number of runs that are merged at once."""

_BATCH = 64


def write_run(folder: Path, name: str, records: Iterable[tuple[Any, ...]]) -> Path:
    """Write a run of sorted records; a worker that repeats its work replaces the run.

    Args:
        folder: output folder.
        name: name of the run, unique in the output folder.
        records: records in ascending order of their first two entries.

    Returns:
        Path of the run.
    """
    path = folder / FOLDER / name
    with replacing(path) as staging, staging.open("wb") as file:
        for batch in batched(records, _BATCH):
            pickle.dump(batch, file, protocol=5)
    return path


def merge_runs(folder: Path, name: str, runs: Sequence[Path]) -> Iterator[tuple[Any, ...]]:
    """Yield the records of all runs in order; more than `MAX_OPEN` runs are first merged into fewer.

    Args:
        folder: output folder.
        name: prefix for the names of intermediate runs.
        runs: paths of the runs.
    """
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
    """Remove all runs and other temporary files from an output folder."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def _merged(runs: Iterable[Path]) -> Iterator[tuple[Any, ...]]:
    return heapq.merge(*map(_read, runs), key=lambda record: record[:2])


def _read(run: Path) -> Iterator[tuple[Any, ...]]:
    with run.open("rb") as file:
        while file.peek(1):
            yield from pickle.load(file)
