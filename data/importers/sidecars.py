"""Sidecars: files of the user with labels and people (CSV), or with the segments of sessions (CSV or ELAN).

- Labels: a CSV with a header. `sequence` (or `sequence_id`, `id`, `file`) names a sequence by its id, by its path below
  the imported folder, or by its file name. Any of the columns label, subject, view, split, source, repetitions and
  quality may follow. Empty cells are ignored.
- Segments: a CSV with `sequence`, `label`, optionally `repetitions`, and either `start` and `end` in seconds or
  `start_frame` and `end_frame`; the end is exclusive.
- ELAN: `.eaf` files named like the sequences. The aligned annotations of every tier are segments, with the value as
  label; a value that ends in `x 8` or `(8)` also states the repetitions. Format: the EAF 3.0 schema of the Max Planck
  Institute for Psycholinguistics, https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf. defusedxml
  rejects documents that declare entities or a document type.

Both run under the budget of `bounded_reading`, as the sources do.
"""

import csv
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from data.errors import InputError
from data.importers.clips.types import TimedSegment
from data.importers.readers.json_stream import open_text
from data.records import MAX_TEXT

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_SIDECAR_BYTES = 64 << 20
"""Size of the largest sidecar."""

MAX_COLUMNS = 256
"""Largest number of columns of a sidecar."""

_NAMES = ("sequence", "sequence_id", "id", "file", "name")
_COUNTED = re.compile(r"(.*?)\s*(?:[x×*]\s*(\d+)|\((\d+)\))", re.IGNORECASE)
_MILLISECONDS = re.compile(r"[0-9]{1,12}")


def read_labels(path: Path) -> dict[str, dict[str, str]]:
    """Return the fields of each sequence in a sidecar, by the name of the sequence.

    Raises:
        InputError: if a line is wrong, with its number.
    """
    table: dict[str, dict[str, str]] = {}
    for line, row in _rows(path):
        name = _name_in(row, path, line)
        if name in table:
            raise InputError(f"{name[:80]!r} is named twice", f"{path}, line {line}", "name every sequence once")
        table[name] = row
    return _not_empty(table, path)


def read_segments(path: Path) -> dict[str, tuple[TimedSegment, ...]]:
    """Return the segments of each session, from a CSV, an `.eaf` file or a folder of `.eaf` files.

    Raises:
        InputError: if a line or an annotation is wrong, with its number.
    """
    if path.is_dir():
        files = sorted(path.glob("*.eaf"))
        if not files:
            raise InputError("the folder holds no .eaf file", str(path), "check the path")
        return {file.stem: _read_eaf(file) for file in files}
    if path.suffix.lower() == ".eaf":
        return {path.stem: _read_eaf(path)}
    sessions: dict[str, list[TimedSegment]] = defaultdict(list)
    for line, row in _rows(path):
        where = f"{path}, line {line}"
        in_frames = "start_frame" in row
        start, end = (f"{bound}_frame" if in_frames else bound for bound in ("start", "end"))
        repetitions = _figure(row, "repetitions", where) if row.get("repetitions") else None
        segment = TimedSegment(
            _figure(row, start, where), _figure(row, end, where), row.get("label", ""), repetitions, in_frames
        )
        sessions[_name_in(row, path, line)].append(_checked(segment, where))
    return _not_empty({name: _ordered(segments) for name, segments in sessions.items()}, path)


def _read_eaf(path: Path) -> tuple[TimedSegment, ...]:
    if path.stat().st_size > MAX_SIDECAR_BYTES:
        raise InputError(f"the file is larger than {MAX_SIDECAR_BYTES >> 20} MB", str(path), "check what it is")
    content = path.read_bytes()
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except (ParseError, ValueError, LookupError) as error:
        forbidden = isinstance(error, DefusedXmlException)
        reason = "it declares a document type or entities" if forbidden else str(error)[:200]
        raise InputError(f"the file is not a valid ELAN document: {reason}", str(path), "export it again") from error
    slots = {slot.get("TIME_SLOT_ID"): _seconds(slot.get("TIME_VALUE"), path) for slot in root.iter("TIME_SLOT")}
    segments = []
    for annotation in root.iter("ALIGNABLE_ANNOTATION"):
        where = f"{path}, annotation {annotation.get('ANNOTATION_ID')}"
        start, end = (slots.get(annotation.get(f"TIME_SLOT_REF{number}")) for number in (1, 2))
        if start is None or end is None:
            raise InputError("the annotation has no time", where, "align it in ELAN")
        value = (annotation.findtext("ANNOTATION_VALUE") or "").strip()
        if len(value) > MAX_TEXT:
            raise InputError(f"the annotation is longer than {MAX_TEXT} characters", where, "write a label")
        counted = _COUNTED.fullmatch(value)
        label, count = (counted[1], counted[2] or counted[3]) if counted else (value, None)
        segments.append(_checked(TimedSegment(start, end, label, float(count) if count else None, False), where))
    if not segments:
        raise InputError("there is no aligned annotation", str(path), "annotate the actions on a tier")
    return _ordered(segments)


def _seconds(milliseconds: str | None, path: Path) -> float | None:
    """Return the time of a slot; None for a slot that ELAN has not aligned, which has none."""
    if milliseconds is None:
        return None
    if not _MILLISECONDS.fullmatch(milliseconds):
        what = f"the file is not a valid ELAN document: a time is {milliseconds[:40]!r}"
        raise InputError(what, str(path), "export it again")
    return int(milliseconds) / 1000


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    if path.is_file() and path.stat().st_size > MAX_SIDECAR_BYTES:
        raise InputError(f"the file is larger than {MAX_SIDECAR_BYTES >> 20} MB", str(path), "check what it is")
    with open_text(path) as text:
        try:
            reader = csv.DictReader(text, restkey="")
            if len(reader.fieldnames or ()) > MAX_COLUMNS:
                raise InputError(f"there are more than {MAX_COLUMNS} columns", str(path), "check what it is")
            for row in reader:
                yield reader.line_num, {key.strip().lower(): (row[key] or "").strip() for key in row if key}
        except csv.Error as error:
            raise InputError(f"the file is not CSV: {error}", str(path), "write it as UTF-8 with commas") from error


def _not_empty[T](table: dict[str, T], path: Path) -> dict[str, T]:
    if not table:
        raise InputError("the file names no sequence", str(path), "write a header, and a row for each sequence")
    return table


def _name_in(row: Mapping[str, str], path: Path, line: int) -> str:
    if name := next((row[column] for column in _NAMES if row.get(column)), ""):
        return name
    raise InputError("no sequence is named", f"{path}, line {line}", f"add a column {' or '.join(_NAMES)}")


def _figure(row: Mapping[str, str], column: str, where: str) -> float:
    try:
        return float(row[column])
    except KeyError:
        raise InputError(f"column {column!r} is missing", where, "give start and end of every segment") from None
    except ValueError:
        raise InputError(f"{column} is {row[column][:40]!r}", where, "write a number") from None


def _checked(segment: TimedSegment, where: str) -> TimedSegment:
    if segment.repetitions is not None and not 0 <= segment.repetitions < math.inf:
        what = f"the segment {segment.label[:40]!r} has {segment.repetitions:g} repetitions"
        raise InputError(what, where, "give a count of 0 or more, or leave it out")
    if not 0 <= segment.start < segment.end < math.inf or not segment.label:
        raise InputError(
            f"the segment {segment.label[:40]!r} from {segment.start:g} to {segment.end:g} is invalid",
            where,
            "give it a start of 0 or more, a later end, and a label",
        )
    return segment


def _ordered(segments: list[TimedSegment]) -> tuple[TimedSegment, ...]:
    return tuple(sorted(segments, key=lambda segment: (segment.start, segment.end)))
