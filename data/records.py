"""The canonical sequence: one person's poses over time, and its form as an Arrow record."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from data.errors import InputError
from data.text import has_control_characters

SESSION_LABEL = "session"
"""Label of a whole practice session, whose segments have the labels of its actions."""

MAX_RATE_ERROR = 100.0
"""Largest factor between the rate of the timestamps and `fps`; beyond it the timestamps are not in seconds."""

MIN_FPS, MAX_FPS = 0.01, 1e4
"""Lowest and highest number of frames per second."""

MAX_SECONDS = 86_400.0
"""Duration of the longest sequence: a day."""

MAX_TIME = 1e10
"""Largest timestamp in seconds; float64 has microseconds up to here, and it is beyond every clock."""

MAX_SEQUENCE_VALUES = 1 << 26
"""Largest number of values in the keypoints of a sequence (1.3 million frames of 17 joints); all are in memory."""

MAX_TEXT = 1000
"""Largest number of characters of an id, a label or a name."""

MAX_LAYOUT = 40_000
"""Largest number of characters of a layout, which may be a definition of the user's own."""


SCHEMA = pa.schema(
    [
        pa.field("sequence_id", pa.string(), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("fps", pa.float64(), nullable=False),
        pa.field("layout", pa.string(), nullable=False),
        pa.field("frames", pa.int32(), nullable=False),
        pa.field("joints", pa.int32(), nullable=False),
        pa.field("channels", pa.int32(), nullable=False),
        pa.field("keypoints", pa.list_(pa.float32()), nullable=False),  # frames x joints x channels, row-major
        pa.field("timestamps", pa.list_(pa.float64())),
        pa.field(
            "segments",
            pa.list_(
                pa.struct(
                    [
                        pa.field("start_frame", pa.int32()),
                        pa.field("end_frame", pa.int32()),
                        pa.field("label", pa.string()),
                        pa.field("repetitions", pa.float64()),
                    ]
                )
            ),
        ),
        pa.field("repetitions", pa.float64()),
        pa.field("quality", pa.float64()),
        pa.field("view", pa.string()),
        pa.field("split", pa.string()),
        pa.field("source", pa.string()),
    ]
)
"""Columns of a canonical Parquet file; readers ignore other columns."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One labelled action in a session.

    Attributes:
        start_frame: first frame.
        end_frame: frame after the last one.
        label: class of the action.
        repetitions: number of repetitions, if known.
    """

    start_frame: int
    end_frame: int
    label: str
    repetitions: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class KeypointSequence:
    """One person's poses over time, validated on construction.

    Attributes:
        sequence_id: id, unique in the span.
        subject: person who moves; splits are made by person.
        label: class of the action, or `SESSION_LABEL` for a session, whose actions are in `segments`.
        fps: nominal frames per second.
        layout: name of the joint layout.
        keypoints: float32 `[T, J, 3 or 4]`: x, y[, z], confidence in 0..1. Two-dimensional coordinates are divided by
            the image height, y down; three-dimensional ones are metres, y up.
        timestamps: float64 `[T]`, time of each frame in seconds, strictly increasing; None if frames come evenly at
            `fps`.
        segments: actions of a session, in order.
        repetitions: number of repetitions of the action, if known.
        quality: quality of the movement, 0 (bad) to 1 (good), if known.
        view: name of the camera, if known.
        split: official split of the data set, if there is one.
        source: origin of the sequence, such as a file name.

    Raises:
        InputError: if a value is invalid, with sequence, frame and joint.
    """

    sequence_id: str
    subject: str
    label: str
    fps: float
    layout: str
    keypoints: np.ndarray
    timestamps: np.ndarray | None = None
    segments: tuple[Segment, ...] = ()
    repetitions: float | None = None
    quality: float | None = None
    view: str | None = None
    split: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        _check_text(self)
        _check_keypoints(self.keypoints, self._where())
        _check_time(self)
        _check_segments(self)
        _check_figures(self)

    def _where(self) -> str:
        return f"sequence {self.sequence_id!r}"

    @property
    def frame_times(self) -> np.ndarray:
        """Time of each frame in seconds, float64 `[T]`."""
        return np.arange(len(self.keypoints)) / self.fps if self.timestamps is None else self.timestamps

    @property
    def frame_rate(self) -> float:
        """Frames per second as recorded, by the timestamps if there are any."""
        if self.timestamps is None or len(self.timestamps) < 2:
            return self.fps
        return float((len(self.timestamps) - 1) / (self.timestamps[-1] - self.timestamps[0]))

    def clips(self) -> Iterator["KeypointSequence"]:
        """Yield the units of training and scoring: the sequence itself, or each segment of a session.

        A segment becomes a sequence with its own label and the id `<sequence_id>#<start_frame>`. Frames between
        segments are background and are left out.
        """
        if not self.segments:
            yield self
            return
        for segment in self.segments:
            frames = slice(segment.start_frame, segment.end_frame)
            yield replace(
                self,
                sequence_id=clip_id(self.sequence_id, segment.start_frame),
                label=segment.label,
                keypoints=self.keypoints[frames],
                timestamps=None if self.timestamps is None else self.timestamps[frames],
                segments=(),
                repetitions=segment.repetitions,
            )

    def cut(self, frame: int) -> tuple["KeypointSequence", "KeypointSequence"]:
        """Return the frames before a frame and those from it on, as two sequences without segments."""
        first, second = (
            replace(
                self,
                sequence_id=clip_id(self.sequence_id, start),
                keypoints=self.keypoints[frames],
                timestamps=None if self.timestamps is None else self.timestamps[frames],
                segments=(),
                repetitions=None,
            )
            for start, frames in ((0, slice(frame)), (frame, slice(frame, None)))
        )
        return first, second


def clip_id(sequence_id: str, start_frame: int) -> str:
    """Return the id of a clip that begins at a frame of a sequence."""
    return f"{sequence_id}#{start_frame}"


def to_batch(sequences: Sequence[KeypointSequence]) -> pa.RecordBatch:
    """Return the sequences as one Arrow batch of `SCHEMA`."""
    keypoints = [sequence.keypoints.ravel() for sequence in sequences]
    columns: dict[str, Any] = {
        name: [getattr(sequence, name) for sequence in sequences]
        for name in SCHEMA.names
        if name not in ("frames", "joints", "channels", "keypoints", "segments")
    }
    for axis, name in enumerate(("frames", "joints", "channels")):
        columns[name] = [sequence.keypoints.shape[axis] for sequence in sequences]
    columns["segments"] = [
        [
            {"start_frame": s.start_frame, "end_frame": s.end_frame, "label": s.label, "repetitions": s.repetitions}
            for s in sequence.segments
        ]
        or None
        for sequence in sequences
    ]
    offsets = np.cumsum([0, *map(len, keypoints)], dtype=np.int32)
    arrays = {name: pa.array(values, SCHEMA.field(name).type) for name, values in columns.items()}
    arrays["keypoints"] = pa.ListArray.from_arrays(offsets, np.concatenate(keypoints) if keypoints else [])
    return pa.RecordBatch.from_arrays([arrays[name] for name in SCHEMA.names], schema=SCHEMA)


def from_batch(batch: pa.RecordBatch, where: str = "", first_row: int = 0) -> Iterator[KeypointSequence]:
    """Yield the sequences of an Arrow batch of `SCHEMA`; keypoints are read-only views of it.

    Args:
        batch: the rows.
        where: file of the batch, for errors.
        first_row: position of the batch's first row in the file.

    Raises:
        InputError: if a row is invalid, with file and row.
    """
    try:
        rows = batch.select([name for name in SCHEMA.names if name not in ("keypoints", "timestamps")]).to_pylist()
    except UnicodeDecodeError as error:
        place = f"{where}, rows {first_row} to {first_row + batch.num_rows - 1}"
        raise InputError(f"a text is not UTF-8: {error.reason}", place, "write texts as UTF-8") from error
    keypoints = batch.column("keypoints")
    timestamps = batch.column("timestamps")
    for number, row in enumerate(rows):
        try:
            yield _from_row(row, keypoints[number], timestamps[number])
        except InputError as error:
            place = ", ".join(filter(None, [where, f"row {first_row + number}", error.where]))
            raise InputError(error.what, place, error.remedy) from error


def _from_row(row: dict[str, Any], keypoints: pa.ListScalar, timestamps: pa.ListScalar) -> KeypointSequence:
    where = f"sequence {row['sequence_id']!r}"
    for name in SCHEMA.names:
        if name in row and row[name] is None and not SCHEMA.field(name).nullable:
            raise InputError(f"column {name!r} is empty", where, "fill it, or leave the row out")
    shape = row.pop("frames"), row.pop("joints"), row.pop("channels")
    values = _floats(keypoints, where, "keypoints")
    if values is None or min(shape) < 0 or values.size != np.prod(shape, dtype=np.int64):
        found = 0 if values is None else values.size
        raise InputError(
            f"keypoints hold {found} numbers, but frames x joints x channels is {shape[0]} x {shape[1]} x {shape[2]}",
            where,
            "write the columns frames, joints and channels of the same array that was flattened into keypoints",
        )
    segments = tuple(_segment(segment, where) for segment in row.pop("segments") or ())
    return KeypointSequence(
        **row, keypoints=values.reshape(shape), timestamps=_floats(timestamps, where, "timestamps"), segments=segments
    )


def _segment(values: dict[str, Any] | None, where: str) -> Segment:
    if values is None or any(values[name] is None for name in ("start_frame", "end_frame", "label")):
        raise InputError(
            f"segment {values} is incomplete", where, "give every segment a start_frame, an end_frame and a label"
        )
    return Segment(**values)


def _floats(scalar: pa.ListScalar, where: str, column: str) -> np.ndarray | None:
    """Return a view of a list's numbers, None if the list is null."""
    values = scalar.values
    if values is None:
        return None
    if values.null_count:
        raise InputError(f"{column} hold an empty (null) number", where, "write missing joints as 0 with confidence 0")
    return values.to_numpy()


def check_fps(fps: float, where: str | None) -> None:
    """Raise InputError if a number of frames per second is not that of any recording."""
    if not MIN_FPS <= fps <= MAX_FPS:
        raise InputError(f"fps is {fps}", where, f"give the frames per second, from {MIN_FPS:g} to {MAX_FPS:g}")


def _check_text(sequence: KeypointSequence) -> None:
    for name in ("sequence_id", "subject", "label", "layout"):
        if not getattr(sequence, name):
            raise InputError(f"{name} is empty", sequence._where(), f"give every sequence a {name}")
    for name in ("sequence_id", "subject", "label", "layout", "view", "split", "source"):
        text = getattr(sequence, name)
        longest = MAX_LAYOUT if name == "layout" else MAX_TEXT
        if text and (len(text) > longest or has_control_characters(text)):
            raise InputError(
                f"{name} is longer than {longest} characters or has control characters",
                f"{text[:40]!a}",
                f"give every sequence a {name} of printable characters",
            )


def _check_keypoints(keypoints: np.ndarray, where: str) -> None:
    if keypoints.dtype != np.float32 or keypoints.ndim != 3:
        raise InputError(
            f"keypoints are {keypoints.dtype} of shape {list(keypoints.shape)}",
            where,
            "write keypoints as float32 [frames, joints, channels]",
        )
    frames, joints, channels = keypoints.shape
    if frames == 0 or joints == 0:
        raise InputError(f"there are {frames} frames of {joints} joints", where, "leave empty sequences out")
    if channels not in (3, 4):
        raise InputError(f"there are {channels} channels", where, "write the channels x, y[, z] and confidence")
    if not np.isfinite(keypoints).all():
        frame, joint, channel = np.argwhere(~np.isfinite(keypoints))[0]
        raise InputError(
            f"keypoints hold {keypoints[frame, joint, channel]}",
            f"{where}, frame {frame}, joint {joint}, channel {channel}",
            "write a missing joint as 0 with confidence 0",
        )
    confidence = keypoints[..., -1]
    if confidence.min() < 0 or confidence.max() > 1:
        frame, joint = np.argwhere((confidence < 0) | (confidence > 1))[0]
        raise InputError(
            f"confidence {confidence[frame, joint]:g} is outside 0..1",
            f"{where}, frame {frame}, joint {joint}",
            "scale the confidence, which is the last channel, to 0..1",
        )


def _check_time(sequence: KeypointSequence) -> None:
    check_fps(sequence.fps, sequence._where())
    times = sequence.timestamps
    if times is None:
        _check_duration(sequence, len(sequence.keypoints) / sequence.fps)
        return
    if times.shape != (len(sequence.keypoints),) or times.dtype != np.float64:
        raise InputError(
            f"timestamps are {times.dtype} of shape {list(times.shape)}",
            sequence._where(),
            f"give one float64 per frame: {len(sequence.keypoints)}",
        )
    bad = ~(np.abs(times) <= MAX_TIME)
    bad[1:] |= ~(times[1:] > times[:-1])
    if bad.any():
        frame = int(bad.argmax())
        raise InputError(
            f"timestamps do not increase: {times[frame]:g} s",
            f"{sequence._where()}, frame {frame}",
            "order the frames by time and leave repeated ones out",
        )
    if not 1 / MAX_RATE_ERROR < sequence.frame_rate / sequence.fps < MAX_RATE_ERROR:
        raise InputError(
            f"the timestamps run at {sequence.frame_rate:.3g} frames per second, but fps is {sequence.fps:g}",
            sequence._where(),
            "write timestamps in seconds: divide milliseconds by 1000",
        )
    _check_duration(sequence, float(times[-1] - times[0]))


def _check_duration(sequence: KeypointSequence, seconds: float) -> None:
    if seconds > MAX_SECONDS:
        raise InputError(
            f"the sequence lasts {seconds:.0f} s, more than a day", sequence._where(), "cut it, or correct its times"
        )


def _check_segments(sequence: KeypointSequence) -> None:
    for segment in sequence.segments:
        if not 0 <= segment.start_frame < segment.end_frame <= len(sequence.keypoints) or not segment.label:
            raise InputError(
                f"segment {segment.label!r} [{segment.start_frame}, {segment.end_frame}) does not fit"
                f" {len(sequence.keypoints)} frames or has no label",
                sequence._where(),
                "write segments as [start_frame, end_frame) inside the sequence, each with a label",
            )


def _check_figures(sequence: KeypointSequence) -> None:
    if sequence.quality is not None and not 0 <= sequence.quality <= 1:
        raise InputError(
            f"quality is {sequence.quality}", sequence._where(), "write a quality from 0 (bad) to 1 (good)"
        )
    counts = [sequence.repetitions, *(segment.repetitions for segment in sequence.segments)]
    if wrong := [count for count in counts if count is not None and not 0 <= count < float("inf")]:
        raise InputError(f"repetitions are {wrong[0]}", sequence._where(), "give a count of 0 or more, or leave it out")
