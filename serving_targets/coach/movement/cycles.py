"""Follows a repeated movement through its cycle: a cyclic Viterbi search over the phases of a template."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from serving_targets.coach.movement.signals import Signal, resampled
from serving_targets.coach.movement.slices import Work

STATES = 20
"""Number of phases of a template."""
_MOST_STEP = 4
_STEPS = np.arange(_MOST_STEP + 1)
"""Numbers of phases that one tick can advance."""
_TEMPO = 0.02
"""Weight of an unusual tempo against the distance to the template."""
_DETREND = 2.0
"""Drift is what remains of a mean over this number of cycles."""
_PRIOR = 0.5
"""Weight of the given template, in ticks for each phase, when it is adapted to the signal."""

Ticks = npt.NDArray[np.float64]


class Courses:
    """How a signal goes through several templates.

    Attributes:
        misfits: mean distance to each template, in shares of the signal's variance.
    """

    def __init__(self, totals: Ticks, penalties: Ticks) -> None:
        self.misfits: list[float] = (totals[-1, _MOST_STEP:].min(axis=0) / len(totals)).tolist()
        self._totals, self._penalties = totals, penalties

    def progress(self, number: int) -> Ticks:
        """Return the number of cycles of a template that are done up to each tick, `[T]`."""
        ((_, advance),) = _traced(self._totals[..., number : number + 1], self._penalties[number : number + 1])
        return np.cumsum(advance) / STATES


def follow(signals: list[Signal], templates: list[Signal], periods: list[float], rounds: int = 3) -> Work[Courses]:
    """Follow a signal with several templates at once.

    Args:
        signals: for each template, the signal `[T, K]` as `phase_plane` prepared it for the template's period.
        templates: templates `[STATES, K]`.
        periods: expected duration of a cycle, in ticks, for each template.
        rounds: number of passes; after each but the last one the templates are adapted to the signal.
    """
    states = np.stack(templates)
    rows = np.stack(signals)
    scale = np.maximum(2 * rows.var(axis=1).sum(axis=-1), 1e-12)[:, None, None]
    sizes = (rows**2).sum(axis=-1)[:, :, None]
    rates = STATES / np.asarray(periods, float)
    penalties = _TEMPO * np.abs(np.log((_STEPS + 0.5) / (rates[:, None] + 0.5)))
    while True:
        squares = sizes + (states**2).sum(axis=-1)[:, None]
        distance = squares - 2 * rows @ states.transpose(0, 2, 1)
        totals = cheapest(distance / scale, penalties)
        rounds -= 1
        yield
        if not rounds:
            return Courses(totals, penalties)
        states = _adapted(rows, states, np.array([path for path, _ in _traced(totals, penalties)]))
        yield


def cheapest(costs: Ticks, penalties: Ticks) -> Ticks:
    """Return the cost of the cheapest way to each phase at each tick: the forward pass of a Viterbi search.

    Everything a tick needs lies ready in memory, because most of the time would be spent on looking for it.

    Args:
        costs: cost of each phase at each tick, for each template, `[B, T, STATES]`.
        penalties: cost of each number of phases that a tick can advance, `[B, 5]`.

    Returns:
        `[T, 4 + STATES, B]`; the last four phases come before the first one again, as the phases are a circle.
    """
    count, length, _ = costs.shape
    size, wrapped = STATES * count, _MOST_STEP * count
    totals = np.empty((length, wrapped + size))
    inner = totals[:, wrapped:]
    # sources[tick, step] is what the phases cost that lie a step behind; nothing is copied.
    tick, value = totals.strides
    sources = np.lib.stride_tricks.as_strided(
        inner, (length, len(_STEPS), size), (tick, -count * value, value), writeable=False
    )
    by_tick = np.ascontiguousarray(costs.transpose(1, 2, 0)).reshape(length, size)
    steps = np.tile(penalties.T, STATES)
    options, least = np.empty((len(_STEPS), size)), np.empty(size)
    inner[0], totals[0, :wrapped] = by_tick[0], by_tick[0, -wrapped:]
    add, smallest = np.add, np.minimum.reduce
    for source, cost, to, before, last in zip(
        sources[:-1], by_tick[1:], inner[1:], totals[1:, :wrapped], totals[1:, size:], strict=True
    ):
        add(source, steps, options)
        smallest(options, axis=0, out=least)
        add(least, cost, to)
        before[:] = last
    return totals.reshape(length, -1, count)


def _traced(totals: Ticks, penalties: Ticks) -> list[tuple[list[int], list[int]]]:
    """Return the cheapest way for each template: its phase, and its step to it, at each tick."""
    length, _, count = totals.shape
    steps = np.zeros((length, STATES, count), np.int8)
    least = totals[:-1, _MOST_STEP:] + penalties[:, 0]
    for step in _STEPS[1:].tolist():
        option = totals[:-1, _MOST_STEP - step : _MOST_STEP - step + STATES] + penalties[:, step]
        np.copyto(steps[1:], step, where=option < least)
        np.minimum(least, option, out=least)
    found = []
    for number, last in enumerate(totals[-1, _MOST_STEP:].argmin(axis=0).tolist()):
        table, state = steps[..., number].tobytes(), last
        path, advance = [], []
        for tick in range((length - 1) * STATES, -1, -STATES):
            step = table[tick + state]
            path.append(state)
            advance.append(step)
            state = (state - step) % STATES
        found.append((path[::-1], advance[::-1]))
    return found


def _adapted(rows: Signal, templates: Signal, paths: npt.NDArray[np.intp]) -> Signal:
    """Return the templates `[B, STATES, K]` moved to the rows `[B, T, K]` that are in their phases."""
    belongs = (paths[:, None] == np.arange(STATES)[:, None]).astype(float)
    weights = belongs.sum(axis=-1, keepdims=True) + _PRIOR
    mean = (_PRIOR * templates + belongs @ rows) / weights
    return (np.roll(mean, 1, axis=1) + 2 * mean + np.roll(mean, -1, axis=1)) / 4


def phase_plane(signal: Signal, period: float) -> Signal:
    """Return the signal without drift and its speed, `[T, 2 K]`, in which the ways there and back differ."""
    steady = smoothed(signal - smoothed(signal, _DETREND * period), max(3.0, period / 6))
    return np.concatenate([steady, np.gradient(steady, axis=0) * period / (2 * np.pi)], axis=1)


def cyclic_templates(cycles: Sequence[Signal], period: float) -> list[Signal]:
    """Return the template `[STATES, 2 K]` of each cycle, given as rows from its start to before its end.

    A cycle is prepared between copies of itself as `phase_plane` prepares a signal.
    """
    side_by_side = np.concatenate(cycles, axis=1)
    once = resampled(
        np.concatenate([side_by_side, side_by_side[:1]]), max(round(period), 4), 0.0, float(len(side_by_side))
    )
    plane = phase_plane(np.concatenate([once] * 5), len(once))
    template = resampled(plane, STATES, 2.0 * len(once), 3.0 * len(once)).reshape(STATES, 2, len(cycles), -1)
    return [template[:, :, number].reshape(STATES, -1) for number in range(len(cycles))]


def smoothed(signal: Signal, width: float) -> Signal:
    """Return a moving mean with a Hann window of about `width` ticks; the ends are continued."""
    window = _hann(int(width) | 1)
    around = len(window) // 2
    padded = np.concatenate([signal[:1].repeat(around, axis=0), signal, signal[-1:].repeat(around, axis=0)])
    if len(window) > 63:  # long windows are means of sums, not products
        return _filtered(padded, window)
    return np.lib.stride_tricks.sliding_window_view(padded, len(window), axis=0) @ window


@lru_cache(maxsize=256)
def _hann(size: int) -> npt.NDArray[np.float64]:
    window = np.hanning(size + 2)[1:-1]
    window /= window.sum()
    window.setflags(write=False)
    return window


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
    apart = unlike(signal, lags) / scale
    dips = [i for i in range(1, len(lags) - 1) if apart[i - 1] >= apart[i] < apart[i + 1] and lags[i] >= shortest]
    dips.sort(key=lambda i: apart[i])
    # The shortest period that is nearly as good is a candidate even where its multiples look better.
    near = [i for i in dips if apart[i] < apart[dips[0]] + 0.1]
    chosen = dict.fromkeys([*dips[:3], *([min(near)] if near else [])])
    return [float(lags[i]) for i in chosen]


def unlike(signal: Signal, lags: npt.NDArray[np.intp]) -> Ticks:
    """Return the mean squared distance of a signal from itself, moved by each number of ticks."""
    length = len(signal)
    moved = signal - signal.mean(axis=0)
    spectrum = np.fft.rfft(moved, 1 << (2 * length - 1).bit_length(), axis=0)
    products = np.fft.irfft((spectrum.real**2 + spectrum.imag**2).sum(axis=1))[lags]
    squares = np.concatenate([[0.0], np.cumsum((moved**2).sum(axis=1))])
    sums = squares[length] - squares[lags] + squares[length - lags] - 2 * products
    return np.maximum(sums, 0.0) / (length - lags)
