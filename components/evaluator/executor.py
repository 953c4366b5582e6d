"""Runs TFX's Evaluator, then writes down what it found."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from tfx.components.evaluator.executor import Executor as TfxExecutor
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact

import components.evaluator.macro_f1  # noqa: F401 - TFMA imports it by name; imported here, an edit to it is seen
from data.files import write_atomically

METRICS_FILE = "metrics.json"


class Executor(TfxExecutor):
    """TFX's Evaluator executor plus `metrics.json`."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See BaseExecutor."""
        super().Do(input_dict, output_dict, exec_properties)
        folder = artifact_utils.get_single_uri(output_dict["evaluation"])
        write_atomically(Path(folder) / METRICS_FILE, json.dumps(summarise(folder), indent=1))


def summarise(evaluation_folder: str) -> dict[str, Any]:
    """Reads TFMA's output.

    Returns:
        `slices`: a list of {"slice": {feature: value}, "metrics": {name: number, null or {value, lower, upper}},
        "confusion": [{actual, predicted, count}]}, the whole split first; `verdicts`: a list of {gate, figure,
        threshold, unit, passed}, one a threshold.
    """
    config = tfma.load_eval_result(evaluation_folder).config
    results = {spec.name: tfma.load_eval_result(evaluation_folder, model_name=spec.name) for spec in config.model_specs}
    candidate = results.get("candidate") or results[""]
    slices: list[dict[str, Any]] = [
        {"slice": dict(key), "metrics": _scalars(metrics), "confusion": _confusion(metrics)}
        for key, metrics in candidate.slicing_metrics
    ]
    slices.sort(key=lambda entry: (len(entry["slice"]), json.dumps(entry["slice"], default=str)))
    baseline = None
    if "baseline" in results:
        baseline = next(_scalars(metrics) for key, metrics in results["baseline"].slicing_metrics if not key)
    return {
        "slices": slices,
        "verdicts": list(_verdicts(config, slices[0]["metrics"], baseline)),
        "blessed": bool(tfma.load_validation_result(evaluation_folder).validation_ok),
    }


def _verdicts(
    config: tfma.EvalConfig, metrics: dict[str, Any], baseline: dict[str, Any] | None
) -> Iterator[dict[str, Any]]:
    for spec in config.metrics_specs:
        for metric in spec.metrics:
            name = json.loads(metric.config or "{}").get("name", "")
            for entry in metric.per_slice_thresholds:
                threshold = entry.threshold
                if threshold.HasField("value_threshold"):
                    yield _verdict(name, metrics.get(name), threshold.value_threshold.lower_bound.value)
                if threshold.HasField("change_threshold") and baseline is not None:
                    change = _number(metrics[name]) - _number(baseline[name])
                    yield _verdict(f"{name} change", change, threshold.change_threshold.absolute.value)


def _verdict(name: str, figure: Any, lower_bound: float) -> dict[str, Any]:
    number = _number(figure)
    return {
        "gate": f"evaluator {name}",
        "figure": number,
        "threshold": lower_bound,
        "unit": "at least",
        "passed": number >= lower_bound,
    }


def _number(figure: Any) -> float:
    value = figure["value"] if isinstance(figure, dict) else figure
    return float("-inf") if value is None else value


def _scalars(metrics: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for subkeys in metrics.values():
        for named in subkeys.values():
            for name, value in named.items():
                if "doubleValue" in value:
                    found[name] = _finite(value["doubleValue"])
                elif "boundedValue" in value:
                    bounded = value["boundedValue"]
                    found[name] = {
                        "value": _finite(bounded["value"]),
                        "lower": _finite(bounded["lowerBound"]),
                        "upper": _finite(bounded["upperBound"]),
                    }
    return found


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _confusion(metrics: Any) -> list[dict[str, int]]:
    for subkeys in metrics.values():
        for named in subkeys.values():
            for value in named.values():
                matrices = value.get("multiClassConfusionMatrixAtThresholds") if isinstance(value, dict) else None
                if matrices:
                    return [
                        {
                            "actual": int(entry.get("actualClassId", 0)),
                            "predicted": int(entry.get("predictedClassId", 0)),
                            "count": round(float(entry.get("numWeightedExamples", 0))),
                        }
                        for entry in matrices["matrices"][0].get("entries", [])
                    ]
    return []
