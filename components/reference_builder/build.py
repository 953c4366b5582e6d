"""Chooses the repetitions that references are made of; what a reference is, `serving_targets.coach.form` knows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from data.records import KeypointSequence
from data.sessions.background import BACKGROUND_LABELS
from payloads.coach_record import MovementRecord
from serving_targets.coach.coach import recorded_signal
from serving_targets.coach.form.references import Performances, build_references
from serving_targets.coach.form.scoring import cut_cycles
from serving_targets.coach.movement.counting import RATE, count_repetitions, moving_part

MOST_BYTES = 150_000
"""Largest size of the references; movements with the fewest repetitions are left out of larger ones."""
_MOST_OF_A_PERSON, _MOST_PEOPLE = 10, 100
"""Recordings of a person, and people, that the reference of a movement is made of; more do not change it."""
_MOST_UNSEEN = 0.5
"""Share of the signal's channels that may be missing."""


@dataclass(frozen=True)
class BuiltReferences:
    """References and what they were made of.

    Attributes:
        text: content of `references.json`.
        movements: label to what its reference was made of.
        left_out: label without reference to the reason.
    """

    text: str
    movements: dict[str, MovementRecord]
    left_out: dict[str, str]


@dataclass
class _Found:
    """Repetitions of one movement.

    Attributes:
        people: person to the repetitions in each recording.
        reasons: why recordings were not used, counted.
    """

    people: dict[str, list[Performances]] = field(default_factory=lambda: defaultdict(list))
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def occurs(self) -> bool:
        """Whether there is any recording, used or not."""
        return bool(self.people or self.reasons)

    def has_room(self, person: str) -> bool:
        """Return whether a recording of a person would be used."""
        known = person in self.people
        return len(self.people[person]) < _MOST_OF_A_PERSON if known else len(self.people) < _MOST_PEOPLE


def build(recordings: Iterable[KeypointSequence], labels: Sequence[str], good_quality: float) -> BuiltReferences:
    """Make references from the good repetitions of recordings.

    Args:
        recordings: recordings and sessions of the training split.
        labels: labels of the movements.
        good_quality: smallest quality of a repetition that is performed well.
    """
    wanted = [label for label in labels if label not in BACKGROUND_LABELS]
    known, unknown = ({label: _Found() for label in wanted} for _ in range(2))
    for clip in (clip for recording in recordings for clip in recording.clips()):
        found = (unknown if clip.quality is None else known).get(clip.label)
        if found is None or not found.has_room(clip.subject):
            continue
        if clip.quality is not None and clip.quality < good_quality:
            found.reasons["performed badly"] += 1
        elif isinstance(used := _repetitions(clip), str):
            found.reasons[used] += 1
        else:
            found.people[clip.subject].append(used)
    chosen = {label: known[label] if known[label].occurs else unknown[label] for label in wanted}
    performances = {
        label: {person: _joined(parts) for person, parts in found.people.items()}
        for label, found in chosen.items()
        if found.people
    }
    left_out = {label: _why(found) for label, found in chosen.items() if not found.people}
    return _fitting(performances, left_out)


def _fitting(performances: dict[str, dict[str, Performances]], left_out: dict[str, str]) -> BuiltReferences:
    """Return references that are small enough."""
    movements = {
        label: MovementRecord(people=len(people), repetitions=sum(len(each.cycles) for each in people.values()))
        for label, people in performances.items()
    }
    while True:
        text = build_references(performances).model_dump_json() + "\n"
        if len(text) <= MOST_BYTES:
            return BuiltReferences(text, movements, left_out)
        average = len(text) / len(performances)
        excess = max(1, round((len(text) - MOST_BYTES) / average + 0.5))
        for label in sorted(performances, key=lambda label: movements[label].repetitions)[:excess]:
            del performances[label], movements[label]
            left_out[label] = f"the references would have more than {MOST_BYTES} bytes"


def _repetitions(clip: KeypointSequence) -> Performances | str:
    """Return the repetitions in a clip, or why they cannot be separated."""
    signal, _ = recorded_signal(clip.layout, clip.keypoints, clip.frame_times)
    boundaries = _boundaries(signal, clip.repetitions)
    if isinstance(boundaries, str):
        return boundaries
    cycles = cut_cycles(signal, boundaries)
    if not len(cycles):
        return "the repetitions are too short"
    if np.isnan(cycles).all(axis=(0, 1)).mean() > _MOST_UNSEEN:
        return "too little of the body is seen"
    return Performances(cycles, np.diff(boundaries) / RATE)


def _boundaries(signal: np.ndarray, known: float | None) -> tuple[float, ...] | str:
    if known == 1:
        first, last = moving_part(signal)
        return (float(first), float(last - 1)) if last - first > 1 else "nobody moves"
    count = count_repetitions(signal)
    whole = len(count.boundaries) - 1
    if whole < 1:
        return "no repetition is found"
    if known is not None and whole != round(known):
        return "another number of repetitions is counted than the data say"
    return count.boundaries


def _joined(parts: list[Performances]) -> Performances:
    return Performances(
        np.concatenate([part.cycles for part in parts]), np.concatenate([part.seconds for part in parts])
    )


def _why(found: _Found) -> str:
    if not found.reasons:
        return "there is no recording of it in the training split"
    return "; ".join(f"{why} ({number} recordings)" for why, number in found.reasons.most_common())
