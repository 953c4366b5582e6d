"""The figures that Evaluator, ModelValidator, ServingSmoke and DataGate wrote down, one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineage.model import Artifact
from lineage.payloads import reading

WHOLE, PERSON = "all", "subject"
_METRICS_FILE, _VERDICT_FILE = "metrics.json", "verdict.json"


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure.

    Attributes:
        slice: `all`, or `feature=value` of the examples that it is of.
        metric: name of the metric or gate.
        value: the figure; None if there was nothing to measure.
        lower: end of its 95 % interval, None where none was found.
        upper: end of its 95 % interval, None where none was found.
        threshold: that a gate held it against.
        passed: what the gate said.
    """

    slice: str
    metric: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    threshold: float | None = None
    passed: bool | None = None


def read_measures(artifact: Artifact) -> Iterator[Measure]:
    """Every figure in a ModelEvaluation, a verdict on shipped files or on data; none if the payload is gone."""
    if artifact.type == reading.EVALUATION:
        for entry in _entries(reading.read_json(Path(artifact.uri) / _METRICS_FILE), "slices"):
            name = slice_name(entry.get("slice", {}))
            for metric, value in entry.get("metrics", {}).items():
                yield Measure(name, metric, *_with_bounds(value))
    elif artifact.type in reading.SHIPPED_VERDICTS:
        verdict = reading.read_json(Path(artifact.uri) / _VERDICT_FILE) or {}
        for metric, value in verdict.get("accuracy", {}).items():
            yield Measure(WHOLE, f"{metric}_accuracy", number(value))
        for metric, value in verdict.get("latency_ms", {}).items():
            yield Measure(WHOLE, f"latency_{metric}_ms", number(value))
    for found in reading.read_verdicts(artifact):
        yield Measure(
            WHOLE,
            str(found["gate"]),
            number(found.get("figure")),
            None,
            None,
            number(found.get("threshold")),
            found.get("passed"),
        )


def slice_name(slice_: dict[str, Any]) -> str:
    """`all`, or `feature=value`."""
    return ", ".join(f"{feature}={value}" for feature, value in slice_.items()) or WHOLE


def number(value: Any) -> float | None:
    """A finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _with_bounds(value: Any) -> tuple[float | None, float | None, float | None]:
    if isinstance(value, dict):
        return number(value.get("value")), number(value.get("lower")), number(value.get("upper"))
    return number(value), None, None


def _entries(content: dict[str, Any] | None, name: str) -> list[dict[str, Any]]:
    found = (content or {}).get(name)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
