"""The metrics of the audit report: tables by slice with intervals, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lineage.measures import PERSON, Measure
from lineage.model import Artifact
from payloads.evaluation import WHOLE, Evaluation


def slice_tables(measures: Iterable[Measure]) -> list[dict[str, Any]]:
    """Return a table for the whole test split, then one for each feature.

    People are numbered instead of named, the one with the lowest accuracy first.
    """
    slices: dict[str, dict[str, Measure]] = {}
    for measure in measures:
        if measure.threshold is None:
            slices.setdefault(measure.slice, {})[measure.metric] = measure
    tables: dict[str, list[tuple[str, dict[str, Measure]]]] = {}
    for name, found in slices.items():
        feature, _, value = name.partition("=")
        tables.setdefault(feature, []).append((value or "everything", found))
    if PERSON in tables:
        weakest_first = sorted((found for _, found in tables[PERSON]), key=_accuracy)
        tables[PERSON] = [(f"person {place}", found) for place, found in enumerate(weakest_first, 1)]
    metrics = [m for m in next(iter(slices.values()), {}) if m != "example_count" and not m.endswith("_diff")]
    # Within one label there is one class, so a mean over classes has no meaning there.
    metrics_of = {"label": [m for m in metrics if m == "accuracy"]}
    return [_slice_table(feature, metrics_of.get(feature, metrics), rows) for feature, rows in tables.items()]


def _slice_table(feature: str, metrics: list[str], rows: list[tuple[str, dict[str, Measure]]]) -> dict[str, Any]:
    return {
        "feature": feature,
        "whole": feature == WHOLE,
        "metrics": metrics,
        "rows": [
            {
                "name": name,
                "windows": figure(measures["example_count"].value) if "example_count" in measures else "",
                "cells": [_bar(measures.get(metric)) for metric in metrics],
            }
            for name, measures in rows
        ],
    }


def _accuracy(measures: dict[str, Measure]) -> float:
    accuracy = measures.get("accuracy")
    return accuracy.value or 0.0 if accuracy else 0.0


def _bar(measure: Measure | None) -> dict[str, Any]:
    """Return a metric as text, and the position of its interval on a bar in per cent."""
    if measure is None or measure.value is None:
        return {"text": "–", "bounds": "", "at": None}
    low = measure.value if measure.lower is None else measure.lower
    high = measure.value if measure.upper is None else measure.upper
    at, left, right = (round(100 * min(1.0, max(0.0, end)), 1) for end in (measure.value, low, high))
    bounds = f"{low:.3f}–{high:.3f}" if measure.lower is not None else ""
    return {"text": f"{measure.value:.3f}", "bounds": bounds, "at": at, "left": left, "width": round(right - left, 1)}


def confusion_table(evaluation: Artifact, labels: list[str]) -> dict[str, Any] | None:
    """Return a row for each actual class with the counts of the predicted classes; None without a confusion matrix.

    Args:
        evaluation: ModelEvaluation artifact.
        labels: names of the classes, in the order of their numbers.
    """
    found = Evaluation.read_if_sound(Path(evaluation.uri)) or Evaluation()
    counts = {(cell.actual, cell.predicted): cell.count for cell in found.whole.confusion}
    if not counts:
        return None
    classes = range(max(len(labels), 1 + max(max(cell) for cell in counts)))
    names = [labels[number] if number < len(labels) else f"class {number}" for number in classes]
    rows = []
    for actual in classes:
        cells = [counts.get((actual, predicted), 0) for predicted in classes]
        total = sum(cells)
        rows.append(
            {
                "name": names[actual],
                "recall": f"{cells[actual] / total:.2f}" if total else "–",
                "cells": [{"count": c, "share": round(100 * c / total) if total else 0} for c in cells],
            }
        )
    return {"names": names, "rows": rows}


def figure(value: float | None) -> str:
    """Return a figure as text: a whole number with thousands separators, any other number with four digits."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 2 else f"{value:.4g}"
