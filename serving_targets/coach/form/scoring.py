"""Scores repetitions against their reference and says what to correct."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from serving_targets.coach.form.deviations import deviations, evidence_of, fault_curves
from serving_targets.coach.form.references import (
    PHASES,
    Movement,
    References,
    cycle_of,
    facing_like,
    form_distance,
    form_features,
    in_phase,
)
from serving_targets.coach.metrics import GOOD
from serving_targets.coach.movement.angles import ANGLES, MIRRORED_ANGLES, direction
from serving_targets.coach.movement.signals import Signal, without_gaps
from serving_targets.coach.timeline import Correction

MOST_CORRECTIONS = 3
"""Number of corrections that a person is given at once."""
_LEAST_DEGREES = 5.0
"""A correction by less is not worth saying."""


def cut_cycles(signal: Signal, boundaries: tuple[float, ...]) -> Signal:
    """Return the repetitions between boundaries, `[N, PHASES, CHANNELS]`; one that is not complete is left out."""
    filled = without_gaps(signal)
    filled[:, np.isnan(signal).all(axis=0)] = np.nan  # what is never seen cannot be judged
    pairs = [(a, b) for a, b in pairwise(boundaries) if b - a >= 4]
    return np.array([cycle_of(filled, a, b) for a, b in pairs]).reshape(len(pairs), PHASES, signal.shape[1])


def score(cycles: Signal, movement: Movement) -> float | None:
    """Return the mean score of repetitions, from 0 to 100; None without repetitions or with too little to judge."""
    if not len(cycles):
        return None
    facing, _ = facing_like(cycles, movement.rows)
    features = form_features(in_phase(facing, movement.rows))
    if np.isnan(features).mean() > 0.5:
        return None
    distance = form_distance(features, np.array(movement.form_mean), np.array(movement.form_tolerance))
    return float(np.mean(score_of(distance, movement.form_limit)))


def score_of(distance: Signal, limit: float) -> Signal:
    """Return scores: 100 at the reference, 70 at the limit, and towards 0 beyond it."""
    return 100 * (GOOD / 100) ** ((np.asarray(distance) / limit) ** 2)


def corrections(
    cycles: Signal, boundaries: tuple[float, ...], references: References, label: str
) -> list[tuple[Correction, float]]:
    """Return what to correct with its evidence, the most certain first; empty if nothing is certain enough.

    Args:
        cycles: repetitions `[N, PHASES, CHANNELS]`.
        boundaries: times at which the repetitions begin and end, in seconds.
        references: references of the bundle.
        label: label of the movement.
    """
    movement = references.movements[label]
    if not len(cycles):
        return []
    reference = movement.rows
    facing, is_mirrored = facing_like(cycles, reference)
    facing = in_phase(facing, reference)
    apart = deviations(facing, reference).mean(axis=0)
    filters, faults = movement.fault_filters, fault_curves(reference)
    found: list[tuple[Correction, float]] = []
    taken: set[int] = set()
    for _ in range(MOST_CORRECTIONS):
        evidence, degrees = evidence_of(apart, filters, faults)
        evidence[[kind for kind in range(len(faults)) if kind % len(ANGLES) in taken]] = 0
        evidence[np.abs(degrees) < _LEAST_DEGREES] = 0
        kind = int(evidence.argmax())
        angle, strength, size = kind % len(ANGLES), float(evidence[kind]), float(degrees[kind])
        if strength <= references.alarm:
            break
        taken.add(angle)
        apart = apart - size * faults[kind]
        shown = int(MIRRORED_ANGLES[angle]) if is_mirrored else int(angle)
        moment = _moment(facing, reference, int(angle), size, boundaries)
        name = ANGLES[shown]
        found.append((Correction(name, direction(name, -size), round(abs(size), 1), moment), strength))
    return found


def _moment(facing: Signal, reference: Signal, angle: int, size: float, boundaries: tuple[float, ...]) -> float:
    """Return when an angle is furthest off, in the repetition in which it is most."""
    apart = np.nan_to_num((facing - reference)[:, :, angle]) * np.sign(size)
    number = int(apart.mean(axis=1).argmax())
    phase = int(apart[number].argmax()) / PHASES
    start, end = boundaries[number], boundaries[number + 1]
    return round(start + phase * (end - start), 3)
