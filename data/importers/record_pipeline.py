"""Imports one source: each of its records becomes sequences or a quarantined record."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from data.errors import InputError
from data.importers.clips.faults import quarantined, unexpected_fault
from data.importers.clips.folder_names import folder_fields
from data.importers.clips.to_sequence import number, split_gaps, to_sequence
from data.importers.clips.types import SPLIT, UNKNOWN, Format, ImportOptions, Note, RawClip, Source, TimedSegment
from data.importers.clips.vocabulary import SEQUENCE_FIELDS
from data.layouts import joint_mapping, load_layout
from data.quarantine import Quarantined
from data.records import SESSION_LABEL, KeypointSequence, Segment
from data.text import listed, one_spelling


@dataclass(frozen=True, slots=True)
class Kept:
    """A record that is kept.

    Attributes:
        file: file of the record, as the user named it.
        record: number of the record in the file, from 0.
        sequences: the sequences made from it: one, or the pieces between long gaps.
        repairs: number of repairs, by name.
    """

    file: str
    record: int
    sequences: tuple[KeypointSequence, ...]
    repairs: Counter[str]


Outcome = Kept | Quarantined | Note
"""What becomes of a record, or an assumption about the file."""


def process_source(format_: Format, source: Source, options: ImportOptions) -> Iterator[Outcome]:
    """Yield the outcome of every record of a source; an error of the file as a whole is one more record.

    Raises:
        MemoryError: if the source takes more memory than `bounded_reading` allows.
    """
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
    except OSError as error:
        yield quarantined(InputError(f"the file cannot be read: {error.strerror}", file, None), file, record + 1)
    except MemoryError:
        raise
    except Exception as error:
        yield quarantined(unexpected_fault(error), file, record + 1)


def _keep(
    found: RawClip | KeypointSequence, file: str, record: int, source: Source, options: ImportOptions
) -> Iterator[Outcome]:
    repairs: Counter[str] = Counter()
    try:
        overrides = _overrides(found, source, options)
        if isinstance(found, RawClip):
            folders = folder_fields(source.name)
            fields = folders.fields | found.fields | overrides
            fields.setdefault("source", source.path.name)
            sequence, repairs, assumed = to_sequence(found, options, fields)
            doubts = [text for name, text in folders.notes.items() if fields.get(name) == folders.fields.get(name)]
            yield from (Note(text, file) for text in [*assumed, *doubts, *_unnamed(fields, options)])
        else:
            sequence = _with_fields(found, overrides)
        sequence = _with_segments(sequence, _sidecar(options.segments, sequence.sequence_id, source))
        sequence = _spelled(sequence)
        if options.layout:
            yield from (Note(text, file) for text in _left_out(sequence.layout, options.layout))
            sequence = _mapped(sequence, options.layout)
        empty_are_gaps = isinstance(found, RawClip) and not found.keep_frames
        pieces = tuple(split_gaps(sequence, options.max_gap, empty_are_gaps))
        if len(pieces) > 1:
            repairs[SPLIT] += 1
        if not pieces:
            raise InputError("the session has no segment between its long gaps", None, None)
    except InputError as error:
        yield quarantined(error, file, record, found)
    else:
        yield Kept(file, record, pieces, repairs)


def _overrides(found: RawClip | KeypointSequence, source: Source, options: ImportOptions) -> dict[str, str]:
    """Return the fields that the sidecar or the path pattern states; the sidecar has priority."""
    name = found.name if isinstance(found, RawClip) else found.sequence_id
    fields: dict[str, str] = {}
    if options.pattern:
        match = compile_pattern(options.pattern).fullmatch(source.name)
        if match is None:
            raise InputError(
                "the file's path does not match --pattern",
                f"{source.name} and {options.pattern}",
                "correct the pattern",
            )
        fields |= {key: value for key, value in match.groupdict().items() if not key.startswith("_")}
    row = _sidecar(options.fields, name, source) or {}
    return fields | {key: value for key, value in row.items() if key in SEQUENCE_FIELDS and value}


def _sidecar[T](table: Mapping[str, T], name: str, source: Source) -> T | None:
    """Return the sidecar's entry for a sequence: by its id, its path below the imported folder, or its file name."""
    stem = PurePosixPath(source.name).name
    names = (name, source.name, stem, f"{stem}{source.path.suffix}", f"{source.name}{source.path.suffix}")
    return next((table[key] for key in names if key in table), None)


@lru_cache(maxsize=8)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a path pattern such as `{label}/{subject}_{}`.

    Each name matches the shortest possible text without a slash.

    Raises:
        InputError: if a name is not a field of a sequence, or occurs twice.
    """
    parts = re.split(r"\{(\w*)\}", pattern)
    expression = re.escape(parts[0])
    for place, (name, rest) in enumerate(zip(parts[1::2], parts[2::2], strict=True)):
        if name and name not in SEQUENCE_FIELDS:
            raise InputError(
                f"{{{name}}} is not a field", pattern, f"use {', '.join(SEQUENCE_FIELDS)}, or {{}} for any text"
            )
        # The first place of the text after a name is final (an atomic group): trying all others would find no more
        # matches, but could take for ever. After the last name the text must be at the end.
        atomic = "?>" if place < len(parts) // 2 - 1 else "?:"
        expression += f"({atomic}(?P<{name or f'_{place}'}>[^/]+?){re.escape(rest)})"
    try:
        return re.compile(expression)
    except re.error as error:
        raise InputError(f"the pattern is unusable: {error}", pattern, "name every field once") from error


def _with_fields(sequence: KeypointSequence, fields: dict[str, str]) -> KeypointSequence:
    changes: dict[str, Any] = dict(fields)
    changes |= {name: number(fields, name) for name in ("repetitions", "quality") if name in fields}
    return replace(sequence, **changes)


def _with_segments(sequence: KeypointSequence, segments: tuple[TimedSegment, ...] | None) -> KeypointSequence:
    """Return the sequence as a session with these segments; unchanged if there are none."""
    if not segments:
        return sequence
    times = sequence.frame_times
    parts = []
    for segment in segments:
        if segment.in_frames:
            start, end = int(segment.start), int(segment.end)
        else:
            # Half a microsecond of tolerance: a time that falls on a frame means that frame, in spite of rounding.
            start, end = times.searchsorted([segment.start - 5e-7, segment.end - 5e-7]).tolist()
        parts.append(Segment(start, min(end, len(times)), segment.label, segment.repetitions))
    return replace(sequence, label=SESSION_LABEL, segments=tuple(parts))


def _unnamed(fields: Mapping[str, str], options: ImportOptions) -> list[str]:
    """Return notes on what nobody states about a clip."""
    notes = []
    if not fields.get("label") and options.label == UNKNOWN:
        notes.append("no label is stated: see --label, --labels and --pattern")
    if not fields.get("subject"):
        notes.append("no person is stated, the subject is 'unknown': see --labels and --pattern")
    return notes


def _spelled(sequence: KeypointSequence) -> KeypointSequence:
    """Return the sequence with names of one spelling, so that labels that look the same are the same."""
    given = {name: getattr(sequence, name) for name in ("label", "subject", "view", "split")}
    changes: dict[str, Any] = {
        name: spelled for name, text in given.items() if text and (spelled := one_spelling(text)) not in ("", text)
    }
    segments = tuple(replace(part, label=one_spelling(part.label) or part.label) for part in sequence.segments)
    if segments != sequence.segments:
        changes["segments"] = segments
    return replace(sequence, **changes) if changes else sequence


def _left_out(source: str, target: str) -> list[str]:
    """Return a note on the joints that are lost or missing if one layout is mapped to another."""
    mapping = joint_mapping(source, target)
    lost, missing = mapping.unused, mapping.unmapped
    notes = []
    if lost:
        notes.append(f"{len(lost)} of {len(mapping.source.joints)} joints of {source} are left out: {listed(lost)}")
    if missing:
        notes.append(f"{len(missing)} joints of {target} are missing in {source}: {listed(missing)}")
    return notes


def _mapped(sequence: KeypointSequence, layout: str) -> KeypointSequence:
    if sequence.layout == layout:
        return sequence
    given, wanted = load_layout(sequence.layout), load_layout(layout)
    if (given.unit, given.y_down) != (wanted.unit, wanted.y_down):
        raise InputError(
            f"a pose of {given.name} cannot become one of {wanted.name}",
            f"{given.unit} and {wanted.unit}",
            "import room sensors and images separately, they have different axes",
        )
    keypoints = joint_mapping(given.reference, wanted.reference).apply(sequence.keypoints)
    return replace(sequence, layout=layout, keypoints=keypoints)
