"""The single repetitions of a movement in a recording, for display."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from data.records import KeypointSequence
from serving_targets.coach.coach import recorded_signal
from serving_targets.coach.form.references import References, facing_like, in_phase
from serving_targets.coach.form.scoring import cut_cycles, score
from serving_targets.coach.movement.counting import count_repetitions
from serving_targets.coach.movement.signals import Signal, mirrored
from serving_targets.coach.timeline import Segment


class Repetition(NamedTuple):
    """One repetition.

    Attributes:
        start: time in seconds from the first frame of the recording.
        end: time at which it ends.
        score: form from 0 to 100; None if it could not be judged.
    """

    start: float
    end: float
    score: float | None


class Performed(NamedTuple):
    """A movement as it was performed.

    Attributes:
        repetitions: its repetitions.
        cycle: mean repetition `[PHASES, CHANNELS]`; None without any.
        reference: the reference, or its mirror image if the movement was performed on the other side; None without one.
    """

    repetitions: Sequence[Repetition]
    cycle: Signal | None
    reference: Signal | None


def performed(sequence: KeypointSequence, segment: Segment, references: References | None) -> Performed:
    """Return the repetitions in a segment of a recording."""
    times = sequence.frame_times - sequence.frame_times[0]
    inside = (times >= segment.start) & (times < segment.end)
    signal, ticks = recorded_signal(sequence.layout, sequence.keypoints[inside], times[inside])
    movement = references.movements.get(segment.label) if references else None
    if len(signal) < 2:
        return Performed((), None, None)
    ways = (movement.rows, mirrored(movement.rows)) if movement else ()
    count = count_repetitions(signal, ways, movement.seconds if movement else 0.0)
    cycles = cut_cycles(signal, count.boundaries)
    if not len(cycles):
        return Performed((), None, None)
    moments = np.interp(count.boundaries, np.arange(len(ticks)), ticks + times[inside][0])
    pairs = [
        (start, end)
        for (start, end), (first, last) in zip(pairwise(moments.tolist()), pairwise(count.boundaries), strict=True)
        if last - first >= 4
    ]
    scores = [score(cycle[None], movement) if movement else None for cycle in cycles]
    found = [Repetition(start, end, value) for (start, end), value in zip(pairs, scores, strict=True)]
    if movement is None:
        return Performed(found, cycles.mean(axis=0), None)
    facing, is_mirrored = facing_like(cycles, movement.rows)
    mean = in_phase(facing, movement.rows).mean(axis=0)
    return Performed(
        found, mirrored(mean) if is_mirrored else mean, mirrored(movement.rows) if is_mirrored else movement.rows
    )
