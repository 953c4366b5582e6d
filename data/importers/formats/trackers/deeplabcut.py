"""DeepLabCut predictions: one row per frame under three or four rows of headers, as CSV or HDF5.

Source: https://deeplabcut.github.io/DeepLabCut (`analyze_videos(..., save_as_csv=True)`): the rows `scorer`,
`individuals` (only with several animals or people), `bodyparts` and `coords`; a column for each of x, y and likelihood
of each body part, in pixels; the first column is the frame. Labelled data (`CollectedData_*.csv`) have no likelihood,
and images instead of frame numbers. The `.h5` file next to a CSV has the same table: a group with the dataset `table`,
whose attribute `values_block_0_kind` is a pickled list of the columns, of which only texts are read.

Body parts are found by name, so the names must be those of a layout. An empty cell is a missing joint. Individuals are
people who are followed by their names.
"""

import csv
import re
from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO

import numpy as np

from data.errors import InputError
from data.importers.clips.confidence import mark_unseen
from data.importers.clips.faults import malformed_as_input_error
from data.importers.clips.joints import order_by_name
from data.importers.clips.types import Format, Head, ImportOptions, RawClip, ReaderOutput, Source
from data.importers.clips.vocabulary import text_of
from data.importers.readers.hdf5_file import SIGNATURE, Hdf5File
from data.importers.readers.json_stream import open_text
from data.importers.readers.safe_pickle import plain_values
from data.importers.readers.table_columns import MAX_COLUMNS
from data.importers.readers.table_rows import MAX_ROW_CHARS
from data.records import MAX_SEQUENCE_VALUES

HDF5 = (".h5", ".hdf5")
"""Endings of HDF5 files."""

_LEVELS = ("scorer", "bodyparts", "coords")
_NUMBER = re.compile(r"(\d{1,15})(?:\.[A-Za-z]\w{0,4})?\s*$")


@dataclass(frozen=True)
class Header:
    """The columns of a file.

    Attributes:
        people: names of the individuals; one empty name if there are none.
        joints: names of the body parts.
        columns: position of x, y and likelihood by (individual, body part, `x`).
        first: first column of numbers.
    """

    people: tuple[str, ...]
    joints: tuple[str, ...]
    columns: dict[tuple[str, str, str], int]
    first: int

    @classmethod
    def of(cls, levels: dict[str, list[str]]) -> "Header":
        """Return the header whose rows have these cells.

        Raises:
            InputError: if there are no coordinates, or body parts differ between individuals.
        """
        coordinates, parts = levels.get("coords", []), levels.get("bodyparts", [])
        people = levels.get("individuals", [""] * len(parts))
        if len(coordinates) > MAX_COLUMNS:
            raise InputError(f"there are {len(coordinates)} columns", None, f"the limit is {MAX_COLUMNS}")
        columns = {
            (person, part, kind): at
            for at, (person, part, kind) in enumerate(zip(people, parts, coordinates, strict=False))
            if kind in ("x", "y", "likelihood")
        }
        if not columns:
            raise InputError(
                "there are no columns of x and y", None, "DeepLabCut writes rows scorer, bodyparts, coords"
            )
        joints = {person: tuple(dict.fromkeys(p for q, p, _ in columns if q == person)) for person, _, _ in columns}
        for person, part, _ in columns:
            if missing := [axis for axis in ("x", "y") if (person, part, axis) not in columns]:
                raise InputError(
                    f"the body part {part[:80]!r} has no {missing[0]}", None, "DeepLabCut writes x and y of all"
                )
        most = max(joints.values(), key=len)
        return cls(
            tuple(person for person, names in joints.items() if names == most), most, columns, min(columns.values())
        )

    @property
    def order(self) -> list[int | None]:
        """Columns of x, y and likelihood of each joint of each person; None for a likelihood that is absent."""
        return [
            self.columns.get((person, joint, kind))
            for person in self.people
            for joint in self.joints
            for kind in ("x", "y", "likelihood")
        ]


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clip of a file."""
    if source.path.suffix.lower() in HDF5:
        yield _clip_of_hdf5(source)
    else:
        yield _clip_of_csv(source)


def _clip_of_csv(source: Source) -> RawClip:
    numbers, values = array("d"), array("f")
    with open_text(source.path, newline=None) as text:
        header = _header(text)
        order = header.order
        row = 0
        with malformed_as_input_error(lambda: f"row {row}"):
            for row, cells in enumerate(filter(any, csv.reader(_lines(text)))):
                values.extend(1.0 if at is None else float(cells[at].strip() or "nan") for at in order)
                numbers.append(_frame(cells[: header.first], row))
                if len(values) > 2 * MAX_SEQUENCE_VALUES:
                    raise InputError("there are more rows than a sequence may have", f"{row}", "cut the recording")
    return _clip(source.name, header, np.frombuffer(values, np.float32), np.frombuffer(numbers, np.float64))


def _clip_of_hdf5(source: Source) -> RawClip:
    with Hdf5File(source.path) as file:
        group = next((name for name in file.names if f"{name}/table" in file), None)
        if group is None:
            raise InputError("there is no table", f"{source.path} has {file.described()}", "check the format")
        table = file.read(f"{group}/table")
        kind = file.attribute(f"{group}/table", "values_block_0_kind")
    with malformed_as_input_error("the columns"):
        if not isinstance(kind, bytes):
            raise InputError(
                "the columns of the table have no names", str(source.path), "export it from DeepLabCut again"
            )
        names = plain_values(kind, f"{source.path}, columns")
        rows = [[text_of(part, "the name of a column") for part in name] for name in names]
        levels = ("scorer", "individuals", "bodyparts", "coords") if len(rows[0]) == 4 else _LEVELS
        header = Header.of({level: [row[place] for row in rows] for place, level in enumerate(levels)})
        values = table["values_block_0"].astype(np.float32)
        if values.shape != (len(table), len(rows)):
            raise InputError(
                f"{len(rows)} columns are named, the table is {list(values.shape)}", None, "export it again"
            )
        if len(table) * max(len(header.order), 1) > 2 * MAX_SEQUENCE_VALUES:
            raise InputError("there are more rows than a sequence may have", f"{len(table)}", "cut the recording")
        ordered = [np.ones(len(table), np.float32) if at is None else values[:, at] for at in header.order]
        index = table["index"] if "index" in (table.dtype.names or ()) else np.arange(len(table))
        numbered = index.dtype.kind in "iuf" and index.ndim == 1
        numbers = index.astype(np.float64) if numbered else np.arange(len(table), dtype=np.float64)
    return _clip(source.name, header, np.stack(ordered, axis=1).ravel(), numbers)


def _clip(name: str, header: Header, values: np.ndarray, numbers: np.ndarray) -> RawClip:
    """Return the clip of a table.

    Args:
        name: id of the clip.
        header: columns.
        values: float32, for each frame the numbers in the order of `header.order`.
        numbers: float64 `[T]`, numbers of the frames.

    Raises:
        InputError: if no layout has these body parts.
    """
    joints = order_by_name(header.joints)
    people = len(header.people)
    poses = values.reshape(len(numbers) * people, len(header.joints), 3).copy()
    poses[np.isnan(poses).any(axis=-1)] = 0
    notes: list[str] = []
    if not any(kind == "likelihood" for _, _, kind in header.columns):
        poses, notes = mark_unseen(poses)
    seen = (poses[..., -1] > 0).any(axis=1) if people > 1 else np.ones(len(poses), bool)
    times, frames = np.unique(numbers, return_inverse=True)
    order = np.argsort(np.repeat(frames, people)[seen], kind="stable")
    return RawClip(
        name=name,
        layout=joints.layout,
        poses=joints.arrange(poses)[seen][order],
        frames=np.repeat(frames, people)[seen][order],
        count=len(times),
        unit="pixels",
        tracks=np.tile(np.arange(people), len(numbers))[seen][order] if people > 1 else None,
        times=times,
        time_unit="frames",
        notes=notes,
    )


def _header(text: TextIO) -> Header:
    levels: dict[str, list[str]] = {}
    while "coords" not in levels and len(levels) < 5:
        line = text.readline(MAX_ROW_CHARS)
        cells = [cell.strip() for cell in next(csv.reader([line]), [])]
        if not cells:
            break
        levels[cells[0].lower()] = cells
    return Header.of(levels)


def _lines(text: TextIO) -> Iterator[str]:
    while line := text.readline(MAX_ROW_CHARS):
        yield line


def _frame(cells: list[str], row: int) -> float:
    """Return the number of a frame, or that of its image."""
    with suppress(ValueError, IndexError):
        return float(cells[0])
    match = _NUMBER.search(cells[-1]) if cells else None
    return float(match[1]) if match else float(row)


def _detect(head: Head) -> bool:
    if head.data.startswith(SIGNATURE):
        return b"values_block_0" in head.data or b"df_with_missing" in head.data
    first = [line.split(",", 1)[0].strip().lower() for line in head.text.split("\n", 4)[:4]]
    return first[:1] == ["scorer"] and "bodyparts" in first


FORMAT = Format(
    name="deeplabcut",
    about="DeepLabCut CSV and HDF5: rows scorer, bodyparts and coords above one row per frame",
    suffixes=(".csv", *HDF5),
    detect=_detect,
    read=read,
)
