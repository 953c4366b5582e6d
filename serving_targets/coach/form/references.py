"""References: how a movement is performed well, and how much people differ who perform it well.

Made from repetitions by `build_references`, on signals of `body_signal`. Nothing in them names or counts a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, model_validator

from serving_targets.coach.form.deviations import (
    DEVIATIONS,
    FAULTS,
    Habits,
    common_habits,
    deviations,
    evidence_of,
    fault_curves,
    fault_filters,
    mean_cycle,
)
from serving_targets.coach.movement.signals import CHANNELS, Signal, mirrored, resampled

PHASES = 24
"""Rows of a cycle."""
_SHAPE_PHASES = 8
_MOST_SHIFT = 3
"""Phases by which the boundaries of a repetition may be off."""

_LEAST_DEVIATION = 2.0
"""Degrees by which two performances always may differ."""
_HABIT = 8.0
"""Standard deviation of people's habits in degrees, where too few people are known to measure it."""
_WEIGHT = 1e-4
"""Unit of the filters of a reference."""
_GOOD_SCORES = 0.8
"""Share of good performances of new people that shall score 70 or more: fewer let more bad ones pass as good."""
_SILENT = 0.88
"""Share of good performances of new people that shall get no correction."""

Vector = npt.NDArray[np.float64]
Number = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Numbers = Annotated[
    tuple[Number, ...],
    Field(max_length=CHANNELS * (_SHAPE_PHASES + 1)),
    PlainSerializer(lambda row: [int(number) if number == int(number) else number for number in row]),
]
"""Numbers of a row; whole ones are written without a fraction, which keeps the file small."""


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
        filters: for each fault of `fault_curves`, the weights with which `deviations` are summed to find it,
            in `_WEIGHT`.
    """

    seconds: Annotated[float, Field(gt=0, le=600)]
    cycle: Annotated[tuple[Numbers, ...], Field(min_length=PHASES, max_length=PHASES)]
    form_mean: Numbers
    form_tolerance: Numbers
    form_limit: Annotated[float, Field(gt=0, le=1e6)]
    filters: Annotated[tuple[Numbers, ...], Field(min_length=FAULTS, max_length=FAULTS)]

    @model_validator(mode="after")
    def _has_the_channels_of_a_signal(self) -> Movement:
        sizes = {len(row) for row in self.cycle}
        form = CHANNELS * (_SHAPE_PHASES + 1)
        given = {len(row) for row in self.filters}, len(self.form_mean), len(self.form_tolerance)
        if sizes != {CHANNELS} or given != ({DEVIATIONS}, form, form):
            raise ValueError("a reference has rows of other lengths than the signal of this version")
        if min(self.form_tolerance) <= 0:
            raise ValueError("a tolerance is 0")
        return self

    @cached_property
    def rows(self) -> Signal:
        """The cycle as `[PHASES, CHANNELS]`."""
        return _fixed(np.array(self.cycle))

    @cached_property
    def fault_filters(self) -> Signal:
        """The filters as `[FAULTS, DEVIATIONS]`, in their own unit."""
        return _fixed(_WEIGHT * np.array(self.filters))


class References(_Table):
    """References of all movements of a bundle.

    Attributes:
        schema_version: version of this format.
        movements: label to its reference.
        alarm: evidence above which a correction is given.
    """

    schema_version: Literal[1] = 1
    movements: Annotated[dict[str, Movement], Field(max_length=1000)]
    alarm: Annotated[float, Field(ge=0, le=1e9)]


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
    common = common_habits([list(people.values()) for people in aligned.values()])
    movements = {
        label: _movement(list(performances[label].values()), list(people.values()), common)
        for label, people in aligned.items()
    }
    evidence = _evidence_of_the_good(aligned)
    return References(
        movements=movements,
        alarm=round(float(np.quantile(evidence, _SILENT)) if evidence else _NO_PEOPLE_ALARM, 3),
    )


def _evidence_of_the_good(aligned: Mapping[str, Mapping[str, Signal]]) -> list[float]:
    """Return the strongest evidence for a fault in good repetitions of each person, by references of the others."""
    evidence = []
    for person in dict.fromkeys(person for people in aligned.values() for person in people):
        rest = {
            label: [cycles for other, cycles in people.items() if other != person] for label, people in aligned.items()
        }
        common = common_habits([others for others in rest.values() if others])
        for label, people in aligned.items():
            if person not in people or not rest[label]:
                continue
            reference = mean_cycle(rest[label])
            faults = fault_curves(reference)
            filters = fault_filters(rest[label], faults, common)
            for few in np.array_split(people[person], 2 if len(people[person]) > 1 else 1):
                apart = deviations(few, reference).mean(axis=0)
                evidence.append(float(evidence_of(apart, filters, faults)[0].max()))
    return evidence


_NO_PEOPLE_ALARM = 1.0
"""Alarm where no person can be left out."""


def _aligned(people: Sequence[Performances]) -> list[Signal]:
    """Return the repetitions of each person, mirrored where the person works on the other side than most."""
    cycles = [person.cycles for person in people]
    mean = cycles[0].mean(axis=0)
    for _ in range(3):
        cycles = [facing_like(each, mean)[0] for each in cycles]
        mean = mean_cycle(cycles)
        cycles = [in_phase(each, mean) for each in cycles]
    return cycles


def _movement(given: Sequence[Performances], people: list[Signal], common: Habits) -> Movement:
    mean, spread = _form(people)
    distances = []
    for number, one in enumerate(people):
        rest = people[:number] + people[number + 1 :]
        distances += form_distance(form_features(one), *(_form(rest) if rest else (mean, spread))).tolist()
    cycle = np.nan_to_num(mean_cycle(people)).round()
    weights = (fault_filters(people, fault_curves(cycle), common) / _WEIGHT).round()
    return Movement(
        seconds=round(float(np.median(np.concatenate([person.seconds for person in given]))), 3),
        cycle=tuple(_rounded(row) for row in cycle),
        form_mean=_rounded(np.nan_to_num(mean).round()),
        form_tolerance=_rounded(np.nan_to_num(spread, nan=1e5).round(1)),
        form_limit=round(max(float(np.quantile(distances, _GOOD_SCORES)), 0.1), 3),
        filters=tuple(_rounded(row) for row in weights),
    )


def _form(people: Sequence[Signal]) -> tuple[Vector, Vector]:
    """Return mean and tolerance of the form features, people counted equally."""
    features = [form_features(cycles) for cycles in people]
    means = np.stack([each.mean(axis=0) for each in features])
    within = np.mean([each.var(axis=0) for each in features], axis=0)
    between = means.var(axis=0, ddof=1) if len(means) > 1 else np.full(means.shape[1], _HABIT**2)
    return means.mean(axis=0), np.sqrt(between + within + _LEAST_DEVIATION**2)


def _fixed(values: Signal) -> Signal:
    values.setflags(write=False)
    return values


def _rounded(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(values.tolist())
