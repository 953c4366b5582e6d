"""Deviations from a reference cycle, and how faults are distinguished from people's habits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from serving_targets.coach.movement.angles import ANGLES, MIRRORED_ANGLES
from serving_targets.coach.movement.signals import Signal

STRETCHES = 8
"""Stretches of a cycle in which deviations are averaged."""
DEVIATIONS = len(ANGLES) * STRETCHES
FAULTS = 2 * len(ANGLES)
"""For each angle, a fault throughout the repetition; then for each one, a fault around the extreme."""
_BUMP = 1 / 3
"""Width of what counts as the extreme of a repetition, in repetitions."""
_EXTREME_WEIGHT = 1.15
"""Weight of the evidence of a fault around the extreme: that of a fault throughout is greater by nature."""
_UNUSUAL = 10.0
"""Evidence of all other faults together that halves, about, what one fault's evidence counts."""

_HABIT = 8.0
"""Standard deviation of people's habits in degrees, where too few people are known to measure it."""
_COMMON_ROWS = 2.0
"""Number of people that the habits of all movements count for in the size of the habits of one."""
_ASSUMED_ROWS = 4.0
"""Number of people that assumed habits count for in those of all movements."""
_STEADY = 0.8
"""Assumed correlation of the deviations of one angle over a cycle."""
_OWN, _COMMON, _WITHIN = 0.25, 0.6, 6.0
"""Weights of the habits in this movement, in all movements, and of how repetitions of one person differ.

What a person varies by is also what people differ in, and it is known from many more repetitions than people.
"""
_NOISE = 2.0
"""Degrees by which any stretch may deviate without a reason."""

Vector = npt.NDArray[np.float64]


def mean_cycle(people: Sequence[Signal]) -> Signal:
    """Return the mean of the repetitions of people, `[PHASES, CHANNELS]`, people counted equally."""
    return np.mean([np.mean(cycles, axis=0) for cycles in people], axis=0)


def deviations(cycles: Signal, reference: Signal) -> Signal:
    """Return the deviations of the angles from a reference cycle, `[N, DEVIATIONS]`; an unknown one is 0.

    Args:
        cycles: `[N, PHASES, CHANNELS]`.
        reference: `[PHASES, CHANNELS]`.
    """
    return _stretches(np.nan_to_num((cycles - reference)[..., : len(ANGLES)]))


def _stretches(curves: Signal) -> Signal:
    """Return the means of curves `[N, PHASES, angles]` over stretches, angle by angle: `[N, DEVIATIONS]`."""
    means = curves.reshape(len(curves), STRETCHES, -1, len(ANGLES)).mean(axis=2)
    return means.transpose(0, 2, 1).reshape(len(curves), DEVIATIONS)


def extreme_window(cycle: Signal) -> Vector:
    """Return weights `[PHASES]`, 1 at the extreme of a cycle: where it is furthest from its start and end."""
    places = np.nan_to_num(cycle[:, len(ANGLES) :])
    at = int(np.linalg.norm(places - places[[0, -1]].mean(axis=0), axis=1).argmax())
    away = (np.arange(len(cycle)) - at) / (len(cycle) * _BUMP)
    return np.where(np.abs(away) < 0.5, np.cos(np.pi * away) ** 2, 0.0)


def fault_curves(reference: Signal) -> Signal:
    """Return the deviations that each fault of one degree makes, `[FAULTS, DEVIATIONS]`."""
    windows = np.stack([np.ones(len(reference)), extreme_window(reference)])
    each = windows[:, None, :, None] * np.eye(len(ANGLES))[:, None, :]
    return _stretches(each.reshape(FAULTS, len(reference), len(ANGLES)))


class Habits(NamedTuple):
    """What people differ in over all movements: standard deviations and correlation of `deviations`."""

    deviation: Vector
    correlation: Signal


def _habits(people: Sequence[Signal]) -> Signal:
    """Return how the mean of each person deviates from the mean of all, `[people, DEVIATIONS]`."""
    if len(people) < 2:
        return np.zeros((0, DEVIATIONS))
    means = np.stack([cycles.mean(axis=0) for cycles in people])
    return deviations(means, means.mean(axis=0)) * np.sqrt(len(means) / (len(means) - 1))


def common_habits(movements: Sequence[Sequence[Signal]]) -> Habits:
    """Return the habits over all movements; those of left and right are taken as equal.

    Args:
        movements: for each movement, the repetitions of each person, `[N, PHASES, CHANNELS]`.
    """
    steady = np.where(np.eye(STRETCHES) > 0, 1.0, _STEADY)
    squares, products = (
        np.full(DEVIATIONS, _ASSUMED_ROWS * _HABIT**2),
        _ASSUMED_ROWS * np.kron(np.eye(len(ANGLES)), steady),
    )
    number = _ASSUMED_ROWS
    for people in movements:
        habits = _habits(people)
        image = habits.reshape(-1, len(ANGLES), STRETCHES)[:, MIRRORED_ANGLES].reshape(-1, DEVIATIONS)
        for rows in (habits, image) if len(habits) else ():
            scaled = rows / np.sqrt((rows**2).mean(axis=0) + _NOISE**2)
            squares += (rows**2).sum(axis=0)
            products += scaled.T @ scaled
            number += len(rows)
    scale = np.sqrt(np.diag(products))
    return Habits(np.sqrt(squares / number), products / np.outer(scale, scale))


def fault_filters(people: Sequence[Signal], faults: Signal, common: Habits) -> Signal:
    """Return the matched filter of each fault, `[FAULTS, DEVIATIONS]`.

    People's habits change several angles together and in a certain course, a fault changes one. So each fault is looked
    for in the direction that habits take least: its curve times the inverse of their covariance.

    Args:
        people: for each person, good repetitions of the movement, `[N, PHASES, CHANNELS]`.
        faults: `fault_curves` of the reference.
        common: habits over all movements.
    """
    habits = _habits(people)
    within = np.concatenate([deviations(cycles, cycles.mean(axis=0)) for cycles in people])
    own = (habits**2).sum(axis=0) + _COMMON_ROWS * common.deviation**2
    scale = np.sqrt(own / (len(habits) + _COMMON_ROWS))
    covariance = (
        _OWN * habits.T @ habits / max(len(habits), 1)
        + _COMMON * np.outer(scale, scale) * common.correlation
        + _WITHIN * within.T @ within / len(within)
        + _NOISE**2 * np.eye(DEVIATIONS)
    )
    return np.linalg.solve(covariance, faults.T).T


def evidence_of(apart: Vector, filters: Signal, faults: Signal) -> tuple[Vector, Vector]:
    """Return for each fault how much speaks for it alone, and its size in degrees, `[FAULTS]` each.

    The evidence of a fault is the square of a number of standard deviations, against what all other faults together
    explain: a person who does many things in another way has habits.

    Args:
        apart: mean of `deviations`.
        filters: `fault_filters`.
        faults: `fault_curves`.
    """
    along, power = filters @ apart, filters @ faults.T
    own = np.maximum(np.diag(power), 1e-9)
    alone = along**2 / own
    together = float(along @ np.linalg.lstsq(power, along, rcond=1e-9)[0])
    evidence = alone / (_UNUSUAL + np.maximum(together - alone, 0.0))
    evidence[len(ANGLES) :] *= _EXTREME_WEIGHT
    return evidence, along / own
