"""Takes in one source: reads it, weighs what is told of its clips, and accounts for every record."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from data.errors import InputError
from data.importers.clips.faults import quarantined
from data.importers.clips.to_sequence import number, split_gaps, to_sequence
from data.importers.clips.types import SPLIT, Format, ImportOptions, Note, RawClip, Source, TimedSegment
from data.layouts import joint_mapping, load_layout
from data.quarantine import Quarantined
from data.records import SESSION_LABEL, KeypointSequence, Segment

FIELDS = ("label", "subject", "view", "split", "source", "repetitions", "quality")
"""What a sidecar, a pattern or a format may tell of a sequence."""


UNEXPECTED = "unexpected fault in the importer"
"""Reason of a record that brought out a fault of ours."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A record that is kept.

    Attributes:
        file: it came from.
        record: its number there.
        sequences: what became of it: one, or the pieces between long gaps.
        repairs: what was mended, and how often.
    """

    file: str
    record: int
    sequences: tuple[KeypointSequence, ...]
    repairs: Counter[str]


Outcome = Kept | Quarantined | Note


def process_source(format_: Format, source: Source, options: ImportOptions) -> Iterator[Outcome]:
    """Yield what becomes of every record of a source; a fault of the file as a whole is one record more."""
    file, record = str(source.path), -1
    try:
        for found in format_.read(source, options):
            if isinstance(found, Note):
                yield found
                continue
            record += 1
            if isinstance(found, Quarantined):
                yield found
                continue
            yield from _keep(found, file, record, source, options)
        if record < 0:
            raise InputError("there is no record in the file", None, "check that this is the right file")
    except InputError as error:
        yield quarantined(error, file, record + 1)
    except Exception as error:
        # A stranger's file has brought out a fault of ours: the rest of the import is worth more than a trace.
        fault = InputError(UNEXPECTED, f"{type(error).__name__}: {str(error)[:200]}", "report this file")
        yield quarantined(fault, file, record + 1)


def _keep(
    found: RawClip | KeypointSequence, file: str, record: int, source: Source, options: ImportOptions
) -> Iterator[Outcome]:
    repairs: Counter[str] = Counter()
    try:
        told = _told_elsewhere(found, source, options)
        if isinstance(found, RawClip):
            fields = {**_folder_label(source), **found.fields, **told}
            fields.setdefault("source", source.path.name)
            sequence, repairs, assumed = to_sequence(found, options, fields)
            if assumed:
                yield Note(f"{file}: {assumed}")
        else:
            sequence = _retold(found, told)
        sequence = _with_segments(sequence, _sidecar(options.segments, sequence.sequence_id, source))
        if options.layout:
            sequence = _mapped(sequence, options.layout)
        empty_are_gaps = isinstance(found, RawClip) and not found.keep_frames
        pieces = tuple(split_gaps(sequence, options.max_gap, empty_are_gaps))
        if len(pieces) > 1:
            repairs[SPLIT] += 1
        if not pieces:
            raise InputError("the session has no action between its long gaps", None, None)
    except InputError as error:
        yield quarantined(error, file, record, found)
    else:
        yield Kept(file, record, pieces, repairs)


def _told_elsewhere(found: RawClip | KeypointSequence, source: Source, options: ImportOptions) -> dict[str, str]:
    """Return what the sidecar and the path's pattern tell; the sidecar goes first."""
    name = found.name if isinstance(found, RawClip) else found.sequence_id
    told: dict[str, str] = {}
    if options.pattern:
        match = compile_pattern(options.pattern).fullmatch(source.name)
        if match is None:
            raise InputError(
                "the file's path does not match --pattern", f"{source.name} and {options.pattern}", "mend the pattern"
            )
        told |= {key: value for key, value in match.groupdict().items() if not key.startswith("_")}
    row = _sidecar(options.fields, name, source) or {}
    return told | {key: value for key, value in row.items() if key in FIELDS and value}


def _sidecar[T](table: Mapping[str, T], name: str, source: Source) -> T | None:
    """Return a sidecar's entry by sequence id, by path below the source, or by the file's name."""
    stem = PurePosixPath(source.name).name
    names = (name, source.name, stem, f"{stem}{source.path.suffix}", f"{source.name}{source.path.suffix}")
    return next((table[key] for key in names if key in table), None)


@lru_cache(maxsize=8)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return `{label}/{subject}_{}` as an expression; a name takes the shortest text without a slash."""
    parts = re.split(r"\{(\w*)\}", pattern)
    expression = re.escape(parts[0])
    for place, (name, rest) in enumerate(zip(parts[1::2], parts[2::2], strict=True)):
        if name and name not in FIELDS:
            raise InputError(
                f"{{{name}}} is no field", pattern, f"the fields are {', '.join(FIELDS)}; {{}} is anything"
            )
        expression += f"(?P<{name or f'_{place}'}>[^/]+?)" + re.escape(rest)
    try:
        return re.compile(expression)
    except re.error as error:
        raise InputError(f"the pattern is unusable: {error}", pattern, "name every field once") from error


def _folder_label(source: Source) -> dict[str, str]:
    """Return the name of the folder that holds the file, below the source, as the label."""
    folder = PurePosixPath(source.name).parent.name
    return {"label": folder} if folder else {}


def _retold(sequence: KeypointSequence, told: dict[str, str]) -> KeypointSequence:
    changes: dict[str, Any] = dict(told)
    changes |= {name: number(told, name) for name in ("repetitions", "quality") if name in told}
    return replace(sequence, **changes)


def _with_segments(sequence: KeypointSequence, segments: tuple[TimedSegment, ...] | None) -> KeypointSequence:
    """Return a sequence as the session that a sidecar describes."""
    if not segments:
        return sequence
    times = sequence.frame_times
    parts = []
    for segment in segments:
        if segment.in_frames:
            start, end = int(segment.start), int(segment.end)
        else:
            # Half a microsecond of grace: a bound that falls on a frame means that frame, in spite of rounding.
            start, end = times.searchsorted([segment.start - 5e-7, segment.end - 5e-7]).tolist()
        parts.append(Segment(start, min(end, len(times)), segment.label, segment.repetitions))
    return replace(sequence, label=SESSION_LABEL, segments=tuple(parts))


def _mapped(sequence: KeypointSequence, layout: str) -> KeypointSequence:
    if sequence.layout == layout:
        return sequence
    given, wanted = load_layout(sequence.layout), load_layout(layout)
    if (given.unit, given.y_down) != (wanted.unit, wanted.y_down):
        raise InputError(
            f"a pose of {given.name} cannot become one of {wanted.name}",
            f"{given.unit} and {wanted.unit}",
            "room sensors and images have different axes: import them apart",
        )
    keypoints = joint_mapping(given.name, wanted.name).apply(sequence.keypoints)
    return replace(sequence, layout=layout, keypoints=keypoints)
