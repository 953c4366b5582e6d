"""The description of a span: counts, lengths, missing joints and confidence, with one row group in memory at a time."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.layouts import layout_label, load_layout
from data.records import KeypointSequence
from data.store import find_span, read_sequences
from data.text import harmless, natural

if TYPE_CHECKING:
    from data.output.terminal import Terminal

UNKNOWN = "-"
"""Shown in place of a view or a split that a sequence does not have."""

_WORST_JOINTS = 5
_MANY_SUBJECTS = 12
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Spread:
    """The range of some figures.

    Attributes:
        least: smallest figure.
        median: median of the figures.
        greatest: largest figure.
    """

    least: float
    median: float
    greatest: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> "Spread":
        """Return the range of at least one figure, rounded to three decimal places."""
        ordered = np.fromiter(figures, np.float64)
        return cls(*(round(float(figure), 3) for figure in (ordered.min(), np.median(ordered), ordered.max())))


@dataclass(frozen=True)
class Description:
    """The counts and figures of a span.

    Attributes:
        folder: folder of the span.
        layout: name of the joint layout.
        sequences: number of sequences.
        frames: number of frames.
        seconds: duration of all sequences, in seconds.
        classes: number of sequences of each label.
        subjects: number of sequences of each person.
        views: number of sequences of each camera.
        splits: number of sequences of each official split.
        subjects_of_splits: number of people in each official split.
        length: range of the number of frames per sequence.
        duration: range of the sequence durations, in seconds.
        fps: range of the frame rate, in frames per second.
        missing: fraction of joints with confidence 0.
        missing_by_joint: fraction of frames in which each joint has confidence 0.
        confidence: mean confidence of the joints that are not missing.
        segments: number of segments of sessions, by label.
        repetitions: number of known repetitions by label, of sequences and segments.
        quality: range of the quality of the sequences that have one; None if none has.
    """

    folder: str
    layout: str
    sequences: int
    frames: int
    seconds: float
    classes: dict[str, int]
    subjects: dict[str, int]
    views: dict[str, int]
    splits: dict[str, int]
    subjects_of_splits: dict[str, int]
    length: Spread
    duration: Spread
    fps: Spread
    missing: float
    missing_by_joint: dict[str, float]
    confidence: float
    segments: dict[str, int]
    repetitions: dict[str, float]
    quality: Spread | None

    @property
    def worst_joints(self) -> dict[str, float]:
        """Fractions of the joints that are missing most often, worst first."""
        ranked = sorted(self.missing_by_joint.items(), key=lambda item: -item[1])
        return {joint: share for joint, share in ranked[:_WORST_JOINTS] if share > 0}

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain JSON values."""
        return asdict(self) | {"worst_joints": self.worst_joints}


def describe(folder: Path) -> Description:
    """Read a span once and return its description.

    Args:
        folder: a span, or a data folder, whose latest span is read.

    Raises:
        InputError: if there is no span, or a sequence in it is invalid.
    """
    span = find_span(folder)
    tally = Tally()
    for sequence in read_sequences(span):
        tally.add(sequence)
    return tally.description(span)


def show(description: Description, console: "Terminal") -> None:
    """Print a description as tables."""
    from rich.table import Table

    facts = Table(title=description.folder, title_justify="left", show_header=False, box=None, pad_edge=False)
    facts.add_column(style="bold")
    facts.add_column()
    minutes, people = description.seconds / 60, len(description.subjects)
    rows = {
        "sequences": f"{description.sequences:,}, {len(description.classes)} classes, {people:,} people",
        "frames": f"{description.frames:,} ({minutes:.1f} minutes), layout {layout_label(description.layout)}",
        "length": f"{_span(description.length)} frames, {_span(description.duration)} s",
        "fps": _span(description.fps),
        "missing joints": f"{description.missing:.2%}"
        + "".join(f"; {joint} {share:.1%}" for joint, share in description.worst_joints.items()),
        "confidence": f"{description.confidence:.3f} on average where seen",
    }
    if description.quality is not None:
        rows["quality"] = _span(description.quality)
    if people > _MANY_SUBJECTS:
        rows["per person"] = f"{_span(Spread.of(description.subjects.values()))} sequences"
    for name, value in rows.items():
        facts.add_row(name, value)
    console.print(facts)
    console.print(_counts("class", description.classes, repetitions=description.repetitions))
    if description.segments:
        console.print(_counts("segment", description.segments, repetitions=description.repetitions))
    console.print(_counts("view", description.views))
    console.print(_counts("split", description.splits, people=description.subjects_of_splits))
    if people <= _MANY_SUBJECTS:
        console.print(_counts("person", description.subjects))


class Tally:
    """The running counts from which a description is made."""

    def __init__(self) -> None:
        self.layout = ""
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in ("label", "subject", "view", "split")}
        self.people: dict[str, set[str]] = {}
        self.lengths: list[int] = []
        self.rates: list[float] = []
        self.qualities: list[float] = []
        self.segments: Counter[str] = Counter()
        self.repetitions: Counter[str] = Counter()
        self.missing = np.zeros(0)
        self.confidence_sum = 0.0

    def add(self, sequence: KeypointSequence) -> None:
        """Add a sequence to the counts."""
        confidence = sequence.keypoints[..., -1]
        missing = (confidence == 0).sum(axis=0)
        self.missing = missing + (self.missing if self.missing.size else 0)
        self.confidence_sum += float(confidence.sum(dtype=np.float64))
        self.layout = sequence.layout
        self.lengths.append(len(sequence.keypoints))
        self.rates.append(sequence.frame_rate)
        for name, counter in self.counts.items():
            counter[getattr(sequence, name) or UNKNOWN] += 1
        self.people.setdefault(sequence.split or UNKNOWN, set()).add(sequence.subject)
        if sequence.quality is not None:
            self.qualities.append(sequence.quality)
        self._count(sequence.label, sequence.repetitions)
        for segment in sequence.segments:
            self.segments[segment.label] += 1
            self._count(segment.label, segment.repetitions)

    def _count(self, label: str, repetitions: float | None) -> None:
        if repetitions is not None:
            self.repetitions[label] += repetitions  # type: ignore[assignment]  # a Counter also sums floats

    def description(self, span: Path) -> Description:
        """Return the description of the sequences so far, which are from the folder `span`."""
        frames = sum(self.lengths)
        joints = load_layout(self.layout).joints
        seconds = [length / rate for length, rate in zip(self.lengths, self.rates, strict=True)]
        seen = frames * len(joints) - float(self.missing.sum())
        return Description(
            folder=str(span),
            layout=self.layout,
            sequences=len(self.lengths),
            frames=frames,
            seconds=round(sum(seconds), 3),
            classes=_sorted(self.counts["label"]),
            subjects=_sorted(self.counts["subject"]),
            views=_sorted(self.counts["view"]),
            splits=_sorted(self.counts["split"]),
            subjects_of_splits={split: len(people) for split, people in sorted(self.people.items())},
            length=Spread.of(self.lengths),
            duration=Spread.of(seconds),
            fps=Spread.of(self.rates),
            missing=round(1 - seen / (frames * len(joints)), 6),
            missing_by_joint={
                joint: round(float(missing) / frames, 6) for joint, missing in zip(joints, self.missing, strict=True)
            },
            confidence=round(self.confidence_sum / seen, 6) if seen else 0.0,
            segments=_sorted(self.segments),
            repetitions=_sorted(self.repetitions),
            quality=Spread.of(self.qualities) if self.qualities else None,
        )


def _sorted[Number: (int, float)](counts: Mapping[str, Number]) -> dict[str, Number]:
    return dict(sorted(counts.items(), key=lambda item: natural(item[0])))


def _span(spread: Spread) -> str:
    """Return a range as a short text."""
    if spread.least == spread.greatest:
        return f"{spread.least:g}"
    return f"{spread.least:g} to {spread.greatest:g}, median {spread.median:g}"


def _counts(name: str, counts: Mapping[str, int], **more: Mapping[str, float]) -> Any:
    from rich.table import Table

    more = {title: figures for title, figures in more.items() if any(key in figures for key in counts)}
    table = Table(name, "count", "share", *more)
    total = sum(counts.values())
    for column in table.columns[1:]:
        column.justify = "right"
    for key, count in counts.items():
        figures = (f"{series[key]:g}" if key in series else "" for series in more.values())
        table.add_row(harmless(key, _LONGEST_NAME), f"{count:,}", f"{count / total:.1%}", *figures)
    return table
