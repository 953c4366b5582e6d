"""Turns a source into a span: streaming, all or nothing, with every record accounted for."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from data.errors import InputError
from data.importers.base import Importer, ImportOptions, Note, Quarantined, Record
from data.importers.npz import import_npz
from data.records import KeypointSequence
from data.store import next_span, write_span

FORMATS: dict[str, tuple[Importer, str]] = {"npz": (import_npz, ".npz")}
"""Importer of each format, and how the names of its files end."""

MAX_QUARANTINED = 0.05
"""Share of quarantined records above which an import is refused."""


@dataclass(frozen=True)
class ImportSummary:
    """What became of the records of a source.

    Attributes:
        span_dir: the new span.
        span: its number.
        layout: of all its sequences.
        files: that were read.
        read: records in them.
        kept: records in the span.
        frames: in the span.
        quarantined: reason to number of records.
        notes: what had to be assumed.
        report: JSON list of the quarantined records, None if there are none.
    """

    span_dir: Path
    span: int
    layout: str
    files: tuple[str, ...]
    read: int
    kept: int
    frames: int
    quarantined: dict[str, int]
    notes: tuple[str, ...]
    report: Path | None


def import_to_span(
    source_format: str,
    src: Path | Sequence[Path],
    dst: Path,
    span: int | None = None,
    options: ImportOptions | None = None,
    max_quarantined: float = MAX_QUARANTINED,
    progress: Callable[[int], None] | None = None,
) -> ImportSummary:
    """Import a source into a new span of a data folder.

    Args:
        source_format: one of `FORMATS`.
        src: a file, a folder of files, or several of both.
        dst: the data folder that gets the span.
        span: its number; the next free one if None.
        options: what the source leaves unsaid.
        max_quarantined: share of records that may be left out.
        progress: called with the number of records read so far.

    Raises:
        InputError: for an unknown format, a missing or unusable source, or too many quarantined records; `dst` is then
            as it was.
    """
    if source_format not in FORMATS:
        raise InputError(f"format {source_format!r} is unknown", None, f"known formats: {', '.join(FORMATS)}")
    importer, suffix = FORMATS[source_format]
    files = _find_files([src] if isinstance(src, Path) else list(src), suffix)
    tally = _Tally(max_quarantined, progress)
    records = (record for file in files for record in importer(file, options or ImportOptions()))
    number = next_span(dst) if span is None else span
    span_dir = write_span(dst, number, tally.keep(records))
    return ImportSummary(
        span_dir=span_dir,
        span=number,
        layout=tally.layout,
        files=tuple(map(str, files)),
        read=tally.read,
        kept=tally.read - len(tally.quarantined),
        frames=tally.frames,
        quarantined=tally.reasons(),
        notes=tuple(tally.notes),
        report=_write_report(dst / f"span-{number}.quarantine.json", tally.quarantined),
    )


@dataclass
class _Tally:
    """Keeps the good records and counts the rest."""

    max_quarantined: float
    progress: Callable[[int], None] | None
    read: int = 0
    frames: int = 0
    layout: str = ""
    quarantined: list[Quarantined] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)

    def keep(self, records: Iterator[Record]) -> Iterator[KeypointSequence]:
        for record in records:
            if isinstance(record, Note):
                self.notes.append(record.text)
                continue
            self.read += 1
            if self.progress:
                self.progress(self.read)
            if isinstance(record, Quarantined):
                self.quarantined.append(record)
            elif record.sequence_id in self._ids:
                reason = "the sequence id occurred before"
                self.quarantined.append(
                    Quarantined(record.source or "", self.read - 1, record.sequence_id, reason, reason)
                )
            else:
                self._ids.add(record.sequence_id)
                self.frames += len(record.keypoints)
                self.layout = record.layout
                yield record
        self._judge()

    def reasons(self) -> dict[str, int]:
        return dict(Counter(record.reason for record in self.quarantined).most_common())

    def _judge(self) -> None:
        if len(self.quarantined) <= self.max_quarantined * self.read:
            return
        first = self.quarantined[0]
        raise InputError(
            f"{len(self.quarantined)} of {self.read} records are unusable, more than {self.max_quarantined:.0%}: "
            + "; ".join(f"{count} x {reason}" for reason, count in self.reasons().items()),
            f"{first.file}, record {first.record} {first.sequence_id}: {first.detail}",
            "mend the source, or allow a larger share",
        )


def _find_files(sources: Sequence[Path], suffix: str) -> list[Path]:
    files: list[Path] = []
    for source in sources:
        if not source.exists():
            raise InputError("the source does not exist", str(source), "check the path")
        found = sorted(source.rglob(f"*{suffix}")) if source.is_dir() else [source]
        if not found:
            raise InputError(f"the folder holds no {suffix} file", str(source), "check the path and the format")
        files += found
    return files


def _write_report(path: Path, quarantined: list[Quarantined]) -> Path | None:
    if not quarantined:
        return None
    path.write_text(json.dumps([asdict(record) for record in quarantined], indent=1) + "\n", encoding="utf-8")
    return path
