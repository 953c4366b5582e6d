"""Verdict: a figure compared with a threshold, the form in which every gate judges."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

Direction = Literal["min", "max"]
"""Whether the threshold is the smallest or the largest value that passes."""


def finite(value: Any) -> float | None:
    """Return a finite number as it is, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _figure(value: Any) -> float | None:
    """Map a number that is not finite to None, as JSON has none; reject what is not a number."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError("must be a number or null")
    return finite(value)


Figure = Annotated[float | None, BeforeValidator(_figure)]
"""A measured value; None if it could not be measured or is not finite."""


class Verdict(BaseModel):
    """A figure compared with a threshold.

    Attributes:
        gate: name of the check, for example `max_bytes`.
        figure: measured value; None if it could not be measured.
        threshold: limit that the figure is compared with; None where the gate has none.
        direction: `min` if the threshold is the smallest value that passes, `max` if it is the largest.
        unit: unit of figure and threshold.
        passed: whether the figure keeps the limit.
        detail: anything else a person should know, for example which file the figure is from.
        is_open: whether the figure could not be judged now, for example because other programs disturbed a
            measurement of time; it is then not passed.
    """

    model_config = ConfigDict(frozen=True)

    gate: str
    figure: Figure
    threshold: Figure
    direction: Direction
    unit: str
    passed: bool
    detail: str = ""
    is_open: bool = False

    @model_validator(mode="before")
    @classmethod
    def _read_older(cls, values: Any) -> Any:
        """Derive the direction of verdicts recorded before they had one; Evaluator's had it in place of the unit."""
        if not isinstance(values, dict) or "direction" in values:
            return values
        at_least = str(values.get("gate", "")).startswith("min_") or values.get("unit") == "at least"
        return values | {"direction": "min" if at_least else "max"}

    @property
    def is_timed(self) -> bool:
        """Whether the figure is a time, so that another try on the same files may give another one."""
        return self.figure is not None and self.unit in ("s", "ms")

    @property
    def is_of_faults(self) -> bool:
        """Whether it counts formats with a fault, or a fault may be why there is no figure."""
        return self.figure is None or self.unit == "formats"

    @property
    def judgement(self) -> str:
        """Whether the figure was accepted, for people."""
        return "passed" if self.passed else "not measurable" if self.is_open else "rejected"

    @property
    def limit(self) -> str:
        """Threshold, direction and unit for people, for example `at most 300,000 bytes`."""
        words = "at least" if self.direction == "min" else "at most"
        unit = "" if self.unit in ("share", "at least") else f" {self.unit}"
        return "no limit" if self.threshold is None else f"{words} {shown(self.threshold)}{unit}"

    def __str__(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        now = ", not measurable now" if self.is_open else ""
        return f"{self.gate}: {shown(self.figure)} ({self.limit}{now}){detail}"


def shown(figure: float | None) -> str:
    """Return a figure as text for people."""
    if figure is None:
        return "not measured"
    return f"{figure:,.0f}" if figure == int(figure) or abs(figure) >= 1000 else f"{figure:.4g}"


def check_threshold(
    gate: str, figure: float | None, threshold: float, direction: Direction, unit: str, detail: str = ""
) -> Verdict:
    """Compare a figure with a threshold; a figure that is None or not finite does not pass."""
    measured = finite(figure)
    passed = measured is not None and (measured >= threshold if direction == "min" else measured <= threshold)
    return Verdict(
        gate=gate,
        figure=measured,
        threshold=threshold,
        direction=direction,
        unit=unit,
        passed=passed,
        detail=detail,
    )
