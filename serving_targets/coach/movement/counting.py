"""Counts repetitions as a fraction: of any movement by itself, or of a known one by its reference cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from serving_targets.coach.movement import cycles
from serving_targets.coach.movement.cycles import Ticks
from serving_targets.coach.movement.signals import Signal, resampled, without_gaps
from serving_targets.coach.movement.slices import Work, completed

RATE = 10.0
"""Ticks per second of the signals that are counted."""
SHORTEST, LONGEST = 0.8, 10.0
"""Durations of a repetition, in seconds."""
_MOST_MOVED = 6
"""Number of channels, those that move most, which show movement: often only one arm moves."""
_STILL = 12.0
"""Speed of these channels, in degrees per second, below which a person stands still."""
_LEAST_MOVEMENT = 5.0
"""Standard deviation of these channels, in degrees, of the smallest movement that is counted."""
_COMPONENTS, _EXPLAINED = 6, 0.97
_NEARLY, _SLACK = 1.25, 0.02
"""The shortest period is chosen whose misfit is at most the best one's, times and plus this."""
_RETURNED = 0.35
"""A movement has returned when it is nearer to its start than this share of how far it was away."""
_WORST_MISFIT = 0.45
"""A movement that fits its own cycle worse is not a repeated one."""
_LOOSE_MISFIT, _LEAST_ALIKE = 0.15, 0.3
"""A movement that fits its own cycle loosely, and whose cycle does not correlate with a known one, is not that one.

Either alone is not enough: some people perform a movement in a way of their own, but then evenly.
"""
_MOST_SHIFT = 3
"""Rows by which a cycle may begin earlier or later than the known one."""


@dataclass(frozen=True)
class Count:
    """Counted repetitions of a signal.

    Attributes:
        repetitions: number of repetitions, as a fraction.
        boundaries: ticks, as fractions, at which repetitions begin and end; one more than whole repetitions.
        period: typical duration of a repetition, in ticks; 0 if there is none.
        misfit: how badly the movement fits its cycle, from 0; see `Courses`.
    """

    repetitions: float
    boundaries: tuple[float, ...] = ()
    period: float = 0.0
    misfit: float = 1.0


def count_repetitions(signal: Signal, known: Sequence[Signal] = (), seconds: float = 0.0) -> Count:
    """Count the repetitions of one movement.

    Args:
        signal: signal of `body_signal` at `RATE`, `[T, K]`.
        known: ways in which a repetition of the movement may go, each as rows from its start to before its end; empty
            if the movement is not known.
        seconds: usual duration of that repetition.
    """
    return completed(counting(signal, known, seconds))


def counting(signal: Signal, known: Sequence[Signal] = (), seconds: float = 0.0) -> Work[Count]:
    """Count as `count_repetitions` does, in slices."""
    first, last = moving_part(signal)
    part = without_gaps(signal[first:last])
    if len(part) < SHORTEST * RATE or _largest(part.std(axis=0)) < _LEAST_MOVEMENT:
        return Count(0.0)
    yield
    middle, axes = _main_axes(part)
    rows = (part - middle) @ axes
    candidates = cycles.periods(rows, SHORTEST * RATE, LONGEST * RATE)
    yield
    if known:
        ways = [np.nan_to_num(cycle - cycle.mean(axis=0)) @ axes for cycle in known]
        found = yield from _by_reference(rows, candidates, ways, seconds * RATE)
    else:
        found = yield from _by_itself(rows, candidates)
    if found is None:
        return _once(part, first)
    # Progress goes in steps of a phase; where it is even, boundaries do not jump by a tick.
    even = cycles.smoothed(found.progress[:, None], 5).ravel()
    whole = np.arange(int(found.progress[-1] + 0.5) + 1)
    reached = np.interp(whole, even, np.arange(len(part)))
    reached[0] = 0
    if known and found.misfit > _LOOSE_MISFIT and _alike(part, reached, known) < _LEAST_ALIKE:
        return Count(0.0, period=found.period, misfit=found.misfit)
    bounds = tuple(float(first + tick) for tick in reached)
    return Count(float(found.progress[-1]), bounds, found.period, found.misfit)


def _alike(part: Signal, bounds: Ticks, known: Sequence[Signal]) -> float:
    """Return how repetitions correlate with the known cycle that they are most like; 1 if there are none."""
    likeness = []
    for cycle in known:
        target = np.nan_to_num(cycle - cycle.mean(axis=0))
        each = [resampled(part, len(cycle), start, end) for start, end in pairwise(bounds.tolist()) if end - start >= 4]
        if not each:
            return 1.0
        moved = np.stack(each)
        moved = (moved - moved.mean(axis=1, keepdims=True)).reshape(len(each), -1)
        shifted = [np.roll(target, shift, axis=0).ravel() for shift in range(-_MOST_SHIFT, _MOST_SHIFT + 1)]
        sizes = np.maximum(np.linalg.norm(moved, axis=1) * np.linalg.norm(target), 1e-9)
        likeness.append(float(((moved @ np.stack(shifted).T).max(axis=1) / sizes).mean()))
    return max(likeness)


def _once(part: Signal, first: int) -> Count:
    """Count 1 if the person moved and came back to where they started: too short or too long to repeat itself."""
    ends = np.concatenate([part[:3], part[-3:]]).reshape(2, -1, part.shape[1]).mean(axis=1)
    away = np.linalg.norm(part - ends[0], axis=1).max()
    returned = np.linalg.norm(ends[1] - ends[0]) <= _RETURNED * away
    return Count(1.0, (float(first), float(first + len(part) - 1)), 0.0) if returned else Count(0.0)


def moving_part(signal: Signal) -> tuple[int, int]:
    """Return the first and the last tick, exclusive, between which the person moves; `(0, 0)` if never."""
    if len(signal) < 3:
        return 0, 0
    speed = np.abs(np.gradient(cycles.smoothed(without_gaps(signal), 5), axis=0)) * RATE
    moving = np.flatnonzero(_largest(speed) > _STILL)
    return (max(int(moving[0]) - 1, 0), min(int(moving[-1]) + 2, len(signal))) if len(moving) else (0, 0)


def _largest(values: Signal) -> Signal:
    """Return the root mean square of the largest channels `[..., K]`."""
    return np.sqrt((np.partition(values, -_MOST_MOVED, axis=-1)[..., -_MOST_MOVED:] ** 2).mean(axis=-1))


def _main_axes(signal: Signal) -> tuple[Signal, Signal]:
    """Return the mean and the principal axes `[K, k]` that explain nearly all of the movement."""
    middle = signal.mean(axis=0)
    # The covariance is small; decomposing the signal itself would take most of the time of counting.
    strength, axes = np.linalg.eigh(np.cov(signal.T))
    share = np.cumsum(strength[::-1]) / max(float(strength.sum()), 1e-12)
    return middle, axes[:, ::-1][:, : min(_COMPONENTS, int(np.searchsorted(share, _EXPLAINED)) + 1)]


class _Followed(NamedTuple):
    """How a signal goes through its best template.

    Attributes:
        progress: number of cycles done up to each tick, `[T]`.
        period: expected duration of a cycle, in ticks.
        misfit: see `Courses`.
    """

    progress: Ticks
    period: float
    misfit: float


def _by_itself(rows: Signal, candidates: list[float]) -> Work[_Followed | None]:
    """Follow cycles that are cut from the signal itself, at three places for each candidate period."""
    signals, templates, lengths = [], [], []
    for period in sorted(candidates):
        plane = cycles.phase_plane(rows, period)
        for start in np.linspace(0, len(rows) - period - 1, 3).astype(int):
            signals.append(plane)
            templates.append(cycles.resampled(plane, cycles.STATES, float(start), float(start) + period))
            lengths.append(period)
    if not signals:
        return None
    yield
    courses = yield from cycles.follow(signals, templates, lengths)
    best: dict[float, int] = {}
    for number, period in enumerate(lengths):
        if period not in best or courses.misfits[number] < courses.misfits[best[period]]:
            best[period] = number
    least = min(courses.misfits)
    period = min(period for period, number in best.items() if courses.misfits[number] <= _NEARLY * least + _SLACK)
    misfit = courses.misfits[best[period]]
    return _Followed(courses.progress(best[period]), period, misfit) if misfit <= _WORST_MISFIT else None


def _by_reference(rows: Signal, candidates: list[float], ways: list[Signal], usual: float) -> Work[_Followed | None]:
    """Follow the known cycles, at the usual tempo or at one that the signal suggests."""
    plausible = [period for period in candidates if 0.4 * usual < period < 2.5 * usual] or [usual]
    signals, templates, lengths = [], [], []
    for period in plausible:
        signals += [cycles.phase_plane(rows, period)] * len(ways)
        templates += cycles.cyclic_templates(ways, period)
        lengths += [period] * len(ways)
    yield
    courses = yield from cycles.follow(signals, templates, lengths)
    best = int(np.argmin(courses.misfits))
    return _Followed(courses.progress(best), lengths[best], courses.misfits[best])
