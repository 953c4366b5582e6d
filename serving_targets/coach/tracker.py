"""Follows one movement while it is performed: counts it, scores it, and says what to correct."""

from __future__ import annotations

import numpy as np

from serving_targets.coach.form.references import Movement, References
from serving_targets.coach.form.scoring import MOST_CORRECTIONS, corrections, cut_cycles, score
from serving_targets.coach.movement.counting import Count, count_repetitions
from serving_targets.coach.movement.signals import Signal, body_signal, mirrored
from serving_targets.coach.movement.skeleton import Poses
from serving_targets.coach.timeline import Correction, Segment

MOST_TICKS = 400
"""Ticks that are kept; of a longer performance, repetitions at its beginning are settled."""
_AGAIN = 1.2
"""Counting starts anew when a performance has grown by this factor, or by `_AGAIN_TICKS`; between, it is continued."""
_AGAIN_TICKS = 20


class MovementTracker:
    """One performance of a movement, tick by tick, in constant memory."""

    def __init__(self, label: str, references: References | None) -> None:
        self.label = label
        self._references = references
        self._movement: Movement | None = references.movements.get(label) if references else None
        self._times: list[float] = []
        self._poses: list[Poses] = []
        self._start: float | None = None
        self._settled = 0.0
        self._scores: list[tuple[float, float]] = []
        self._corrections: dict[tuple[str, str], tuple[Correction, float]] = {}
        self._count, self._counted_at = Count(0.0), 0

    def add(self, time: float, pose: Poses) -> None:
        """Take the pose `[20, 4]` of a tick; ticks come at the rate of the counting."""
        if self._start is None:
            self._start = time
        self._times.append(time)
        self._poses.append(pose)
        if len(self._poses) > MOST_TICKS:
            self._settle()

    def repetitions(self) -> float:
        """Return the number of repetitions so far, as a fraction."""
        ticks = len(self._poses)
        due = min(max(_AGAIN * self._counted_at, self._counted_at + 5), self._counted_at + _AGAIN_TICKS)
        if ticks >= due:
            self._count, self._counted_at = self._counted(), ticks
        since = (ticks - self._counted_at) / self._count.period if self._count.period else 0.0
        return self._settled + self._count.repetitions + since

    def close(self, start: float, end: float) -> Segment:
        """Return the performance as a segment with the given bounds."""
        count = self._counted()
        self._judge(count)
        known = sorted(self._corrections.values(), key=lambda each: -each[1])
        weight = sum(repetitions for _, repetitions in self._scores)
        mean = sum(value * repetitions for value, repetitions in self._scores) / weight if weight else None
        return Segment(
            label=self.label,
            start=start,
            end=end,
            repetitions=round(self._settled + count.repetitions, 2),
            score=None if mean is None else round(mean, 1),
            corrections=tuple(correction for correction, _ in known[:MOST_CORRECTIONS]),
        )

    def _signal(self) -> Signal:
        return body_signal(np.stack(self._poses))

    def _counted(self) -> Count:
        if not self._poses:
            return Count(0.0)
        if self._movement is None:
            return count_repetitions(self._signal())
        rows = self._movement.rows
        return count_repetitions(self._signal(), (rows, mirrored(rows)), self._movement.seconds)

    def _judge(self, count: Count) -> None:
        """Add score and corrections of the repetitions that were counted."""
        if self._references is None or self._movement is None:
            return
        boundaries = count.boundaries or (0.0, float(len(self._poses) - 1))
        cycles = cut_cycles(self._signal(), boundaries)
        if (value := score(cycles, self._movement)) is not None:
            self._scores = [*self._scores, (value, float(len(cycles)))]
            if len(self._scores) > 2:  # one mean of all before is enough
                weight = sum(each for _, each in self._scores[:-1])
                self._scores[:-1] = [(sum(a * b for a, b in self._scores[:-1]) / weight, weight)]
        times = tuple(np.interp(boundaries, np.arange(len(self._times)), self._times).tolist())
        for correction, evidence in corrections(cycles, times, self._references, self.label):
            key = correction.joint, correction.direction
            if key not in self._corrections or evidence > self._corrections[key][1]:
                self._corrections[key] = correction, evidence

    def _settle(self) -> None:
        """Judge and forget the first half of what is kept, up to the end of a repetition."""
        count = self._counted()
        ends = [end for end in count.boundaries[1:] if end <= MOST_TICKS / 2]
        cut = round(ends[-1]) if ends else MOST_TICKS // 2
        done = Count(float(len(ends)), count.boundaries[: len(ends) + 1], count.period)
        if ends:
            self._judge(done)
        self._settled += done.repetitions
        del self._times[:cut], self._poses[:cut]
        self._count, self._counted_at = Count(0.0, period=count.period), 0
