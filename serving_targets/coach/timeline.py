"""What the coach found in a session: segments with label, repetitions, score and corrections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from data.sessions import background

BACKGROUND = background.BACKGROUND
"""Label of the class for everything that is none of the movements; it never becomes a segment."""

Direction = Literal["bend", "straighten", "raise", "lower", "lean_forward", "lean_back"]


@dataclass(frozen=True)
class Correction:
    """One thing that the person shall do differently.

    Attributes:
        joint: name of an angle, for example `left_elbow` or `trunk`; see `serving_targets.coach.movement.angles`.
        direction: what to do with it.
        degrees: by how many degrees.
        at: when the difference is greatest, in seconds from the first frame.
    """

    joint: str
    direction: Direction
    degrees: float
    at: float


@dataclass(frozen=True)
class Segment:
    """A part of a session in which one movement is performed.

    Attributes:
        label: label of the movement.
        start: time of the first frame, in seconds from the first frame of the session.
        end: time of the first frame after it.
        repetitions: number of repetitions in it, as a fraction.
        score: form from 0 to 100, 70 and more is good; None if it could not be judged.
        corrections: what to correct, the most important first.
    """

    label: str
    start: float
    end: float
    repetitions: float = 0.0
    score: float | None = None
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True)
class Timeline:
    """All segments of a sequence.

    Attributes:
        sequence_id: id of the sequence.
        fps: frames per second of the recording.
        segments: segments in the order of their start.
        ignored: reason for which frames were ignored to their number.
    """

    sequence_id: str
    fps: float
    segments: tuple[Segment, ...]
    ignored: dict[str, int]

    @property
    def repetitions(self) -> float:
        """Number of repetitions of all segments."""
        return sum(segment.repetitions for segment in self.segments)

    @property
    def score(self) -> float | None:
        """Mean score of the segments that have one, weighted by duration; None if none has."""
        judged = [(each.score, each.end - each.start) for each in self.segments if each.score is not None]
        total = sum(duration for _, duration in judged)
        if not judged:
            return None
        if total <= 0:
            return float(np.mean([score for score, _ in judged]))
        return sum(score * duration for score, duration in judged) / total


def as_predictions(timelines: Iterable[Timeline]) -> dict[str, Any]:
    """Return timelines as a table for JSON, `{"sessions": [...]}`."""
    return {"sessions": [asdict(timeline) for timeline in timelines]}


def labels_at(segments: Sequence[Segment], times: np.ndarray) -> list[str]:
    """Return the label at each time, `BACKGROUND` outside segments; of overlapping segments the later one counts.

    Args:
        segments: segments in any order; a segment contains `start <= time < end`.
        times: times in seconds from the first frame.
    """
    labels = np.full(len(times), BACKGROUND, dtype=object)
    for segment in sorted(segments, key=lambda each: each.start):
        labels[(times >= segment.start) & (times < segment.end)] = background.without_synonyms(segment.label)
    return labels.tolist()


def runs(labels: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return the runs of equal labels as (label, first frame, frame after the last), background included."""
    starts = [i for i, label in enumerate(labels) if i == 0 or label != labels[i - 1]]
    return [(labels[a], a, b) for a, b in zip(starts, [*starts, len(labels)][1:], strict=True)]
