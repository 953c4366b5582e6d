"""Canonical Parquet files, imported to check them, to merge them, or to map them to another layout with `--layout`.

Every row is a record, and a row that is not a valid sequence (`data.records`) is quarantined alone. Files are read one
row group at a time; a row group that announces more than `MAX_GROUP_BYTES` is rejected.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pyarrow import RecordBatch

from data.errors import InputError
from data.importers.clips.faults import quarantined
from data.importers.clips.types import Format, Head, ImportOptions, ReaderOutput, Source
from data.records import KeypointSequence, from_batch
from data.store import open_part, read_sequence_batches, write_span

MAX_GROUP_BYTES = 1 << 30
"""Size of the largest row group."""

CHUNK_ROWS = 64
"""Number of rows that are decoded together; after a bad row the rest of them is decoded again."""


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the sequences of a file."""
    record = 0
    with open_part(source.path) as part:
        for group in range(part.num_row_groups):
            if (size := part.metadata.row_group(group).total_byte_size) > MAX_GROUP_BYTES:
                raise InputError(
                    f"row group {group} takes {size >> 20} MB", str(source.path), "write smaller row groups"
                )
            for batch in read_sequence_batches(part, source.path, group, record):
                for found in _sequences(batch, str(source.path), record):
                    yield found
                    record += 1


def _sequences(batch: RecordBatch, file: str, record: int) -> Iterator[ReaderOutput]:
    """Yield the sequence of each row of a batch, or a quarantined record."""
    row = 0
    while row < batch.num_rows:
        try:
            for sequence in from_batch(batch.slice(row, CHUNK_ROWS), file, record + row):
                yield sequence
                row += 1
        except InputError:  # of this row, or of a later one by which all of them could not be decoded
            try:
                yield from from_batch(batch.slice(row, 1), file, record + row)
            except InputError as error:
                yield quarantined(error, file, record + row)
            row += 1


def _detect(head: Head) -> bool:
    return head.data.startswith(b"PAR1")


def write(sequences: Iterable[KeypointSequence], path: Path) -> None:
    """Write sequences as span 1 of a data folder."""
    write_span(path, 1, sequences)


FORMAT = Format(
    name="parquet",
    about="canonical Parquet, such as spans of another layout",
    suffixes=(".parquet",),
    detect=_detect,
    read=read,
    write=write,
)
