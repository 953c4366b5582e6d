"""The quick ways of following cycles, next to the plain formulas."""

import numpy as np
import pytest

from serving_targets.coach.movement import cycles
from serving_targets.coach.movement.cycles import STATES
from serving_targets.coach.movement.slices import completed

STEPS = np.arange(5)


def viterbi(costs, penalties):
    """Return mean cost and number of cycles done at each tick, for one template."""
    sources = (np.arange(STATES) - STEPS[:, None]) % STATES
    total, chosen = costs[0], []
    for cost in costs[1:]:
        options = total[sources] + penalties[:, None]
        chosen.append(options.argmin(axis=0))
        total = options.min(axis=0) + cost
    state, advance = int(total.argmin()), []
    for best in reversed(chosen):
        advance.append(int(best[state]))
        state = (state - advance[-1]) % STATES
    return total.min() / len(costs), np.cumsum([0, *advance[::-1]]) / STATES


@pytest.mark.parametrize("length", [1, 2, 37, 400])
def test_the_cheapest_way_is_that_of_the_plain_search(length):
    random = np.random.default_rng(length)
    costs = random.uniform(0, 1, (3, length, STATES))
    costs[1] = costs[1].round(1)  # equal costs, of which the smallest step counts
    penalties = random.uniform(0, 0.1, (3, 5)).round(2)
    found = cycles.Courses(cycles.cheapest(costs, penalties), penalties)
    for number in range(3):
        misfit, progress = viterbi(costs[number], penalties[number])
        assert found.misfits[number] == misfit
        np.testing.assert_array_equal(found.progress(number), progress)


def wave(length, period, channels=3, seed=0):
    random = np.random.default_rng(seed)
    phase = 2 * np.pi * np.arange(length)[:, None] / period + np.arange(channels)
    return 20 * np.sin(phase) + random.normal(0, 1, (length, channels))


def test_templates_are_adapted_to_what_is_in_their_phases():
    rows = cycles.phase_plane(wave(150, 23), 23)
    given = cycles.resampled(rows, STATES, 20.0, 43.0) + 5
    scale = 2 * rows.var(axis=0).sum()
    penalties = 0.02 * np.abs(np.log((STEPS + 0.5) / (STATES / 23 + 0.5)))
    template = given
    for left in (2, 1, 0):
        distance = ((rows[:, None] - template) ** 2).sum(axis=-1)
        misfit, progress = viterbi(distance / scale, penalties)
        if left:
            path = (viterbi_end(distance / scale, penalties) - round(STATES * progress[-1])) % STATES
            path = (path + np.rint(STATES * progress).astype(int)) % STATES
            mean = np.stack(
                [(rows[path == state].sum(axis=0) + 0.5 * template[state]) / ((path == state).sum() + 0.5)
                 for state in range(STATES)]
            )  # fmt: skip
            template = (np.roll(mean, 1, axis=0) + 2 * mean + np.roll(mean, -1, axis=0)) / 4
    # A second template next to it changes nothing.
    courses = completed(cycles.follow([rows, rows], [given, given[::-1]], [23.0, 23.0]))
    assert courses.misfits[0] == pytest.approx(misfit, abs=1e-9)
    np.testing.assert_allclose(courses.progress(0), progress, atol=1e-9)
    assert progress[-1] == pytest.approx(149 / 23, abs=0.2)


def viterbi_end(costs, penalties):
    """Return the last phase of the cheapest way."""
    totals = cycles.cheapest(costs[None], penalties[None])
    return int(totals[-1, 4:, 0].argmin())


@pytest.mark.parametrize(("length", "period"), [(30, 11), (150, 23), (400, 61)])
def test_periods_are_where_a_signal_resembles_itself(length, period):
    signal = wave(length, period) + 100
    lags = np.arange(1, min(100, int(0.75 * length)) + 2)
    plain = [((signal[lag:] - signal[:-lag]) ** 2).sum(axis=1).mean() for lag in lags]
    np.testing.assert_allclose(cycles.unlike(signal, lags), plain, rtol=1e-9, atol=1e-9)
    assert cycles.periods(signal, 8, 100)[0] % period == pytest.approx(0, abs=1)


def test_templates_that_are_made_together_are_those_that_are_made_alone():
    ways = [wave(24, 24, seed=seed) for seed in range(3)]
    together = cycles.cyclic_templates(ways, 17.0)
    for way, template in zip(ways, together, strict=True):
        np.testing.assert_allclose(cycles.cyclic_templates([way], 17.0)[0], template, atol=1e-12)


@pytest.mark.parametrize("width", [1, 5.5, 64, 131])
def test_a_signal_is_smoothed_with_a_hann_window(width):
    signal, size = wave(90, 13), int(width) | 1
    window = np.hanning(size + 2)[1:-1] / np.hanning(size + 2).sum()
    padded = np.pad(signal, ((size // 2, size // 2), (0, 0)), "edge")
    plain = [window @ padded[tick : tick + size] for tick in range(90)]
    np.testing.assert_allclose(cycles.smoothed(signal, width), plain, atol=1e-9)
