"""Runs TFX's Evaluator, then writes down what it found."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from tfx.components.evaluator.executor import Executor as TfxExecutor
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact

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
        _write_atomically(Path(folder) / METRICS_FILE, summarise(folder))


def summarise(evaluation_folder: str) -> dict[str, Any]:
    """Reads TFMA's output.

    Returns:
        `slices`: a list of {"slice": {feature: value}, "metrics": {name: number or null}, "confusion": [{actual,
        predicted, count}]}, the whole split first; `validation`: {"ok": bool, "failures": [...]}, where a failure
        says metric, value and threshold.
    """
    result = tfma.load_eval_result(evaluation_folder)
    slices = [
        {"slice": dict(key), "metrics": _scalars(metrics), "confusion": _confusion(metrics)}
        for key, metrics in result.slicing_metrics
    ]
    slices.sort(key=lambda entry: (len(entry["slice"]), json.dumps(entry["slice"], default=str)))
    return {"slices": slices, "validation": _validation(evaluation_folder)}


def _scalars(metrics: Any) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for subkeys in metrics.values():
        for subkey, named in subkeys.items():
            prefix = "macro_" if "macro_average" in str(subkey) else ""
            for name, value in named.items():
                number = value.get("doubleValue") if isinstance(value, dict) else None
                if number is not None:
                    number = float(number)
                    found[prefix + name] = number if math.isfinite(number) else None
    return found


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


def _validation(evaluation_folder: str) -> dict[str, Any]:
    result = tfma.load_validation_result(evaluation_folder)
    failures = [
        {
            "metric": failure.metric_key.name,
            "message": failure.message,
            "value": failure.metric_value.double_value.value,
        }
        for entry in result.metric_validations_per_slice
        for failure in entry.failures
    ]
    return {"ok": bool(result.validation_ok), "failures": failures}


def _write_atomically(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    temporary.rename(path)
