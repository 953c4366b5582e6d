"""The storage of spans: Parquet files `<folder>/span-<N>/part-NNNNN.parquet`."""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from data.consistency import Consistency
from data.digests import file_digest
from data.errors import InputError
from data.files import creating_folder, open_own, try_lock
from data.records import MAX_SEQUENCE_VALUES, SCHEMA, KeypointSequence, clip_id, from_batch, to_batch

ROW_GROUP_VALUES = 1 << 20
"""Number of keypoint values in a row group (4 MB), the unit that readers hold in memory."""

BATCH_VALUES = 1 << 22
"""Number of keypoint values that are decoded together (16 MB), unless one sequence has more."""

PART_ROW_GROUPS = 16
"""Number of row groups in a file."""

_SPAN = re.compile(r"span-(\d+)")


class SequenceKey(NamedTuple):
    """The description of a sequence without its frames.

    Attributes:
        sequence_id: id of the sequence, unique in the span.
        subject: person who moves.
        label: class, or `SESSION_LABEL` for a session.
        split: official split of the data set, if there is one.
        view: name of the camera, if known.
        frames: number of frames.
        joints: number of joints.
        channels: number of values of a joint: x, y[, z] and confidence.
        layout: name of the joint layout.
        fps: nominal frames per second.
        segment_labels: labels of a session's segments, empty for a single action.
        segment_starts: first frames of a session's segments.
        segment_ends: frames after the last ones of a session's segments.
    """

    sequence_id: str
    subject: str
    label: str
    split: str | None
    view: str | None
    frames: int
    joints: int
    channels: int
    layout: str
    fps: float
    segment_labels: tuple[str, ...] = ()
    segment_starts: tuple[int, ...] = ()
    segment_ends: tuple[int, ...] = ()

    @classmethod
    def of(cls, sequence: KeypointSequence) -> "SequenceKey":
        """Return the description of a sequence in memory."""
        fields = {name: getattr(sequence, name) for name in cls._fields if hasattr(sequence, name)}
        frames, joints, channels = sequence.keypoints.shape
        return cls(
            **fields,
            frames=frames,
            joints=joints,
            channels=channels,
            segment_labels=tuple(segment.label for segment in sequence.segments),
            segment_starts=tuple(segment.start_frame for segment in sequence.segments),
            segment_ends=tuple(segment.end_frame for segment in sequence.segments),
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the clips of this sequence."""
        return self.segment_labels or (self.label,)

    @property
    def clip_ids(self) -> tuple[str, ...]:
        """Ids of the clips of this sequence, as `KeypointSequence.clips` makes them."""
        return tuple(clip_id(self.sequence_id, start) for start in self.segment_starts) or (self.sequence_id,)

    @property
    def clip_frames(self) -> tuple[int, ...]:
        """Number of frames of each clip of this sequence."""
        lengths = (end - start for start, end in zip(self.segment_starts, self.segment_ends, strict=True))
        return tuple(lengths) or (self.frames,)


@dataclass(frozen=True, slots=True)
class RowGroup:
    """The address of a row group.

    Attributes:
        path: path of the file.
        index: position of the row group in the file.
        first_row: position of its first row in the file.
    """

    path: str
    index: int
    first_row: int


def list_spans(folder: Path) -> list[int]:
    """Return the numbers of the spans in a data folder, ascending; empty if it does not exist."""
    if not folder.is_dir():
        return []
    matches = [_SPAN.fullmatch(entry.name) for entry in folder.iterdir() if entry.is_dir()]
    return sorted(int(match[1]) for match in matches if match)


def next_span(folder: Path) -> int:
    """Return the first number after those of all spans in a data folder, and of anything with such a name."""
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    return max((int(match[1]) for name in names if (match := _SPAN.fullmatch(name))), default=0) + 1


class SpanReservation:
    """The number of a span that this process is about to write; no other import takes it meanwhile.

    Args:
        folder: the data folder; it is made if it is missing.
        span: number of the span; None for the next free one.

    Attributes:
        span: the number.

    Raises:
        InputError: if another process is writing the span, or the folder cannot be written.
    """

    def __init__(self, folder: Path, span: int | None) -> None:
        self.span = next_span(folder) if span is None else span
        self._made = None if folder.exists() else folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            while not self._reserve(folder):
                if span is not None:
                    raise InputError(
                        f"another import is writing span {span}",
                        str(self._path),
                        "wait until it ends, or leave --span out: each import then takes a number of its own",
                    )
                self.span += 1
        except OSError as error:
            raise _unwritable(folder, error) from error

    def release(self) -> None:
        """Give the number back, after the span was written or the import has failed."""
        self._path.unlink(missing_ok=True)
        os.close(self._lock)
        if self._made is not None:
            with contextlib.suppress(OSError):  # it is not empty
                self._made.rmdir()

    def _reserve(self, folder: Path) -> bool:
        self._path = folder / f".span-{self.span}.lock"
        self._lock = open_own(self._path, os.O_RDWR | os.O_CREAT)
        mine = try_lock(self._lock) and self._path.exists() and self._path.stat().st_ino == os.fstat(self._lock).st_ino
        if not mine:
            os.close(self._lock)
        return mine


def span_folder(folder: Path, span: int | None = None) -> Path:
    """Return the folder of a span.

    Args:
        folder: the data folder.
        span: number of the span; None for the latest.


    Raises:
        InputError: if the folder or the span does not exist.
    """
    if not folder.is_dir():
        raise InputError(
            "the data folder does not exist", str(folder), "check the path, or import data with `poseline data import`"
        )
    spans = list_spans(folder)
    if not spans:
        raise InputError(
            "the data folder has no span-N folder",
            str(folder),
            "import into it with `poseline data import --from FORMAT SRC --to DIR`, or give the folder above span-N",
        )
    if span is not None and span not in spans:
        raise InputError(f"span {span} does not exist", str(folder), f"the spans are {', '.join(map(str, spans))}")
    chosen = spans[-1] if span is None else span
    return next(entry for entry in folder.iterdir() if (m := _SPAN.fullmatch(entry.name)) and int(m[1]) == chosen)


def find_span(folder: Path, span: int | None = None) -> Path:
    """Return the folder of a span.

    Args:
        folder: a data folder; without a number also the span itself.
        span: number of the span; None for the latest.


    Raises:
        InputError: if the folder or the span does not exist.
    """
    if span is None and any(folder.glob("*.parquet")):
        return folder
    return span_folder(folder, span)


def part_files(span_dir: Path) -> list[Path]:
    """Return the Parquet files of a span in name order.

    Raises:
        InputError: if the folder does not exist or has no such file.
    """
    if not span_dir.is_dir():
        raise InputError("the span folder does not exist", str(span_dir), "check the path")
    parts = sorted(span_dir.glob("*.parquet"))
    if not parts:
        raise InputError("the span folder has no .parquet file", str(span_dir), "import data into a new span")
    return parts


def write_span(folder: Path, span: int, sequences: Iterable[KeypointSequence]) -> Path:
    """Write a new span; after a failure there is none.

    The sequences are read as a stream, with at most one row group in memory.

    Args:
        folder: the data folder; it is made if it is missing.
        span: number of the new span.
        sequences: sequences of one layout, with unique ids.

    Returns:
        The span's folder.

    Raises:
        InputError: if the span exists, there is no sequence, an id repeats, or layouts are mixed or unknown.
    """
    target = folder / f"span-{span}"
    if span in list_spans(folder):
        raise _taken(target)
    try:
        with creating_folder(target) as temporary:
            _write_parts(temporary, _checked(sequences))
    except OSError as error:
        raise (_taken(target) if os.path.lexists(target) else _unwritable(target, error)) from error
    return target


def read_sequences(span_dir: Path) -> Iterator[KeypointSequence]:
    """Yield the sequences of a span, one row group in memory at a time.

    Raises:
        InputError: if a sequence is invalid, with file and row.
    """
    for group in row_groups(span_dir):
        yield from read_row_group(group)


def row_groups(span_dir: Path) -> list[RowGroup]:
    """Return the address of every row group of a span."""
    groups = []
    for path in part_files(span_dir):
        first_row = 0
        with open_part(path) as part:
            for index in range(part.num_row_groups):
                groups.append(RowGroup(str(path), index, first_row))
                first_row += part.metadata.row_group(index).num_rows
    return groups


def read_row_group(group: RowGroup) -> Iterator[KeypointSequence]:
    """Yield the sequences of one row group."""
    path = Path(group.path)
    with open_part(path) as part:
        row = group.first_row
        for batch in read_sequence_batches(part, path, group.index, row):
            yield from from_batch(batch, str(path), row)
            row += batch.num_rows


def read_index(span_dir: Path) -> list[SequenceKey]:
    """Return the descriptions of all sequences of a span, without reading their frames."""
    names = [name for name in SequenceKey._fields if name in SCHEMA.names]
    columns = [*names, *(f"segments.list.element.{name}" for name in ("label", "start_frame", "end_frame"))]
    keys = []
    for path in part_files(span_dir):
        with open_part(path) as part:
            for group in range(part.num_row_groups):
                for batch in read_batches(part, path, group, columns):
                    keys += [_key(row, names) for row in batch.to_pylist()]
    return keys


def content_digest(span_dir: Path) -> str:
    """Return the SHA-256 of a span's file names and contents, independent of its path and of file times."""
    return digest_of_parts((path.name, file_digest(path)) for path in part_files(span_dir))


def digest_of_parts(parts: Iterable[tuple[str, str]]) -> str:
    """Return the content digest of a span from the names and SHA-256 digests of its files, in name order."""
    return hashlib.sha256("".join(f"{name}\0{digest}\n" for name, digest in parts).encode()).hexdigest()


def open_part(path: Path) -> pq.ParquetFile:
    """Open one file of a span and check its columns.

    Raises:
        InputError: if the file is not Parquet or is truncated, or a column is missing or of another type.
    """
    try:
        part = pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error
    try:
        _check_columns(path, part.schema_arrow)
    except InputError:
        part.close()
        raise
    return part


def read_batches(
    part: pq.ParquetFile, path: Path, group: int, columns: list[str], rows: int = 1 << 16
) -> Iterator[pa.RecordBatch]:
    """Yield the record batches of one row group.

    Args:
        part: the open file.
        path: its path, for errors.
        group: position of the row group.
        columns: names of the columns to read.
        rows: largest number of rows of a batch.

    Raises:
        InputError: if a page is damaged.
    """
    try:
        yield from part.iter_batches(rows, row_groups=[group], columns=columns, use_threads=False)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _taken(target: Path) -> InputError:
    return InputError(
        f"{target.name} exists already", str(target), "choose another number with --span, spans are never changed"
    )


def read_sequence_batches(part: pq.ParquetFile, path: Path, group: int, first_row: int) -> Iterator[pa.RecordBatch]:
    """Yield all columns of one row group, with at most `BATCH_VALUES` values or one sequence in memory.

    Args:
        part: the open file.
        path: its path, for errors.
        group: position of the row group.
        first_row: position of its first row in the file, for errors.

    Raises:
        InputError: if a page is damaged, or a sequence is larger than it may be.
    """
    rows = max(1, BATCH_VALUES // _largest_size(part, path, group, first_row))
    yield from read_batches(part, path, group, SCHEMA.names, rows)


def _largest_size(part: pq.ParquetFile, path: Path, group: int, first_row: int) -> int:
    """Return the number of values in the largest sequence of a row group, before any keypoints are decoded.

    Raises:
        InputError: if one is larger than a sequence may be; the row group can then not be read, as its rows are decoded
            together.
    """
    row, largest = first_row, 1
    for batch in read_batches(part, path, group, ["frames", "joints", "channels"]):
        shapes = [column.cast("int64").fill_null(1).to_numpy() for column in batch.columns]
        values = shapes[0] * shapes[1].clip(0, 1 << 15) * shapes[2].clip(0, 1 << 15)
        if (values > MAX_SEQUENCE_VALUES).any():
            at = int(values.argmax())
            frames, joints, channels = (int(column[at]) for column in shapes)
            raise InputError(
                f"there are {frames} frames x {joints} joints x {channels} channels, more than a sequence may have",
                f"{path}, row {row + at}",
                f"cut it into parts of at most {MAX_SEQUENCE_VALUES} numbers",
            )
        largest = max(largest, int(values.max(initial=1)))
        row += batch.num_rows
    return largest


def _unwritable(path: Path, error: OSError) -> InputError:
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return InputError("the span cannot be written: the path is, or goes through, no folder", str(path), "name one")
    return InputError(
        f"the span cannot be written: {error.strerror or error}",
        str(path),
        "free space on the disk, or choose a folder with write permission",
    )


def _unreadable(path: Path, error: Exception) -> Exception:
    if isinstance(error, MemoryError):
        return error  # as Arrow raises it, it says nothing about the file
    return InputError(
        f"the file cannot be read as Parquet: {str(error).strip().splitlines()[0]}",
        str(path),
        "write the span again: the file is damaged, truncated or of another kind",
    )


def _check_columns(path: Path, found: pa.Schema) -> None:
    for field in SCHEMA:
        if found.names.count(field.name) > 1:
            raise InputError(f"column {field.name!r} is there twice", str(path), "write each column once")
        if found.get_field_index(field.name) < 0:
            raise InputError(
                f"column {field.name!r} is missing",
                str(path),
                f"add it with type {field.type}; see docs/data-formats.md",
            )
        if found.field(field.name).type != field.type:
            raise InputError(
                f"column {field.name!r} has type {found.field(field.name).type}, not {field.type}",
                str(path),
                "write the file with the schema of data.records, or through `poseline data import`",
            )


def _checked(sequences: Iterable[KeypointSequence]) -> Iterator[KeypointSequence]:
    """Yield the sequences, checked to be consistent with each other."""
    consistency = Consistency()
    number = -1
    for number, sequence in enumerate(sequences):
        consistency.check(sequence, f"record {number}")
        yield sequence
    if number < 0:
        raise InputError("there is no sequence to write", None, "check that the source has usable sequences")


def _write_parts(folder: Path, sequences: Iterable[KeypointSequence]) -> None:
    groups = 0
    writer: pq.ParquetWriter | None = None
    try:
        for group in _grouped(sequences):
            if writer is None or groups % PART_ROW_GROUPS == 0:
                if writer is not None:
                    writer.close()
                writer = _new_writer(folder / f"part-{groups // PART_ROW_GROUPS:05d}.parquet")
            writer.write_batch(to_batch(group))
            groups += 1
    finally:
        if writer is not None:
            writer.close()
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _new_writer(path: Path) -> pq.ParquetWriter:
    numbers = "keypoints.list.element"
    texts = ["subject", "label", "layout", "view", "split", "source"]
    return pq.ParquetWriter(
        path,
        SCHEMA,
        compression="zstd",
        use_dictionary=texts,
        # Bytes of the same significance are stored together, which zstd compresses far better.
        column_encoding={numbers: "BYTE_STREAM_SPLIT", "timestamps.list.element": "BYTE_STREAM_SPLIT"},
        write_statistics=texts,
        write_page_checksum=True,
    )


def _grouped(sequences: Iterable[KeypointSequence]) -> Iterator[list[KeypointSequence]]:
    group: list[KeypointSequence] = []
    values = 0
    for sequence in sequences:
        group.append(sequence)
        values += sequence.keypoints.size
        if values >= ROW_GROUP_VALUES:
            yield group
            group, values = [], 0
    if group:
        yield group


def _key(row: dict, names: list[str]) -> SequenceKey:
    segments = row["segments"] or ()
    return SequenceKey(
        **{name: row[name] for name in names},
        segment_labels=tuple(segment["label"] for segment in segments),
        segment_starts=tuple(segment["start_frame"] for segment in segments),
        segment_ends=tuple(segment["end_frame"] for segment in segments),
    )
