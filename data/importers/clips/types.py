"""What every importer takes and gives.

A format is one module: it says what its files look like and reads them into `RawClip`s. All that formats have in common
stands elsewhere, once: which person (`people`), units and the layout's order of joints (`units`, `joints`), time, short
gaps and long ones (`canonical`), labels and sessions (`sidecars`), what is left out (`data.quarantine`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from data.importers.clips.units import ImageSize, Scaling, Unit
from data.layouts import Layout
from data.quarantine import Quarantined
from data.records import KeypointSequence, Segment

Person = Literal["tracked", "largest", "confident", "left", "right", "centre"]
"""Which of several people in view is taken."""

TimeUnit = Literal["auto", "s", "ms", "us", "frames"]


@dataclass(frozen=True, slots=True)
class TimedSegment:
    """An action inside a session, from a sidecar: in seconds, or in frames."""

    start: float
    end: float
    label: str
    repetitions: float | None
    in_frames: bool


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What a source leaves unsaid, and what is wanted of it.

    Attributes:
        label: label of sequences that come without one.
        fps: frames per second of sequences that come without it.
        image: size of the images, for two-dimensional sources that do not tell it.
        likely_image: the same, guessed; what a file tells goes before it.
        person: which of several people.
        dimensions: 2 leaves depth out of image landmarks that have it; None takes what there is.
        space: `world` takes a format's landmarks in metres where it has both.
        time_unit: of timestamps.
        max_gap: seconds without a pose that split a sequence.
        fill_gap: seconds without a pose up to which positions are interpolated.
        layout: that all sequences are mapped to; None takes what there is.
        pattern: of a file's path below the source, `{label}/{subject}_{view}`; the names are fields.
        columns: of a CSV, field to column.
        label_names: of formats that number their labels.
        fields: sidecar, sequence id to field to value.
        segments: sidecar, sequence id to the actions of a session.
    """

    label: str = "unknown"
    fps: float = 30.0
    image: ImageSize | None = None
    likely_image: ImageSize | None = None
    person: Person = "tracked"
    dimensions: Literal[2] | None = None
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


@dataclass(frozen=True, slots=True)
class Source:
    """One unit of reading: a file, or the files of one clip.

    Attributes:
        paths: in order of time where they are several.
        name: what the user would call it: the path below the source, without the ending.
    """

    paths: tuple[Path, ...]
    name: str

    @property
    def path(self) -> Path:
        """The first, mostly the only, file."""
        return self.paths[0]


@dataclass(slots=True)
class RawClip:
    """What a file says of one clip: every person in view, in the file's own units and time.

    Attributes:
        name: its id.
        layout: of the joints.
        poses: float32 `[N, J, D + 1]`, all poses in the layout's order of joints, confidence last; a joint that is not
            there is 0 with confidence 0.
        frames: int64 `[N]`, the frame each pose is in, ascending.
        count: frames of the clip, with those that show nobody.
        unit: of the coordinates.
        image: size of the images, where the file tells it.
        tracks: int64 `[N]`, the same number for the same person, where the file tells it.
        times: float64 `[count]`, where the file tells it.
        time_unit: of `times`.
        fps: frames per second, where the file tells it.
        record: its number in the file.
        fields: label, subject, view, split, source, repetitions, quality, as far as the file tells them.
        segments: the actions of a session.
        repairs: what had to be mended while reading, and how often.
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


CLIPPED = "confidences clipped to 0..1"
FILLED = "frames interpolated over short gaps"
REPEATED = "frames left out that repeat a time stamp"
SPLIT = "sequences split at long gaps"
PEOPLE = "poses of other people left out"
"""Names of repairs."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the importer had to assume, for the person to know."""

    text: str


ReaderOutput = RawClip | KeypointSequence | Quarantined | Note
Reader = Callable[[Source, ImportOptions], Iterator[ReaderOutput]]
Writer = Callable[[Iterable[KeypointSequence], Path], None]


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file, to tell its format by.

    Attributes:
        path: of the file.
        text: its first characters; empty if it is not text.
        data: its first bytes.
    """

    path: Path
    text: str
    data: bytes


def one_by_one(files: list[tuple[Path, str]]) -> list[Source]:
    """Every file is a source of its own."""
    return [Source((path,), name) for path, name in files]


@dataclass(frozen=True, slots=True)
class Format:
    """A format that can be imported.

    Attributes:
        name: on the command line.
        about: one line on what it is.
        suffixes: how the names of its files end.
        detect: tells from a file's beginning whether it is of this format.
        read: yields what is in a source; a fault in one record is a `Quarantined`, one of the file an InputError.
        write: writes sequences in this format, where it can express them.
        gather: makes sources of (path, name) pairs.
    """

    name: str
    about: str
    suffixes: tuple[str, ...]
    detect: Callable[[Head], bool]
    read: Reader
    write: Writer | None = None
    gather: Callable[[list[tuple[Path, str]]], list[Source]] = one_by_one
