"""Verdicts: figures held against thresholds, the one form in which every gate records its judgement."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from lineage.payloads.json_payload import JsonPayload

Direction = Literal["min", "max"]
"""Whether the threshold is the smallest or the largest value that passes."""


def finite(value: Any) -> float | None:
    """Return a finite number as it is, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


Figure = Annotated[float | None, BeforeValidator(finite)]
"""A measured value; None if it could not be measured or is not finite."""


class Verdict(BaseModel):
    """One figure held against one threshold.

    Attributes:
        gate: name of the check, for example `max_bytes`.
        figure: measured value; None if it could not be measured.
        threshold: limit that the figure was held against; None where the gate has none.
        direction: `min` if the threshold is the smallest value that passes, `max` if it is the largest.
        unit: unit of figure and threshold.
        passed: whether the figure keeps the limit.
        detail: anything else a person should know, for example which file the figure is from.
    """

    model_config = ConfigDict(frozen=True)

    gate: str
    figure: Figure
    threshold: Figure
    direction: Direction
    unit: str
    passed: bool
    detail: str = ""

    @model_validator(mode="before")
    @classmethod
    def _read_older(cls, values: Any) -> Any:
        """Derive the direction of verdicts recorded before they had one; Evaluator's had it in place of the unit."""
        if not isinstance(values, dict) or "direction" in values:
            return values
        at_least = str(values.get("gate", "")).startswith("min_") or values.get("unit") == "at least"
        return values | {"direction": "min" if at_least else "max"}

    @property
    def limit(self) -> str:
        """Threshold, direction and unit for people, for example `at most 300,000 bytes`."""
        words = "at least" if self.direction == "min" else "at most"
        unit = "" if self.unit in ("share", "at least") else f" {self.unit}"
        return "no limit" if self.threshold is None else f"{words} {shown(self.threshold)}{unit}"

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.gate}: {shown(self.figure)}, {self.limit} passes{detail}"


def shown(figure: float | None) -> str:
    """Return a figure as text for people."""
    if figure is None:
        return "not measured"
    return f"{figure:,.0f}" if figure == int(figure) or abs(figure) >= 1000 else f"{figure:.4g}"


def check_threshold(
    gate: str, figure: float | None, threshold: float, direction: Direction, unit: str, detail: str = ""
) -> Verdict:
    """Hold a figure against a threshold; a figure that is None or not finite does not pass."""
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


class Judgement(JsonPayload):
    """What a gate measured and decided; the payload of its blessing.

    Attributes:
        verdicts: one for each threshold.
    """

    FILE: ClassVar[str] = "verdict.json"

    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """Whether every verdict passed."""
        return all(verdict.passed for verdict in self.verdicts)


class FileFigures(BaseModel):
    """What ModelValidator measured on one TFLite file.

    Attributes:
        shipped: whether the file is shipped, or only made for comparison.
        bytes: size of the file.
        sequence_accuracy: share of test sequences classified correctly; None if the file could not be run.
        window_accuracy: share of test windows classified correctly; None if the file could not be run.
        fault: why the file could not be run; None if it ran.
    """

    model_config = ConfigDict(frozen=True)

    shipped: bool
    bytes: int
    sequence_accuracy: float | None = None
    window_accuracy: float | None = None
    fault: str | None = None


class EdgeJudgement(Judgement):
    """ModelValidator's judgement of the converted files.

    Attributes:
        accuracy: share of correct classifications by name: `int8_sequence`, `float_sequence`, `int8_window`,
            `float_window`.
        files: file name to its figures.
        sequences: number of test sequences.
        windows: number of test windows.
    """

    accuracy: dict[str, Figure] = Field(default_factory=dict)
    files: dict[str, FileFigures] = Field(default_factory=dict)
    sequences: int = 0
    windows: int = 0


class FormatFigures(BaseModel):
    """What ServingSmoke measured on one format; None stands for what could not be measured.

    Attributes:
        shipped: whether the format is shipped, or only made for comparison.
        fault: why the format did not serve; None if it did.
        seconds: wall time of its whole trial.
        load_ms: time to load it.
        first_ms: time for the first window.
        p50_ms: median time for a window.
        p95_ms: 95th percentile of the time for a window.
        agreement: share of windows classified as the SavedModel classifies them.
        mean_difference: mean over windows of the greatest difference of a probability from the SavedModel's.
        max_difference: greatest difference of a probability from the SavedModel's.
    """

    model_config = ConfigDict(frozen=True)

    shipped: bool
    fault: str | None
    seconds: float
    load_ms: float | None = None
    first_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    agreement: float | None = None
    mean_difference: float | None = None
    max_difference: float | None = None

    @property
    def start_ms(self) -> float | None:
        """Time for loading and the first window; None if it did not get that far."""
        return None if self.load_ms is None or self.first_ms is None else self.load_ms + self.first_ms


class ServingJudgement(Judgement):
    """ServingSmoke's judgement of every format.

    Attributes:
        latency_ms: `p50` and `p95` of the int8 file, if it served.
        formats: `saved_model` or file name to its figures.
        windows: number of windows that every format was run on.
    """

    latency_ms: dict[str, Figure] = Field(default_factory=dict)
    formats: dict[str, FormatFigures] = Field(default_factory=dict)
    windows: int = 0
