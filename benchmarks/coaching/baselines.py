"""Simple methods that the coach is compared with."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.coaching.recordings import FPS, Recording
from serving_targets.coach.coach import recorded_signal
from serving_targets.coach.form.references import References, cycle_of
from serving_targets.coach.movement.angles import ANGLES
from serving_targets.coach.movement.cycles import smoothed
from serving_targets.coach.movement.signals import without_gaps


def measure_baselines(held_out: list[Recording], references: References, figures: dict[str, list[Any]]) -> None:
    """Count by peaks of the first principal component, and score by dynamic time warping."""
    for each in held_out:
        signal, times = recorded_signal("kinect20", each.poses, np.arange(len(each.poses)) / FPS)
        kind = "correct" if each.good else "incorrect"
        figures.setdefault(f"counting baseline, {kind}", []).append((len(each.ends), _peaks(without_gaps(signal))))
        bounds = np.interp(np.concatenate([[0], each.ends]) / FPS, times, np.arange(len(times)))
        reference = references.movements[each.label].rows[:, : len(ANGLES)]
        apart = [
            _warped_distance(cycle_of(signal, a, b)[:, : len(ANGLES)], reference) for a, b in pairwise(bounds.tolist())
        ]
        figures.setdefault("form baseline, recordings", []).append((each.label, each.good, -float(np.mean(apart))))
        rows = figures.setdefault("form baseline, repetitions", [])
        rows.extend((each.label, each.good, -distance) for distance in apart)


def _peaks(signal: np.ndarray) -> float:
    """Count peaks of the first principal component that rise above its middle by half a standard deviation."""
    centred = signal - signal.mean(axis=0)
    line = smoothed(centred @ np.linalg.eigh(np.cov(centred.T))[1][:, [-1]], 9)[:, 0]
    above, below = line > line.std() / 2, line < -line.std() / 2
    count, is_up = 0, False
    for high, low in zip(above, below, strict=True):
        count += int(high and not is_up)
        is_up = (is_up or high) and not low
    return float(count)


def _warped_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean distance of two cycles along the cheapest way through both."""
    apart = np.linalg.norm(first[:, None] - second[None], axis=-1)
    total = np.full((len(first) + 1, len(second) + 1), np.inf)
    total[0, 0] = 0.0
    for i, row in enumerate(apart, 1):
        for j, cost in enumerate(row, 1):
            total[i, j] = cost + min(total[i - 1, j], total[i, j - 1], total[i - 1, j - 1])
    return float(total[-1, -1] / (len(first) + len(second)))
