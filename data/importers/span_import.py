"""The import of files into a new span, as a stream; every record is kept or quarantined."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from data.consistency import Consistency
from data.errors import InputError
from data.importers.bounded_reading import BoundedReading
from data.importers.clips.faults import quarantined
from data.importers.clips.types import PEOPLE, Format, ImportOptions, Note, RawClip, ReaderOutput, Source
from data.importers.clips.units import MAX_PIXELS, ImageSize, Reach, Scaling
from data.importers.collected_notes import CollectedNotes
from data.importers.discovery import find_sources
from data.importers.record_pipeline import Kept, Outcome, process_source
from data.layouts import layout_names, load_layout, preferring
from data.quarantine import QuarantineWriter, quarantine_folder
from data.records import KeypointSequence
from data.store import SpanReservation, write_span
from data.text import printable

MAX_QUARANTINED = 0.05
"""Fraction of quarantined records above which an import fails."""

BATCH_BYTES = 8 << 20
"""Size of the files that a process reads in one go."""

_MANY = 3
"""Number of sequences of one frame from which a note says so."""

PROBED_BYTES = 256 << 20
"""Size of the files that are read to find the height of images that is nowhere stated."""


@dataclass(frozen=True)
class ImportSummary:
    """The result of an import; `read` is the sum of `kept` and all counts of `quarantined`.

    Attributes:
        span_dir: folder of the new span; None if the import failed.
        span: number of the span.
        format: name of the files' format.
        layout: layout of all sequences.
        sources: number of files that were read; for formats with one file per frame, number of clips.
        read: number of records in the sources.
        kept: number of records in the span.
        sequences: number of sequences in the span; a record with long gaps becomes several.
        frames: number of frames in the span.
        repaired: number of repairs, by name.
        people_left_out: number of poses of people who were not chosen.
        quarantined: number of quarantined records, by reason.
        notes: assumptions and skipped files that the user should know about.
        report: folder of the quarantined records (see `data.quarantine`), None if there are none.
    """

    span_dir: Path | None
    span: int
    format: str
    layout: str
    sources: int
    read: int
    kept: int
    sequences: int
    frames: int
    repaired: dict[str, int]
    people_left_out: int
    quarantined: dict[str, int]
    notes: tuple[str, ...]
    report: Path | None


class TooManyQuarantinedError(InputError):
    """More records were quarantined than the user allows.

    Attributes:
        summary: result of the import, without a span.
    """

    summary: ImportSummary


class ImportProgress(NamedTuple):
    """The progress of an import.

    Attributes:
        sources: number of sources that were read.
        of: number of all sources.
        records: number of records that were read.
    """

    sources: int
    of: int
    records: int


def import_to_span(
    source_format: str | None,
    src: Path | Sequence[Path],
    dst: Path,
    span: int | None = None,
    options: ImportOptions | None = None,
    max_quarantined: float = MAX_QUARANTINED,
    workers: int = 1,
    progress: Callable[[ImportProgress], None] | None = None,
) -> ImportSummary:
    """Import files into a new span of a data folder.

    Args:
        source_format: name of the format; None to recognise it.
        src: a file, a folder of files, or several of both.
        dst: data folder of the new span.
        span: number of the span; None for the next free one.
        options: options of the import.
        max_quarantined: largest fraction of records that may be quarantined.
        workers: number of processes that read files; the result does not depend on it.
        progress: function that is called after every record.

    Returns:
        The result, with the folder of the span.

    Raises:
        InputError: for an unknown format, a missing or unusable source, or too many quarantined records; there is then
            no new span, only the quarantine.
    """
    format_, sources, notes = find_sources([src] if isinstance(src, Path) else list(src), source_format)
    for layout in layout_names():
        load_layout(layout)  # once, instead of in each process that reads
    options = options or ImportOptions()
    with preferring(options.layout):
        options, guess = _with_image(format_, sources, options, workers)
    reserved = SpanReservation(dst, span)
    number = reserved.span
    try:
        quarantine = QuarantineWriter(quarantine_folder(dst / f"span-{number}"))
    except InputError:
        reserved.release()
        raise
    tally = _Tally(format_.name, len(sources), quarantine, max_quarantined, progress)
    for text in (*notes, *guess):
        tally.notes.add(Note(text))
    try:
        with preferring(options.layout):
            span_dir = write_span(dst, number, tally.keep(_outcomes(format_, sources, options, workers, dst)))
        report = quarantine.finish(tally.summary())
    except TooManyQuarantinedError as error:
        report = quarantine.finish(tally.summary())
        error.summary = ImportSummary(span_dir=None, span=number, report=report, **tally.summary())
        raise
    finally:
        quarantine.discard()
        reserved.release()
    return ImportSummary(span_dir=span_dir, span=number, report=report, **tally.summary())


@dataclass
class _Tally:
    """The running counts of an import, which pass on the sequences to keep."""

    format: str
    of: int
    quarantine: QuarantineWriter
    max_quarantined: float
    progress: Callable[[ImportProgress], None] | None
    notes: CollectedNotes = field(default_factory=CollectedNotes)
    sources: int = 0
    read: int = 0
    sequences: int = 0
    frames: int = 0
    single: int = 0
    layout: str = ""
    repaired: Counter[str] = field(default_factory=Counter)
    _consistency: Consistency = field(default_factory=Consistency)

    def keep(self, outcomes: Iterator[tuple[int, Outcome]]) -> Iterator[KeypointSequence]:
        """Yield the sequences of good records; quarantine the others.

        Args:
            outcomes: number of the source from 1, and the outcome of each record.

        Raises:
            TooManyQuarantinedError: at the end, if more records were quarantined than allowed.
        """
        for number, outcome in outcomes:
            self.sources = number
            if isinstance(outcome, Note):
                self.notes.add(outcome)
                continue
            self.read += 1
            if self.progress:
                self.progress(ImportProgress(self.sources, self.of, self.read))
            if isinstance(outcome, Kept):
                yield from self._checked(outcome)
            else:
                self.quarantine.add(outcome)
        if self.single >= _MANY and self.single * 2 > self.sequences:
            few = f"{self.single:,} of {self.sequences:,} sequences have one frame"
            self.notes.add(Note(f"{few}: number the files of a clip to join them"))
        self._check_quarantined()

    def summary(self) -> dict[str, Any]:
        """Return the figures of an `ImportSummary`."""
        return {
            "format": self.format,
            "layout": self.layout,
            "sources": self.of,
            "read": self.read,
            "kept": self.read - self.quarantine.count,
            "sequences": self.sequences,
            "frames": self.frames,
            "repaired": {reason: count for reason, count in self.repaired.items() if reason != PEOPLE},
            "people_left_out": self.repaired[PEOPLE],
            "quarantined": dict(self.quarantine.reasons.most_common()),
            "notes": self.notes.texts(),
        }

    def _checked(self, kept: Kept) -> tuple[KeypointSequence, ...]:
        """Return the sequences of a record if they are consistent with those before."""
        place = f"{kept.file}, record {kept.record}"
        for sequence in kept.sequences:
            try:
                self._consistency.check(sequence, place)
            except InputError as error:
                self.quarantine.add(quarantined(error, kept.file, kept.record, sequence))
                return ()
        self.layout = kept.sequences[0].layout
        self.sequences += len(kept.sequences)
        self.frames += sum(len(sequence.keypoints) for sequence in kept.sequences)
        self.single += sum(len(sequence.keypoints) == 1 for sequence in kept.sequences)
        self.repaired += kept.repairs
        return kept.sequences

    def _check_quarantined(self) -> None:
        first, count = self.quarantine.first, self.quarantine.count
        if first is None or (count <= self.max_quarantined * self.read and count < self.read):
            return
        raise TooManyQuarantinedError(
            f"{count} of {self.read} records are unusable, more than {self.max_quarantined:.0%}: "
            + "; ".join(f"{count} x {reason}" for reason, count in self.quarantine.reasons.most_common(10)),
            f"{printable(first.file)}, record {first.record} {first.sequence_id!a}: {first.detail}",
            f"correct the source (see {self.quarantine.folder}), or allow more with --max-quarantined",
        )


def _with_image(
    format_: Format, sources: list[Source], options: ImportOptions, workers: int
) -> tuple[ImportOptions, list[str]]:
    """Return options with one guessed image height for all clips, if coordinates are pixels of unknown images.

    All files are read for it, or a part of them, evenly chosen, if they are larger than `PROBED_BYTES`: the height must
    contain the largest coordinate of the whole source.
    """
    if options.image is not None:
        return options, []
    size = sum(_size(source) for source in sources)
    probed = sources[:: -(-size // PROBED_BYTES) or 1]
    readings = [_probing(format_, probed[first::workers], options) for first in range(min(workers, len(probed)))]
    reach = Reach()
    try:
        for reading in readings:
            for _, found in reading:
                if isinstance(found, Reach):  # an error is reported when the source is read
                    reach |= found
    finally:
        for reading in readings:
            reading.close()
    if not reach.y:
        return options, []
    return replace(options, likely_image=ImageSize(max(reach.height, 1))), [f"{reach.note}; see --image-size"]


def _probing(format_: Format, sources: list[Source], options: ImportOptions) -> BoundedReading[Source, Reach]:
    return BoundedReading(sources, lambda source: _reach_of(format_, source, options), lambda source: source.paths)


def _reach_of(format_: Format, source: Source, options: ImportOptions) -> Iterator[Reach]:
    """Yield the largest coordinates of a source's clips whose coordinates are pixels of unknown images."""
    reach = Reach()
    try:
        for found in format_.read(source, options):
            if _states_its_units(found):
                break  # as all its clips do
            if isinstance(found, RawClip) and found.unit == "pixels" and len(found.poses):
                reached = Reach.of(found.poses)
                if max(reached.x, reached.y) <= MAX_PIXELS:  # else it is no image, and says nothing about the others
                    reach |= reached
    except InputError:
        pass  # it is reported when the source is read
    yield reach


def _states_its_units(found: ReaderOutput) -> bool:
    if isinstance(found, RawClip):
        return found.image is not None or found.unit == "metres" or isinstance(found.unit, Scaling)
    return isinstance(found, KeypointSequence)


def _size(source: Source) -> int:
    with suppress(OSError):  # it is reported when the source is read
        return sum(path.stat().st_size for path in source.paths)
    return 0


def _outcomes(
    format_: Format, sources: list[Source], options: ImportOptions, workers: int, dst: Path
) -> Iterator[tuple[int, Outcome]]:
    """Yield (number of the source from 1, outcome of a record), in the order of the sources."""
    batches = _batches(sources) if workers > 1 else [sources]
    spool = dst if len(batches) > 1 else None
    if spool:
        spool.mkdir(parents=True, exist_ok=True)
    ahead = iter(batches)
    readings: deque[tuple[list[Source], BoundedReading[Source, Outcome]]] = deque()
    before = 0
    try:
        while True:
            # One batch more than there are workers, so that all are busy while a batch is written.
            while len(readings) <= workers and (batch := next(ahead, None)):
                readings.append((batch, _reading(format_, batch, options, spool)))
            if not readings:
                return
            batch, reading = readings[0]
            records = [0] * len(batch)
            for number, found in reading:
                outcome: Outcome
                if isinstance(found, InputError):
                    outcome = quarantined(found, str(batch[number].path), records[number])
                else:
                    outcome = found
                records[number] += not isinstance(outcome, Note)
                yield before + number + 1, outcome
            before += len(batch)
            readings.popleft()[1].close()
    finally:
        for _, reading in readings:
            reading.close()


def _reading(
    format_: Format, batch: list[Source], options: ImportOptions, spool: Path | None
) -> BoundedReading[Source, Outcome]:
    def read(source: Source) -> Iterator[Outcome]:
        return process_source(format_, source, options)

    return BoundedReading(batch, read, lambda source: source.paths, spool)


def _batches(sources: list[Source]) -> list[list[Source]]:
    batches: list[list[Source]] = [[]]
    size = 0
    for source in sources:
        if batches[-1] and size >= BATCH_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(source)
        size += _size(source)
    return batches
