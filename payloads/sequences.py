"""The table of the sequences behind the windows of an Examples artifact: who is in the data, and in which split."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

FILE = "sequences.parquet"

UNKNOWN = "unknown"
"""Subject of sequences that do not say who moves."""


class SequenceRow(NamedTuple):
    """One sequence of the data.

    Attributes:
        sequence_id: its name.
        subject: person who performed it.
        label: its action; empty for a session with several.
        split: split it belongs to.
        view: camera view.
        frames: number of frames.
        windows: number of windows cut from it.
    """

    sequence_id: str
    subject: str
    label: str
    split: str
    view: str = ""
    frames: int = 0
    windows: int = 0


def write_sequences(folder: Path, rows: Iterable[SequenceRow]) -> None:
    """Write the table into an artifact's folder."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = list(rows)
    columns = {name: [getattr(row, name) for row in rows] for name in SequenceRow._fields}
    types = {"frames": pa.int64(), "windows": pa.int64()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in SequenceRow._fields])
    table = pa.table(columns, schema=schema)
    pq.write_table(table, folder / FILE, compression="zstd")


def has_sequences(folder: Path) -> bool:
    """Return whether an artifact's folder has the table."""
    return (folder / FILE).exists()


def read_sequences(folder: Path) -> list[SequenceRow]:
    """Read the table from an artifact's folder; an empty list if it has none."""
    if not has_sequences(folder):
        return []
    import pyarrow.parquet as pq

    with pq.ParquetFile(folder / FILE) as file:  # read_table would import pandas, for half a second
        names = [name for name in SequenceRow._fields if name in file.schema_arrow.names]
        table = file.read(names).to_pydict()
    defaults = SequenceRow._field_defaults
    columns = [table[name] if name in table else itertools.repeat(defaults[name]) for name in SequenceRow._fields]
    return [SequenceRow(*row) for row in zip(*columns, strict=False)]


def people_by_split(rows: Iterable[SequenceRow]) -> dict[str, list[str]]:
    """Return the people in each split."""
    people: dict[str, set[str]] = {}
    for row in rows:
        people.setdefault(row.split, set()).add(row.subject)
    return {split: sorted(found) for split, found in sorted(people.items())}


def count_people(rows: Iterable[SequenceRow], split: str) -> int | None:
    """Return the number of people in a split; None if somebody in it is not known."""
    people = {row.subject for row in rows if row.split == split}
    return None if not people or UNKNOWN in people else len(people)


def count_by_split(rows: Iterable[SequenceRow]) -> dict[str, dict[str, int]]:
    """Return the number of sequences, windows, subjects and labels in each split."""
    splits: dict[str, list[SequenceRow]] = {}
    for row in rows:
        splits.setdefault(row.split, []).append(row)
    return {
        split: {
            "sequences": len({row.sequence_id for row in found}),
            "windows": sum(row.windows for row in found),
            "subjects": len({row.subject for row in found}),
            "labels": len({row.label for row in found}),
        }
        for split, found in sorted(splits.items())
    }
