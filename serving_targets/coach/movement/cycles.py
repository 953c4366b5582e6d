"""Follows a repeated movement through its cycle: a cyclic Viterbi search over the phases of a template."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from serving_targets.coach.movement.signals import Signal, resampled

STATES = 20
"""Number of phases of a template."""
_STEPS = np.arange(5)
"""Numbers of phases that one tick can advance."""
_TEMPO = 0.02
"""Weight of an unusual tempo against the distance to the template."""
_DETREND = 2.0
"""Drift is what remains of a mean over this number of cycles."""
_PRIOR = 0.5
"""Weight of the given template, in ticks for each phase, when it is adapted to the signal."""

Ticks = npt.NDArray[np.float64]


class Course(NamedTuple):
    """How a signal goes through a template.

    Attributes:
        misfit: mean distance to the template, in shares of the signal's variance.
        progress: number of cycles done up to each tick, `[T]`.
    """

    misfit: float
    progress: Ticks


def follow(signals: list[Signal], templates: list[Signal], periods: list[float], rounds: int = 3) -> list[Course]:
    """Follow a signal with several templates at once.

    Args:
        signals: for each template, the signal `[T, K]` as `phase_plane` prepared it for the template's period.
        templates: templates `[STATES, K]`.
        periods: expected duration of a cycle, in ticks, for each template.
        rounds: number of passes; after each but the last one the templates are adapted to the signal.
    """
    states = np.stack(templates)
    rows = np.stack(signals)
    scale = 2 * rows.var(axis=1).sum(axis=-1)
    rates = STATES / np.asarray(periods, float)
    penalties = _TEMPO * np.abs(np.log((_STEPS + 0.5) / (rates[:, None] + 0.5)))
    for left in reversed(range(rounds)):
        squares = (rows**2).sum(axis=-1)[:, :, None] + (states**2).sum(axis=-1)[:, None]
        distance = squares - 2 * rows @ states.transpose(0, 2, 1)
        costs, path, progress = _viterbi(distance / np.maximum(scale, 1e-12)[:, None, None], penalties)
        if left:
            states = np.stack([_adapted(*each) for each in zip(rows, states, path, strict=True)])
    return [Course(float(cost), line) for cost, line in zip(costs, progress, strict=True)]


def _viterbi(costs: Ticks, penalties: Ticks) -> tuple[Ticks, npt.NDArray[np.intp], Ticks]:
    """Return mean cost `[B]`, path `[B, T]` and progress in cycles `[B, T]` of the cheapest way through the phases."""
    count, length, _ = costs.shape
    sources = (np.arange(STATES) - _STEPS[:, None]) % STATES
    steps = np.zeros((length, count, STATES), np.int8)
    total = costs[:, 0].copy()
    for tick in range(1, length):
        options = total[:, sources] + penalties[:, :, None]
        best = options.argmin(axis=1)
        steps[tick] = best
        total = options.min(axis=1) + costs[:, tick]
    path = np.zeros((count, length), np.intp)
    advance = np.zeros((count, length))
    each, state = np.arange(count), total.argmin(axis=1)
    for tick in range(length - 1, -1, -1):
        path[:, tick] = state
        advance[:, tick] = steps[tick, each, state]
        state = (state - steps[tick, each, state]) % STATES
    return total.min(axis=1) / length, path, advance.cumsum(axis=1) / STATES


def _adapted(rows: Signal, template: Signal, path: npt.NDArray[np.intp]) -> Signal:
    weights = np.bincount(path, minlength=STATES) + _PRIOR
    sums = _PRIOR * template
    np.add.at(sums, path, rows)
    mean = sums / weights[:, None]
    return (np.roll(mean, 1, axis=0) + 2 * mean + np.roll(mean, -1, axis=0)) / 4


def phase_plane(signal: Signal, period: float) -> Signal:
    """Return the signal without drift and its speed, `[T, 2 K]`, in which the ways there and back differ."""
    steady = smoothed(signal - smoothed(signal, _DETREND * period), max(3.0, period / 6))
    return np.concatenate([steady, np.gradient(steady, axis=0) * period / (2 * np.pi)], axis=1)


def cyclic_template(cycle: Signal, period: float) -> Signal:
    """Return the template `[STATES, 2 K]` of one cycle, given as rows from its start to before its end.

    The cycle is prepared between copies of itself as `phase_plane` prepares a signal.
    """
    once = resampled(np.concatenate([cycle, cycle[:1]]), max(round(period), 4), 0.0, float(len(cycle)))
    plane = phase_plane(np.concatenate([once] * 5), len(once))
    return resampled(plane, STATES, 2.0 * len(once), 3.0 * len(once))


def smoothed(signal: Signal, width: float) -> Signal:
    """Return a moving mean with a Hann window of about `width` ticks; the ends are continued."""
    size = int(width) | 1
    window = np.hanning(size + 2)[1:-1]
    padded = np.pad(signal, ((size // 2, size // 2), (0, 0)), "edge")
    if size > 63:  # long windows are means of sums, not products
        return _filtered(padded, window / window.sum())
    views = np.lib.stride_tricks.sliding_window_view(padded, size, axis=0)
    return views @ (window / window.sum())


def _filtered(padded: Signal, window: npt.NDArray[np.float64]) -> Signal:
    return np.stack([np.convolve(column, window, "valid") for column in padded.T], axis=1)


def periods(signal: Signal, shortest: float, longest: float) -> list[float]:
    """Return likely durations of a cycle in ticks, the most likely first: where the signal resembles itself.

    Args:
        signal: `[T, K]`.
        shortest: shortest duration, in ticks.
        longest: longest duration, in ticks.
    """
    lags = np.arange(1, min(int(longest), int(0.75 * len(signal))) + 2)
    if len(lags) < 3 or (scale := 2 * float(signal.var(axis=0).sum())) <= 0:
        return []
    unlike = np.array([((signal[lag:] - signal[:-lag]) ** 2).sum(axis=1).mean() for lag in lags]) / scale
    dips = [i for i in range(1, len(lags) - 1) if unlike[i - 1] >= unlike[i] < unlike[i + 1] and lags[i] >= shortest]
    dips.sort(key=lambda i: unlike[i])
    # The shortest period that is nearly as good is a candidate even where its multiples look better.
    near = [i for i in dips if unlike[i] < unlike[dips[0]] + 0.1]
    chosen = dict.fromkeys([*dips[:3], *([min(near)] if near else [])])
    return [float(lags[i]) for i in chosen]
