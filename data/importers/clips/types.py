"""The types that every importer takes and returns.

A format is one module in `formats/`: it recognises its files and reads them into `RawClip`s. Everything that formats
have in common is elsewhere: the choice of a person (`people`), units (`units`), the order of joints (`joints`), time
and gaps (`to_sequence`), the names of fields (`vocabulary`), labels and sessions (`sidecars`), quarantined records
(`data.quarantine`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from data.importers.clips.units import ImageSize, Scaling, Unit
from data.layouts import Layout
from data.quarantine import Quarantined
from data.records import KeypointSequence, Segment

Person = Literal["tracked", "largest", "confident", "left", "right", "centre"]
"""Way of choosing one of several people in view."""

TimeUnit = Literal["auto", "s", "ms", "us", "ns", "frames"]
"""Unit of timestamps; `auto` is found by the frame rate that a unit would mean, `frames` are frame numbers."""


@dataclass(frozen=True, slots=True)
class TimedSegment:
    """A segment of a session, from a sidecar.

    Attributes:
        start: first second or frame.
        end: second or frame after the last.
        label: label of the segment.
        repetitions: number of repetitions, if known.
        in_frames: whether start and end are frames instead of seconds.
    """

    start: float
    end: float
    label: str
    repetitions: float | None
    in_frames: bool


UNKNOWN = "unknown"
"""Label of sequences without a label, and person of those without a person."""

DEFAULT_FPS = 30.0
"""Frames per second that are assumed if neither the file nor the user states them."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The options of an import: what the source does not state, and what to make of it.

    Attributes:
        label: label of sequences without a label.
        fps: frames per second of sequences without a frame rate; None to assume `DEFAULT_FPS`.
        image: size of the images; it overrides the size that a file states.
        likely_image: guessed size of the images, for files that do not state it.
        person: way of choosing one of several people.
        dimensions: 2 to drop the depth of landmarks; None to keep it.
        y_up: whether y grows upwards in image coordinates, or downwards in those of a room sensor; it is turned over.
        space: `world` to read landmarks in metres from formats that also have image landmarks.
        time_unit: unit of timestamps.
        max_gap: duration without a pose from which a sequence is split, in seconds.
        fill_gap: duration without a pose up to which poses are interpolated, in seconds.
        layout: layout that all sequences are mapped to; None to keep theirs.
        pattern: pattern of a file's path below the source, such as `{label}/{subject}_{view}`; the names are fields.
        columns: names of the columns of a CSV, by role.
        label_names: names of the labels, for formats that number them.
        fields: label, subject and other fields by sequence id, from a sidecar.
        segments: segments of sessions by sequence id, from a sidecar.
    """

    label: str = UNKNOWN
    fps: float | None = None
    image: ImageSize | None = None
    likely_image: ImageSize | None = None
    person: Person = "tracked"
    dimensions: Literal[2] | None = None
    y_up: bool = False
    space: Literal["image", "world"] = "image"
    time_unit: TimeUnit = "auto"
    max_gap: float = 1.0
    fill_gap: float = 0.2
    layout: str | None = None
    pattern: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    label_names: tuple[str, ...] = ()
    fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    segments: Mapping[str, tuple[TimedSegment, ...]] = field(default_factory=dict)

    @property
    def frame_rate(self) -> float:
        """Frames per second of sequences without a frame rate."""
        return DEFAULT_FPS if self.fps is None else self.fps


@dataclass(frozen=True, slots=True)
class Source:
    """A unit of reading: one file, or the files of one clip.

    Attributes:
        paths: the files, in order of time.
        name: path below the imported folder, without the ending.
    """

    paths: tuple[Path, ...]
    name: str

    @property
    def path(self) -> Path:
        """The first file, which is usually the only one."""
        return self.paths[0]


@dataclass(slots=True)
class RawClip:
    """A clip as the file states it: every person in view, in the file's own units and time.

    Attributes:
        name: id of the clip.
        layout: layout of the joints.
        poses: floats `[N, J, D + 1]`, the poses of all people, in the layout's order of joints, confidence last; a
            missing joint is 0 with confidence 0.
        frames: int64 `[N]`, the frame of each pose, ascending.
        count: number of frames, including those without a pose.
        unit: unit of the coordinates, or their scaling if the reader found it for the whole file.
        image: size of the images, if the file states it.
        tracks: int64 `[N]`, the file's number for the person of each pose, if it states one.
        times: float64 `[count]`, the time of each frame, if the file states it.
        time_unit: unit of `times`.
        fps: frames per second, if the file states it.
        record: number of the clip in the file, from 0.
        fields: label, subject, view, split, source, repetitions and quality, as texts, as far as the file states them.
        segments: segments of a session.
        repairs: number of repairs while reading, by name.
        keep_frames: whether all frames are kept as recorded; there is then one pose a frame.
        notes: what the reader assumed or left out, for the user.
        reader: what the reader keeps in mind about the clip until it is complete.
    """

    name: str
    layout: Layout
    poses: np.ndarray
    frames: np.ndarray
    count: int
    unit: Unit | Scaling
    image: ImageSize | None = None
    tracks: np.ndarray | None = None
    times: np.ndarray | None = None
    time_unit: TimeUnit = "auto"
    fps: float | None = None
    record: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    segments: tuple[Segment, ...] = ()
    repairs: Counter[str] = field(default_factory=Counter)
    keep_frames: bool = False
    notes: list[str] = field(default_factory=list)
    reader: Any = None


# Names of repairs.
CLIPPED = "confidences clipped to 0..1"
FILLED = "frames interpolated over short gaps"
REPEATED = "frames left out that repeat a timestamp"
SPLIT = "sequences split at long gaps"
PEOPLE = "poses of other people left out"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the importer assumed or left out and the user should know.

    Attributes:
        text: the assumption, in one sentence.
        file: file that it is about; empty for the import as a whole.
    """

    text: str
    file: str = ""


ReaderOutput = RawClip | KeypointSequence | Quarantined | Note
"""What a reader yields: a clip, or a sequence that is canonical already, a bad record, or an assumption."""

Reader = Callable[[Source, ImportOptions], Iterator[ReaderOutput]]
Writer = Callable[[Iterable[KeypointSequence], Path], None]


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file, by which its format is recognised.

    Attributes:
        path: path of the file.
        text: first characters; empty if the file is not text.
        data: first bytes.
    """

    path: Path
    text: str
    data: bytes


def one_by_one(files: list[tuple[Path, str]]) -> list[Source]:
    """Return one source for each (path, name)."""
    return [Source((path,), name) for path, name in files]


@dataclass(frozen=True, slots=True)
class Format:
    """A format that can be imported.

    Attributes:
        name: name on the command line.
        about: description in one line.
        suffixes: endings of its files.
        detect: function that returns whether a file is of this format, by its beginning.
        read: function that yields the clips of a source, a `Quarantined` for each bad record and a `Note` for each
            assumption; it raises InputError if the file as a whole is bad.
        write: function that writes sequences in this format; None if there is no writer.
        gather: function that makes sources of (path, name) pairs.
    """

    name: str
    about: str
    suffixes: tuple[str, ...]
    detect: Callable[[Head], bool]
    read: Reader
    write: Writer | None = None
    gather: Callable[[list[tuple[Path, str]]], list[Source]] = one_by_one
