"""Poses at irregular times become poses at a uniform rate, in constant memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data.windows import MAX_GAP_SECONDS
from serving_targets.coach.movement.skeleton import cleaned

LONGEST_GAP = MAX_GAP_SECONDS
"""Seconds without a pose after which the person counts as gone."""
LONGEST_TIME = 1e7
"""Greatest time stamp that is believed, in seconds."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One pose of the uniform stream.

    Attributes:
        index: number of the tick since the first pose; ticks in which nobody was there are left out.
        time: time in seconds from the first pose.
        pose: `[J, C]`, confidence last.
        returned: whether nobody was there before.
    """

    index: int
    time: float
    pose: np.ndarray
    returned: bool


class Resampler:
    """Interpolates a stream of poses linearly at a uniform rate.

    Attributes:
        fps: ticks per second.
        ignored: reason for which poses were ignored to their number.
        start: time stamp of the first pose; None before it.
    """

    def __init__(self, fps: float, shape: tuple[int, int]) -> None:
        self.fps = fps
        self.ignored: Counter[str] = Counter()
        self.start: float | None = None
        self._shape = shape
        self._next = 0
        self._last: tuple[float, np.ndarray] | None = None
        self._returned = True

    def push(self, pose: np.ndarray | None, timestamp: float) -> list[Tick]:
        """Take a pose and return the ticks up to its time.

        Args:
            pose: `[J, C]`, confidence last; None if nobody is seen.
            timestamp: time in seconds; a time that is not later than the one before is ignored.
        """
        values = self.accepted(pose, timestamp)
        return [] if values is None else self.take(values, timestamp)

    def take(self, values: np.ndarray, timestamp: float) -> list[Tick]:
        """Take a pose that was `accepted`, here or by another stream of the same poses, and return the ticks."""
        if self.start is None:
            self.start = timestamp
        time = timestamp - self.start
        before = self._last
        self._last = time, values
        if before is None or time - before[0] > LONGEST_GAP:
            self._returned = True
            self._next = max(self._next, math.ceil(time * self.fps - 1e-6))
            before = time, values
        ticks = []
        while (tick := self._next / self.fps) <= time + 1e-6:
            ticks.append(Tick(self._next, tick, _between(before, (time, values), tick), self._returned))
            self._returned = False
            self._next += 1
        return ticks

    def accepted(self, pose: np.ndarray | None, timestamp: float) -> np.ndarray | None:
        """Return a pose as it is used; None if it cannot be, which is counted in `ignored`."""
        if not math.isfinite(timestamp) or abs(timestamp) > LONGEST_TIME:
            self.ignored["time stamp is not a time"] += 1
        elif self._last is not None and timestamp - (self.start or 0.0) <= self._last[0]:
            self.ignored["time stamp is not later than the one before"] += 1
        elif pose is None:
            self.ignored["nobody is seen"] += 1
        elif np.shape(pose) != self._shape:
            self.ignored["pose has another shape"] += 1
        else:
            values = cleaned(pose)
            if values[..., -1].any():
                return values
            self.ignored["nobody is seen"] += 1
        return None


def ticks_of(fps: float, poses: np.ndarray, times: np.ndarray) -> Iterator[Tick]:
    """Yield the ticks of a recording, as a stream of its poses gives them.

    Args:
        fps: ticks per second.
        poses: `[T, J, C]`, confidence last.
        times: times of the frames in seconds, `[T]`.
    """
    resampler = Resampler(fps, poses.shape[1:])
    for pose, time in zip(poses, times, strict=True):
        yield from resampler.push(pose, float(time))


def _between(before: tuple[float, np.ndarray], after: tuple[float, np.ndarray], time: float) -> np.ndarray:
    """Interpolate as `data.windows.resample` does, so that the model sees what it was trained on."""
    (start, first), (end, second) = before, after
    share = min(max((time - start) / (end - start), 0.0), 1.0) if end > start else 1.0
    if share * (end - start) < 1e-6:
        return first
    if (1 - share) * (end - start) < 1e-6:
        return second
    pose = first * np.float32(1 - share)
    pose += second * np.float32(share)
    np.minimum(first[:, -1], second[:, -1], out=pose[:, -1])
    if not pose[:, -1].all():
        seen, next_seen = first[:, -1] > 0, second[:, -1] > 0
        pose[seen & ~next_seen, :-1] = first[seen & ~next_seen, :-1]
        pose[~seen & next_seen, :-1] = second[~seen & next_seen, :-1]
    return pose
