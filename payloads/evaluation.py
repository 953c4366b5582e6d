"""Evaluator's metrics of a SavedModel: overall and by slice, with the verdicts on them."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from payloads.json_payload import JsonPayload
from payloads.verdict import Figure, Verdict, finite

WHOLE = "all"
"""Name of the slice that holds all examples."""


class Interval(BaseModel):
    """A metric with its confidence interval.

    Attributes:
        value: the metric.
        lower: lower end of the 95 % interval.
        upper: upper end of the 95 % interval.
    """

    model_config = ConfigDict(frozen=True)

    value: Figure = None
    lower: Figure = None
    upper: Figure = None


class ConfusionCell(BaseModel):
    """Number of examples of one class that were classified as another.

    Attributes:
        actual: `label_id` of the true label.
        predicted: `label_id` of the label with the greatest probability.
        count: number of windows.
    """

    model_config = ConfigDict(frozen=True)

    actual: int
    predicted: int
    count: int


class Slice(BaseModel):
    """The metrics of some examples.

    Attributes:
        slice: feature to the value that the examples have in common; empty for all examples.
        metrics: name to value.
        confusion: cells of the confusion matrix that are not zero.
    """

    model_config = ConfigDict(frozen=True)

    slice: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Interval | float | None] = Field(default_factory=dict)
    confusion: tuple[ConfusionCell, ...] = ()

    @property
    def name(self) -> str:
        """`all`, or `feature=value`."""
        return ", ".join(f"{feature}={value}" for feature, value in self.slice.items()) or WHOLE

    def interval(self, metric: str) -> Interval:
        """Return a metric with its interval; without one where none was computed."""
        found = self.metrics.get(metric)
        return found if isinstance(found, Interval) else Interval(value=finite(found))


class Evaluation(JsonPayload):
    """What Evaluator measured and decided; in addition to what TFMA writes.

    Attributes:
        slices: the whole split first.
        verdicts: one for each threshold.
        blessed: whether TFMA's validation passed.
    """

    FILE: ClassVar[str] = "metrics.json"

    slices: tuple[Slice, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    blessed: bool = False

    @property
    def whole(self) -> Slice:
        """The slice of all examples; an empty one if it is not there."""
        return next((found for found in self.slices if not found.slice), Slice())
