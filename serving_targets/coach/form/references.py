"""References: how a movement is performed well, and how much people differ who perform it well.

Made from repetitions by `build_references`, on signals of `body_signal`. Nothing in them names or counts a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from serving_targets.coach.movement.angles import ANGLES
from serving_targets.coach.movement.signals import CHANNELS, Signal, mirrored, resampled

PHASES = 24
"""Rows of a cycle."""
_SHAPE_PHASES = 8
_MOST_SHIFT = 3
"""Phases by which the boundaries of a repetition may be off."""
_BUMP = 1 / 3
"""Width of what counts as the extreme of a repetition, in repetitions."""

_LEAST_DEVIATION = 2.0
"""Degrees by which two performances always may differ."""
_HABIT = 8.0
"""Standard deviation of people's habits in degrees, where too few people are known to measure it."""
_HABIT_WEIGHT = 3
"""Number of people that the habits of all movements count for in the habits of one."""
_CORRELATION_SHRINKAGE = 0.1
_MOST_SCORES = 0.9
"""Share of good performances of new people that shall score 70 or more, or have no correction."""

Vector = npt.NDArray[np.float64]
Number = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Numbers = Annotated[tuple[Number, ...], Field(max_length=CHANNELS * (_SHAPE_PHASES + 1))]
DEVIATIONS = 2 * len(ANGLES)
"""For each angle, the mean deviation and the one around the extreme."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Movement(_Table):
    """Reference of one movement.

    Attributes:
        seconds: median duration of a repetition.
        cycle: mean repetition, `PHASES` rows of the channels of `body_signal`, people counted equally.
        form_mean: mean of `form_features`.
        form_tolerance: standard deviation of `form_features` over good performances.
        form_limit: distance of `form_distance` at which a score is 70.
        deviation_tolerance: standard deviation of `deviations` between people.
        deviation_noise: standard deviation of `deviations` between repetitions of a person.
    """

    seconds: Annotated[float, Field(gt=0, le=600)]
    cycle: Annotated[tuple[Numbers, ...], Field(min_length=PHASES, max_length=PHASES)]
    form_mean: Numbers
    form_tolerance: Numbers
    form_limit: Annotated[float, Field(gt=0, le=1e6)]
    deviation_tolerance: Numbers
    deviation_noise: Numbers

    @model_validator(mode="after")
    def _has_the_channels_of_a_signal(self) -> Movement:
        sizes = {len(row) for row in self.cycle}
        form = CHANNELS * (_SHAPE_PHASES + 1)
        given = (
            len(self.form_mean),
            len(self.form_tolerance),
            len(self.deviation_tolerance),
            len(self.deviation_noise),
        )
        if sizes != {CHANNELS} or given != (form, form, DEVIATIONS, DEVIATIONS):
            raise ValueError("a reference has rows of other lengths than the signal of this version")
        if min(self.form_tolerance) <= 0 or min(self.deviation_tolerance) <= 0:
            raise ValueError("a tolerance is 0")
        return self

    @property
    def rows(self) -> Signal:
        """The cycle as `[PHASES, CHANNELS]`."""
        return np.array(self.cycle)


class References(_Table):
    """References of all movements of a bundle.

    Attributes:
        schema_version: version of this format.
        movements: label to its reference.
        correlation: correlation of the deviations between people, over all movements, `[DEVIATIONS, DEVIATIONS]`.
        alarm: evidence above which a correction is given.
    """

    schema_version: Literal[1] = 1
    movements: Annotated[dict[str, Movement], Field(max_length=1000)]
    correlation: Annotated[tuple[Numbers, ...], Field(min_length=DEVIATIONS, max_length=DEVIATIONS)]
    alarm: Annotated[float, Field(ge=0, le=1e9)]

    @model_validator(mode="after")
    def _correlates_all_deviations(self) -> References:
        matrix = np.array(self.correlation) if {len(row) for row in self.correlation} == {DEVIATIONS} else None
        if matrix is None or not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix).min() <= 0:
            raise ValueError("the correlation is not a positive definite matrix of all deviations")
        return self


class Performances(NamedTuple):
    """Good repetitions of one movement by one person.

    Attributes:
        cycles: `[N, PHASES, CHANNELS]`, one row of phases for each repetition.
        seconds: duration of each repetition, `[N]`.
    """

    cycles: Signal
    seconds: Vector


def cycle_of(signal: Signal, start: float = 0.0, end: float | None = None) -> Signal:
    """Return one repetition as `[PHASES, CHANNELS]`."""
    return resampled(signal, PHASES, start, end)


def form_features(cycles: Signal) -> Signal:
    """Return what form is judged by, `[N, F]`: how far each channel moves, and in which course.

    Both are free of the mean place, which differs between people more than between good and bad form.

    Args:
        cycles: `[N, PHASES, CHANNELS]`.
    """
    moved = cycles - cycles.mean(axis=1, keepdims=True)
    extent = 20 * np.log(cycles.std(axis=1) + 5)
    course = moved[:, :: PHASES // _SHAPE_PHASES].reshape(len(cycles), -1)
    return np.concatenate([extent, course], axis=1)


def form_distance(features: Signal, mean: Vector, tolerance: Vector) -> Vector:
    """Return how far performances are from the reference, `[N]`: in tolerances, of extent and course together."""
    apart = ((features - mean) / tolerance) ** 2
    extent, course = apart[:, :CHANNELS], apart[:, CHANNELS:]
    return np.sqrt(np.nanmean(extent, axis=1)) + np.sqrt(np.nanmean(course, axis=1))


def extreme_window(cycle: Signal) -> Vector:
    """Return weights `[PHASES]`, 1 at the extreme of a cycle: where it is furthest from its start and end."""
    places = np.nan_to_num(cycle[:, len(ANGLES) :])
    at = int(np.linalg.norm(places - places[[0, -1]].mean(axis=0), axis=1).argmax())
    away = (np.arange(PHASES) - at) / (PHASES * _BUMP)
    return np.where(np.abs(away) < 0.5, np.cos(np.pi * away) ** 2, 0.0)


def deviations(cycles: Signal, reference: Signal) -> Signal:
    """Return the deviations `[N, DEVIATIONS]` of the angles from a reference cycle: mean, and around the extreme."""
    window = extreme_window(reference)
    apart = (cycles - reference)[..., : len(ANGLES)]
    around = np.tensordot(window / window.sum(), apart, axes=([0], [apart.ndim - 2]))
    return np.stack([apart.mean(axis=-2), around], axis=-1).reshape(len(cycles), -1)


def facing_like(cycles: Signal, reference: Signal) -> tuple[Signal, bool]:
    """Return repetitions or their mirror image, whichever is nearer to a reference, and whether it is the mirror's."""
    image = mirrored(cycles)
    same, other = (np.nansum((each.mean(axis=0) - reference) ** 2) for each in (cycles, image))
    return (image, True) if other < same else (cycles, False)


def in_phase(cycles: Signal, reference: Signal) -> Signal:
    """Return repetitions that begin where the reference begins: their boundaries are known to a few phases only."""
    moved = cycles - cycles.mean(axis=1, keepdims=True)
    target = reference - reference.mean(axis=0)
    shifts = range(-_MOST_SHIFT, _MOST_SHIFT + 1)
    apart = [np.nansum((np.roll(moved, shift, axis=1) - target) ** 2, axis=(1, 2)) for shift in shifts]
    best = np.argmin(apart, axis=0) - _MOST_SHIFT
    return np.stack([np.roll(each, shift, axis=0) for each, shift in zip(cycles, best, strict=True)])


def build_references(performances: Mapping[str, Mapping[str, Performances]]) -> References:
    """Make references from good performances.

    The limits are calibrated on each person in turn, with references of the others.

    Args:
        performances: for each label, the repetitions of each person; a person has one key under all labels.
    """
    aligned = {
        label: dict(zip(people, _aligned(list(people.values())), strict=True)) for label, people in performances.items()
    }
    common = _common_habits([_habits(list(people.values())) for people in aligned.values()])
    movements = {
        label: _movement(list(performances[label].values()), list(people.values()), common.variance)
        for label, people in aligned.items()
    }
    evidence = _evidence_of_the_good(aligned)
    return References(
        movements=movements,
        correlation=tuple(map(_rounded, common.correlation.round(4))),
        alarm=round(float(np.quantile(evidence, _MOST_SCORES)) if evidence else _NO_PEOPLE_ALARM, 3),
    )


def _evidence_of_the_good(aligned: Mapping[str, Mapping[str, Signal]]) -> list[float]:
    """Return the strongest evidence for a fault in good repetitions of each person, by references of the others."""
    evidence = []
    for person in dict.fromkeys(person for people in aligned.values() for person in people):
        rest = {
            label: [cycles for other, cycles in people.items() if other != person] for label, people in aligned.items()
        }
        common = _common_habits([_habits(others) for others in rest.values()])
        for label, people in aligned.items():
            if person not in people or not rest[label]:
                continue
            reference, noise = _mean(rest[label]), _noise(rest[label])
            tolerance = _tolerance(_habits(rest[label]), common.variance)
            for few in np.array_split(people[person], 2 if len(people[person]) > 1 else 1):
                apart = np.nan_to_num(deviations(few, reference).mean(axis=0))
                spread = np.sqrt(tolerance**2 + noise**2 / len(few))
                evidence.append(float(evidence_of(apart, spread, common.correlation)[0].max()))
    return evidence


_NO_PEOPLE_ALARM = 9.0
"""Alarm where no person can be left out: three standard deviations."""


def evidence_of(
    apart: Vector, spread: Vector, correlation: Signal, overlap: float = _BUMP / 2
) -> tuple[Signal, Signal]:
    """Return for each angle how much speaks for a fault of it alone, and its size in degrees.

    People's habits change several angles together, a fault changes one. So each fault is looked for in the direction
    that habits take least: a matched filter, whose evidence is the square of a number of standard deviations.

    Args:
        apart: deviations `[DEVIATIONS]`; an unknown one is 0.
        spread: their standard deviations.
        correlation: their correlation, `[DEVIATIONS, DEVIATIONS]`.
        overlap: share of a repetition that its extreme fills.

    Returns:
        Evidence and degrees, `[2, angles]`: for a fault throughout, and for one around the extreme.
    """
    inverse = np.linalg.inv(correlation) / np.outer(spread, spread)
    evidence, degrees = np.zeros((2, len(ANGLES))), np.zeros((2, len(ANGLES)))
    for kind, (mean, extreme) in enumerate(((1.0, 1.0), (overlap, 0.75))):
        for angle in range(len(ANGLES)):
            fault = np.zeros(DEVIATIONS)
            fault[2 * angle : 2 * angle + 2] = mean, extreme
            along, power = fault @ inverse @ apart, fault @ inverse @ fault
            evidence[kind, angle] = along**2 / power
            degrees[kind, angle] = along / power
    return evidence, degrees


def _aligned(people: Sequence[Performances]) -> list[Signal]:
    """Return the repetitions of each person, mirrored where the person works on the other side than most."""
    cycles = [person.cycles for person in people]
    mean = cycles[0].mean(axis=0)
    for _ in range(3):
        cycles = [facing_like(each, mean)[0] for each in cycles]
        mean = _mean(cycles)
        cycles = [in_phase(each, mean) for each in cycles]
    return cycles


def _mean(people: Sequence[Signal]) -> Signal:
    return np.mean([np.mean(cycles, axis=0) for cycles in people], axis=0)


def _habits(people: list[Signal]) -> Signal:
    """Return the deviations of each person's mean from the mean of the others, `[people, DEVIATIONS]`."""
    if len(people) < 2:
        return np.zeros((0, DEVIATIONS))
    means = np.stack([cycles.mean(axis=0) for cycles in people])
    rest = (means.sum(axis=0) - means) / (len(means) - 1)
    apart = [deviations(one[None], other)[0] for one, other in zip(means, rest, strict=True)]
    return np.nan_to_num(np.stack(apart)) * np.sqrt((len(means) - 1) / len(means))


class _Habits(NamedTuple):
    variance: npt.NDArray[Any]
    correlation: npt.NDArray[Any]


def _common_habits(habits: list[Signal]) -> _Habits:
    """Return variance and correlation of the habits over all movements."""
    rows = np.concatenate(habits) if habits else np.zeros((0, DEVIATIONS))
    if len(rows) < DEVIATIONS:
        alike = np.array([[1.0, 0.8], [0.8, 1.0]])
        return _Habits(np.full(DEVIATIONS, _HABIT**2), np.kron(np.eye(len(ANGLES)), alike))
    variance = np.maximum((rows**2).mean(axis=0), 1e-6)
    scaled = rows / np.sqrt(variance)
    correlation = scaled.T @ scaled / len(scaled)
    return _Habits(variance, (1 - _CORRELATION_SHRINKAGE) * correlation + _CORRELATION_SHRINKAGE * np.eye(DEVIATIONS))


def _tolerance(habits: Signal, common: Vector) -> Vector:
    variance = ((habits**2).sum(axis=0) + _HABIT_WEIGHT * common) / (len(habits) + _HABIT_WEIGHT)
    return np.sqrt(variance + 1.0)


def _noise(people: Sequence[Signal]) -> Vector:
    apart = [deviations(cycles, cycles.mean(axis=0)) for cycles in people]
    return np.sqrt(np.nan_to_num(np.mean([(each**2).mean(axis=0) for each in apart], axis=0)))


def _movement(given: Sequence[Performances], people: list[Signal], common: Vector) -> Movement:
    mean, spread = _form(people)
    distances = []
    for number, one in enumerate(people):
        rest = people[:number] + people[number + 1 :]
        distances += form_distance(form_features(one), *(_form(rest) if rest else (mean, spread))).tolist()
    return Movement(
        seconds=round(float(np.median(np.concatenate([person.seconds for person in given]))), 3),
        cycle=tuple(_rounded(row) for row in np.nan_to_num(_mean(people)).round(1)),
        form_mean=_rounded(np.nan_to_num(mean).round(1)),
        form_tolerance=_rounded(np.nan_to_num(spread, nan=1e5).round(1)),
        form_limit=round(max(float(np.quantile(distances, _MOST_SCORES)), 0.1), 3),
        deviation_tolerance=_rounded(_tolerance(_habits(people), common).round(2)),
        deviation_noise=_rounded(_noise(people).round(2)),
    )


def _form(people: Sequence[Signal]) -> tuple[Vector, Vector]:
    """Return mean and tolerance of the form features, people counted equally."""
    features = [form_features(cycles) for cycles in people]
    means = np.stack([each.mean(axis=0) for each in features])
    within = np.mean([each.var(axis=0) for each in features], axis=0)
    between = means.var(axis=0, ddof=1) if len(means) > 1 else np.full(means.shape[1], _HABIT**2)
    return means.mean(axis=0), np.sqrt(between + within + _LEAST_DEVIATION**2)


def _rounded(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(values.tolist())
