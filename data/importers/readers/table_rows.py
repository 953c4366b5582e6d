"""A reader of the rows of a CSV table, block by block.

Arrow reads a block fast but rejects all of it for one bad row: a row of another length, or a cell that is not a number.
Such a block is read again by the csv module, so that only the clip with the bad row is lost.
"""

import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from io import StringIO
from itertools import groupby, pairwise
from typing import TextIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from data.errors import InputError
from data.importers.clips.clock import is_ambiguous, seconds_of
from data.importers.clips.faults import malformed_as_input_error
from data.importers.readers.image_names import clip_and_frame
from data.importers.readers.table_columns import Columns, is_long, joints_and_axes
from data.text import one_spelling

BLOCK_CHARS = 2 << 20
"""Number of characters that are read together."""

MAX_ROW_CHARS = 1 << 20

_MISSING = ("", "None", "NONE", "none", "NULL", "Null", "null", "N/A", "n/a", "#N/A", "NA", "na", "-")
"""Cells without a number."""

_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d*,\d+(?:[eE][-+]?\d+)?\s*")

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
        fields: the different texts of each field of the clip, in the order of their first occurrence.
        clock: float64 `[N]`, the times, nan where the cell is empty.
        counter: float64 `[N]`, the frame numbers, nan where the cell is empty.
        person: the person of each row.
        joint: the joint of each row.
        values: float32 `[N, joints, D + 1]`, confidence last; a joint that lacks a number is 0.
        dated: whether the times were texts, and are now seconds.
        ambiguous: a date among them whose day and month can be in either order, empty if there is none.
    """

    fields: dict[str, list[str]]
    clock: np.ndarray | None
    counter: np.ndarray | None
    person: Words | None
    joint: Words | None
    values: np.ndarray
    dated: bool = False
    ambiguous: str = ""


Cells = list[list[str]]
"""Consecutive rows of one clip, as texts."""

Key = tuple[str, str, str]
"""Sequence, label and subject, which are the same in all rows of a clip; empty where the table has no such column."""


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a table.

    Attributes:
        header: names of the columns.
        delimiter: character between cells.
        first: the text of the row after them.
        line: number of this row's line.
    """

    header: list[str]
    delimiter: str
    first: str
    line: int

    @property
    def cells(self) -> list[str]:
        """The cells of the first row."""
        try:
            return next(csv.reader([self.first], delimiter=self.delimiter), [])
        except csv.Error:  # of a cell that continues in the next line
            return []


def head_of(text: TextIO) -> Head:
    """Read the header of a table, after lines such as `sep=;` and `# a comment`, and the row after it."""
    line, number = text.readline(MAX_ROW_CHARS), 1
    while _precedes(line):
        line, number = text.readline(MAX_ROW_CHARS), number + 1
    delimiter = delimiter_of(line)
    try:
        header = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error as error:
        raise _invalid_csv(error, text, number) from error
    return Head(header, delimiter, text.readline(MAX_ROW_CHARS), number + 1)


def header_line(text: str) -> str:
    """Return the line of a table's header, from the beginning of its text."""
    return next((line for line in text.splitlines() if not _precedes(line)), "")


def _precedes(line: str) -> bool:
    """Return whether a line stands before the header: a statement of the delimiter, or a comment without columns."""
    line = line.strip().lstrip("\ufeff")
    if re.fullmatch(r'"?sep=."?', line, re.IGNORECASE):
        return True
    names = line.split(delimiter_of(line))
    return line.startswith("#") and not is_long(names) and not joints_and_axes(names)


def delimiter_of(line: str) -> str:
    """Return the character between the cells of a row."""
    return max(",;\t", key=line.count)


def read_runs(text: TextIO, columns: Columns, head: Head) -> Iterator[tuple[Key, Rows | Cells]]:
    """Yield (what identifies the clip, consecutive rows of it); a clip may come in several parts.

    Args:
        text: the table, after what `head` has read of it.
        columns: columns to read.
        head: beginning of the table.

    Raises:
        InputError: where the text is not a table; the rows before are correct.
    """
    line, delimiter = head.line, head.delimiter
    numbers = [at for at in _places(columns) if at is not None] if delimiter == ";" else []
    for block in _blocks(text, head.first):
        try:
            runs = list(_by_arrow(block, columns, delimiter))
        except pa.ArrowException:
            reader = csv.reader(StringIO(block, newline=""), delimiter=delimiter)
            try:
                for key, rows in groupby((row for row in reader if any(row)), lambda row: _key(row, columns)):
                    yield key, [_with_points(row, numbers) for row in rows]
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
        InputError: if a row is too short or too long, or a cell is not a number.
    """
    figures: list[float] = []
    place = before
    dated = False
    with malformed_as_input_error(lambda: f"row {place} of the sequence"):
        for place, row in enumerate(cells, before):
            if len(row) < columns.width:
                raise InputError(f"a row has {len(row)} of {columns.width} columns", f"row {place}", None)
            if any(cell.strip() for cell in row[columns.count :]):
                raise InputError(
                    f"a row has {len(row)} cells, and the header {columns.count} columns",
                    f"row {place}",
                    "name all columns, and write numbers with a decimal point, or semicolons between the cells",
                )
            clock, counter, *others = _places(columns)
            moment, written = (1.0, False) if clock is None else _time(row[clock])
            dated |= written
            figures += (moment, 1.0 if counter is None else _counter(row[counter]))
            figures.extend(_number(row[at]) if at is not None else 1.0 for at in others)

    def words(at: int | None) -> Words | None:
        return None if at is None else _words([row[at] for row in cells])

    fields = {
        field: list(dict.fromkeys(row[at] for row in cells if at < len(row))) for field, at in columns.fields.items()
    }
    figures_of_rows = np.array(figures).reshape(len(cells), -1)
    rows = _rows(figures_of_rows, columns, fields, words(columns.person), words(columns.joint))
    clock = columns.clock
    unsure = "" if clock is None or not dated else next((row[clock] for row in cells if is_ambiguous(row[clock])), "")
    return replace(rows, dated=dated, ambiguous=unsure)


def _blocks(text: TextIO, first: str) -> Iterator[str]:
    """Yield the text in blocks of complete rows; it begins with `first`."""
    rest = first
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


def _by_arrow(block: str, columns: Columns, delimiter: str) -> Iterator[tuple[Key, Rows]]:
    data = block.encode()
    numbers = {at for at in _places(columns) if at is not None}
    texts = {at for at in (columns.sequence, columns.person, columns.joint, *columns.fields.values()) if at is not None}
    if numbers & texts:
        raise pa.ArrowInvalid("a column is read as a number and as text")
    comma = delimiter == ";" and re.search(r"[;\n]\s*-?\d*,\d", block)
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
            null_values=_MISSING,
            decimal_point="," if comma else ".",
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
    people, joints = words(columns.person), words(columns.joint)
    fields = {field: found for field, at in columns.fields.items() if (found := words(at))}
    parts = _parts(words(columns.sequence), fields.get("label"), fields.get("subject"))
    changed = [np.diff(part.codes) != 0 for part in parts if part]
    changes = np.flatnonzero(np.logical_or.reduce(changed)) + 1 if changed else np.array([], int)
    for start, end in pairwise([0, *changes.tolist(), table.num_rows]):
        rows = slice(start, end)
        sequence, label, subject = (part.words[part.codes[start]] if part else "" for part in parts)
        yield (
            (sequence, label, subject),
            _rows(
                figures[rows],
                columns,
                {field: found.of(rows).words for field, found in fields.items()},
                people and people.of(rows),
                joints and joints.of(rows),
            ),
        )


def _rows(
    figures: np.ndarray, columns: Columns, fields: dict[str, list[str]], person: Words | None, joint: Words | None
) -> Rows:
    """Return rows of one clip; `figures` are float64 `[N, columns]`, nan where a cell is empty."""
    with np.errstate(over="ignore"):
        values = figures[:, 2:].astype(np.float32).reshape(len(figures), len(columns.joints), -1)
    values[np.isnan(values).any(axis=-1)] = 0
    clock = None if columns.clock is None else figures[:, 0]
    counter = None if columns.counter is None else figures[:, 1]
    return Rows(fields, clock, counter, person, joint, values)


def _invalid_csv(error: csv.Error, text: TextIO, line: int) -> InputError:
    return InputError(f"the file is not valid CSV: {error}", f"{text.name}, line {line}", "write it again")


def _places(columns: Columns) -> list[int | None]:
    """Return the positions of a row's numbers: time, frame number, then joint by joint; None for absent columns."""
    roles = (*columns.axes, "confidence")
    return [columns.clock, columns.counter, *(joint.get(role) for joint in columns.joints for role in roles)]


def _parts(sequence: Words | None, *spelled: Words | None) -> list[Words | None]:
    """Return the parts of the keys; labels and subjects that look the same are the same."""
    parts = [sequence]
    for found in spelled:
        same = _words(list(map(one_spelling, found.words))) if found else None
        parts.append(Words(same.codes[found.codes], same.words) if found and same else None)
    return parts


def _key(row: list[str], columns: Columns) -> Key:
    places = (columns.sequence, columns.fields.get("label"), columns.fields.get("subject"))
    sequence, label, subject = (row[at] if at is not None and at < len(row) else "" for at in places)
    if columns.sequence is not None and columns.sequence == columns.counter:
        with suppress(InputError):  # a name without a number is a clip of one image
            sequence, _ = clip_and_frame(sequence)
    return sequence, one_spelling(label), one_spelling(subject)


def _with_points(row: list[str], numbers: list[int]) -> list[str]:
    """Return a row whose numbers have decimal points instead of commas."""
    for at in numbers:
        if at < len(row) and _DECIMAL_COMMA.fullmatch(row[at]):
            row[at] = row[at].replace(",", ".")
    return row


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
    text = text.strip()
    if "_" in text:  # as in 20240301_100059, which Python takes as a number
        raise ValueError(f"could not convert string to float: {text[:40]!r}")
    return float("nan" if text in _MISSING else text)
