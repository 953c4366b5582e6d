"""A reader of the rows of a CSV table, block by block.

Arrow reads a block fast but rejects all of it for one bad row: a row of another length, or a cell that is not a number.
Such a block is read again by the csv module, so that only the clip with the bad row is lost.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import StringIO
from itertools import groupby, pairwise
from typing import TextIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from data.errors import InputError
from data.importers.clips.clock import seconds_of
from data.importers.clips.faults import malformed_as_input_error
from data.importers.readers.table_columns import Columns

BLOCK_CHARS = 2 << 20
"""Number of characters that are read together."""

MAX_ROW_CHARS = 1 << 20

_MAX_BLOCK_CHARS = 16 << 20


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of a column in which texts repeat.

    Attributes:
        codes: integers `[N]`, the position of each row's text in `words`.
        words: the different texts.
    """

    codes: np.ndarray
    words: list[str]

    def of(self, rows: slice) -> "Words":
        """Return the texts of some rows, in the order of their first occurrence."""
        found, first, codes = np.unique(self.codes[rows], return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))
        return Words(rank[codes], [self.words[found[at]] for at in np.argsort(first)])


@dataclass(frozen=True, slots=True)
class Rows:
    """Consecutive rows of one clip, as numbers.

    Attributes:
        first: fields of the clip in the first row, by name.
        clock: float64 `[N]`, the times, nan where the cell is empty.
        counter: float64 `[N]`, the frame numbers, nan where the cell is empty.
        person: the person of each row.
        joint: the joint of each row.
        values: float32 `[N, joints, D + 1]`, confidence last; a joint that lacks a number is 0.
        dated: whether the times were texts, and are now seconds.
    """

    first: dict[str, str]
    clock: np.ndarray | None
    counter: np.ndarray | None
    person: Words | None
    joint: Words | None
    values: np.ndarray
    dated: bool = False


Cells = list[list[str]]
"""Consecutive rows of one clip, as texts."""


def header_of(text: TextIO) -> tuple[list[str], str]:
    """Return the cells of the first row, and the delimiter."""
    line = text.readline(MAX_ROW_CHARS)
    delimiter = delimiter_of(line)
    try:
        return next(csv.reader([line], delimiter=delimiter), []), delimiter
    except csv.Error as error:
        raise _invalid_csv(error, text, 1) from error


def delimiter_of(line: str) -> str:
    """Return the character between the cells of a row."""
    return max(",;\t", key=line.count)


def read_runs(text: TextIO, columns: Columns, delimiter: str) -> Iterator[tuple[str, Rows | Cells]]:
    """Yield (name of the clip, consecutive rows of it); a clip may come in several parts.

    Args:
        text: the table, after its first row.
        columns: columns to read.
        delimiter: character between cells.

    Raises:
        InputError: where the text is not a table; the rows before are correct.
    """
    line = 2
    for block in _blocks(text):
        try:
            runs = list(_by_arrow(block, columns, delimiter))
        except pa.ArrowException:
            reader = csv.reader(StringIO(block, newline=""), delimiter=delimiter)
            try:
                for name, rows in groupby((row for row in reader if any(row)), lambda row: _name(row, columns)):
                    yield name, list(rows)
            except csv.Error as error:
                raise _invalid_csv(error, text, line + reader.line_num - 1) from error
        else:
            yield from runs
        line += block.count("\n")


def converted(cells: Cells, columns: Columns, before: int) -> Rows:
    """Return rows of one clip as numbers.

    Args:
        cells: the rows, as texts.
        columns: columns to read.
        before: number of the clip's rows before these.

    Raises:
        InputError: if a row is too short, or a cell is not a number.
    """
    figures: list[float] = []
    place = before
    dated = False
    with malformed_as_input_error(lambda: f"row {place} of the sequence"):
        for place, row in enumerate(cells, before):
            if len(row) < columns.width:
                raise InputError(f"a row has {len(row)} of {columns.width} columns", f"row {place}", None)
            clock, counter, *others = _places(columns)
            moment, written = (1.0, False) if clock is None else _time(row[clock])
            dated |= written
            figures += (moment, 1.0 if counter is None else _counter(row[counter]))
            figures.extend(_number(row[at]) if at is not None else 1.0 for at in others)

    def words(at: int | None) -> Words | None:
        return None if at is None else _words([row[at] for row in cells])

    first = {field: cells[0][at] for field, at in columns.fields.items() if at < len(cells[0])}
    figures_of_rows = np.array(figures).reshape(len(cells), -1)
    rows = _rows(figures_of_rows, columns, first, words(columns.person), words(columns.joint))
    return replace(rows, dated=dated)


def _blocks(text: TextIO) -> Iterator[str]:
    """Yield the text in blocks of complete rows."""
    rest = ""
    while more := text.read(BLOCK_CHARS):
        rest += more
        cut = rest.rfind("\n") + 1
        if len(rest) - cut > MAX_ROW_CHARS + BLOCK_CHARS:
            raise InputError(f"a row is longer than {MAX_ROW_CHARS} characters", text.name, "write it again")
        # An odd number of quotation marks leaves a cell open, whose text may continue in the next line.
        if cut and (rest.count('"', 0, cut) % 2 == 0 or len(rest) > _MAX_BLOCK_CHARS):
            yield rest[:cut]
            rest = rest[cut:]
    if rest:
        yield rest


def _by_arrow(block: str, columns: Columns, delimiter: str) -> Iterator[tuple[str, Rows]]:
    data = block.encode()
    numbers = {at for at in _places(columns) if at is not None}
    texts = {at for at in (columns.clip, columns.person, columns.joint, *columns.fields.values()) if at is not None}
    if numbers & texts:
        raise pa.ArrowInvalid("a column is read as a number and as text")
    table = pa_csv.read_csv(
        pa.BufferReader(data),
        pa_csv.ReadOptions(
            use_threads=False, block_size=len(data) + 1, column_names=list(map(str, range(columns.count)))
        ),
        pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values='"' in block),
        pa_csv.ConvertOptions(
            column_types=dict.fromkeys(map(str, numbers), pa.float64())
            | dict.fromkeys(map(str, texts), pa.dictionary(pa.int32(), pa.string())),
            include_columns=list(map(str, sorted(numbers | texts))),
            null_values=[""],
        ),
    )
    if not table.num_rows:
        return

    def words(at: int | None) -> Words | None:
        if at is None:
            return None
        column = table.column(str(at)).combine_chunks()
        return Words(column.indices.to_numpy(), column.dictionary.to_pylist())

    figures = np.ones((table.num_rows, len(_places(columns))))
    for place, at in enumerate(_places(columns)):
        if at is not None:
            figures[:, place] = table.column(str(at)).to_numpy()
    if np.isnan(figures[:, [at is not None for at in _places(columns)]]).all(axis=1).any():
        raise pa.ArrowInvalid("a row has no number, it may be empty")
    names, people, joints = words(columns.clip), words(columns.person), words(columns.joint)
    fields = {field: words(at) for field, at in columns.fields.items()}
    changes = np.flatnonzero(np.diff(names.codes)) + 1 if names else np.array([], int)
    for start, end in pairwise([0, *changes.tolist(), table.num_rows]):
        rows = slice(start, end)
        yield (
            names.words[names.codes[start]] if names else "",
            _rows(
                figures[rows],
                columns,
                {field: word.words[word.codes[start]] for field, word in fields.items() if word},
                people and people.of(rows),
                joints and joints.of(rows),
            ),
        )


def _rows(
    figures: np.ndarray, columns: Columns, first: dict[str, str], person: Words | None, joint: Words | None
) -> Rows:
    """Return rows of one clip; `figures` are float64 `[N, columns]`, nan where a cell is empty."""
    with np.errstate(over="ignore"):
        values = figures[:, 2:].astype(np.float32).reshape(len(figures), len(columns.joints), -1)
    values[np.isnan(values).any(axis=-1)] = 0
    clock = None if columns.clock is None else figures[:, 0]
    counter = None if columns.counter is None else figures[:, 1]
    return Rows(first, clock, counter, person, joint, values)


def _invalid_csv(error: csv.Error, text: TextIO, line: int) -> InputError:
    return InputError(f"the file is not valid CSV: {error}", f"{text.name}, line {line}", "write it again")


def _places(columns: Columns) -> list[int | None]:
    """Return the positions of a row's numbers: time, frame number, then joint by joint; None for absent columns."""
    roles = (*columns.axes, "confidence")
    return [columns.clock, columns.counter, *(joint.get(role) for joint in columns.joints for role in roles)]


def _name(row: list[str], columns: Columns) -> str:
    return row[columns.clip] if columns.clip is not None and columns.clip < len(row) else ""


def _words(texts: list[str]) -> Words:
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(text, len(numbers)) for text in texts]
    return Words(np.array(codes), list(numbers))


def _time(text: str) -> tuple[float, bool]:
    """Return the time in a cell, and whether it is a date or a time of day in seconds."""
    try:
        return _number(text), False
    except ValueError:
        pass
    moment = seconds_of(text)
    if moment is None:
        raise InputError(
            f"the time {text[:40]!r} is neither a number nor a date", None, "name another column: --columns time=COLUMN"
        )
    return moment, True


def _counter(text: str) -> float:
    """Return the number in a cell, or the one at the end of a name such as `frame_0012.jpg`."""
    try:
        return _number(text)
    except ValueError:
        match = re.search(r"(\d{1,15})(?:\.[A-Za-z]\w{0,4})?\s*$", text)
        if match is None:
            raise
        return float(match[1])


def _number(text: str) -> float:
    return float(text.strip() or "nan")
