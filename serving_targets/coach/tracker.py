"""Follows one movement while it is performed: counts it, scores it, and says what to correct."""

from __future__ import annotations

import numpy as np

from serving_targets.coach.form.references import Movement, References
from serving_targets.coach.form.scoring import MOST_CORRECTIONS, corrections, cut_cycles, score
from serving_targets.coach.movement.counting import Count, counting
from serving_targets.coach.movement.signals import Signal, body_signal, mirrored
from serving_targets.coach.movement.skeleton import JOINT, Poses
from serving_targets.coach.movement.slices import Work, completed
from serving_targets.coach.timeline import Correction, Segment

MOST_TICKS = 400
"""Ticks that are kept; of a longer performance, repetitions at its beginning are settled."""
_ROOM = 50
"""Ticks that can come while they are settled."""
_AGAIN = 1.2
"""Counting starts anew when a performance has grown by this factor, or by `_AGAIN_TICKS`; between, it is continued."""
_AGAIN_TICKS = 20
_AT_ONCE = 150
"""Ticks whose slices of work are done at a time: a short performance is counted at once, a long one within a second."""


class MovementTracker:
    """One performance of a movement, tick by tick, in constant memory.

    Counting again takes as long as many frames, so it is done in slices, one or a few with each tick.
    """

    def __init__(self, label: str, references: References | None) -> None:
        self.label = label
        self._references = references
        self._movement: Movement | None = references.movements.get(label) if references else None
        self._ways: tuple[Signal, ...] = ()
        if self._movement:
            self._ways = self._movement.rows, mirrored(self._movement.rows)
        self._times = np.empty(MOST_TICKS + _ROOM)
        self._poses = np.empty((MOST_TICKS + _ROOM, len(JOINT), 4))
        self._ticks = 0
        self._settled = 0.0
        self._scores: list[tuple[float, float]] = []
        self._corrections: dict[tuple[str, str], tuple[Correction, float]] = {}
        self._count, self._counted_at = Count(0.0), 0
        self._settling: Work[None] | None = None
        self._recounting: Work[None] | None = None

    def add(self, time: float, pose: Poses) -> None:
        """Take the pose `[20, 4]` of a tick; ticks come at the rate of the counting."""
        if self._ticks == len(self._times):
            self._finish_settling()
        self._times[self._ticks], self._poses[self._ticks] = time, pose
        self._ticks += 1
        if self._ticks > MOST_TICKS and self._settling is None:
            self._settling, self._recounting = self._settle(), None
        self._go_on()

    def repetitions(self) -> float:
        """Return the number of repetitions so far, as a fraction."""
        due = min(max(_AGAIN * self._counted_at, self._counted_at + 5), self._counted_at + _AGAIN_TICKS)
        if self._ticks >= due and self._settling is None and self._recounting is None:
            self._recounting = self._recount()
            self._go_on()
        since = (self._ticks - self._counted_at) / self._count.period if self._count.period else 0.0
        return self._settled + self._count.repetitions + since

    def close(self, start: float, end: float) -> Segment:
        """Return the performance as a segment with the given bounds."""
        self._finish_settling()
        self._recounting = None
        count = Count(0.0)
        if self._ticks:
            count, signal = completed(self._counted())
            completed(self._judge(count, signal))
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

    def _go_on(self) -> None:
        """Do the slices of work that are due with a tick."""
        for _ in range(max(_AT_ONCE // max(self._ticks, 1), 1)):
            if self._settling:
                next(self._settling, None)
            elif self._recounting:
                next(self._recounting, None)
            else:
                return

    def _finish_settling(self) -> None:
        if self._settling:
            completed(self._settling)

    def _counted(self) -> Work[tuple[Count, Signal]]:
        """Count what is kept, and return its signal, too."""
        signal = body_signal(self._poses[: self._ticks])
        yield
        if self._movement is None:
            return (yield from counting(signal)), signal
        return (yield from counting(signal, self._ways, self._movement.seconds)), signal

    def _recount(self) -> Work[None]:
        ticks = self._ticks
        self._count, _ = yield from self._counted()
        self._counted_at, self._recounting = ticks, None

    def _judge(self, count: Count, signal: Signal) -> Work[None]:
        """Add score and corrections of the repetitions that were counted in a signal."""
        if self._references is None or self._movement is None:
            return
        boundaries = count.boundaries or (0.0, float(len(signal) - 1))
        cycles = cut_cycles(signal, boundaries)
        if (value := score(cycles, self._movement)) is not None:
            self._scores = [*self._scores, (value, float(len(cycles)))]
            if len(self._scores) > 2:  # one mean of all before is enough
                weight = sum(each for _, each in self._scores[:-1])
                self._scores[:-1] = [(sum(a * b for a, b in self._scores[:-1]) / weight, weight)]
        yield
        times = tuple(np.interp(boundaries, np.arange(len(signal)), self._times[: len(signal)]).tolist())
        for correction, evidence in corrections(cycles, times, self._references, self.label):
            key = correction.joint, correction.direction
            if key not in self._corrections or evidence > self._corrections[key][1]:
                self._corrections[key] = correction, evidence

    def _settle(self) -> Work[None]:
        """Judge and forget the first half of what is kept, up to the end of a repetition."""
        count, signal = yield from self._counted()
        ends = [end for end in count.boundaries[1:] if end <= MOST_TICKS / 2]
        cut = max(round(ends[-1]), 1) if ends else MOST_TICKS // 2
        if ends:
            yield
            yield from self._judge(Count(float(len(ends)), count.boundaries[: len(ends) + 1], count.period), signal)
        self._settled += len(ends)
        self._count = Count(max(count.repetitions - len(ends), 0.0), period=count.period)
        self._counted_at = len(signal) - cut
        left = self._ticks - cut
        self._times[:left], self._poses[:left] = self._times[cut : self._ticks], self._poses[cut : self._ticks]
        self._ticks, self._settling = left, None
