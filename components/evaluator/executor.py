"""Executor of Evaluator: runs TFX's Evaluator, then records its metrics in a form that can be read without TFMA."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import tensorflow_model_analysis as tfma
from tfx.components.evaluator.executor import Executor as TfxExecutor
from tfx.types.artifact import Artifact

import components.evaluator.macro_f1  # noqa: F401 - TFMA imports it by name; this import makes it part of the node's fingerprint
from components.artifacts.folders import artifact_folder
from payloads.evaluation import ConfusionCell, Evaluation, Interval, Slice
from payloads.verdict import Verdict, check_threshold, finite


class Executor(TfxExecutor):
    """TFX executor that evaluates a model and writes an `Evaluation`."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluate the model and record the metrics."""
        super().Do(input_dict, output_dict, exec_properties)
        folder = artifact_folder(output_dict, "evaluation")
        summarise(str(folder)).write(folder)


def summarise(evaluation_folder: str) -> Evaluation:
    """Return the metrics by slice, the verdicts and the result of the validation that TFMA wrote into a folder."""
    config = tfma.load_eval_result(evaluation_folder).config
    results = {spec.name: tfma.load_eval_result(evaluation_folder, model_name=spec.name) for spec in config.model_specs}
    candidate = results.get("candidate") or results[""]
    slices = [
        Slice(slice=dict(key), metrics=_scalars(metrics), confusion=_confusion(metrics))
        for key, metrics in candidate.slicing_metrics
    ]
    slices.sort(key=lambda part: (len(part.slice), json.dumps(part.slice, default=str)))
    baseline = None
    if "baseline" in results:
        whole = next(metrics for key, metrics in results["baseline"].slicing_metrics if not key)
        baseline = Slice(metrics=_scalars(whole))
    return Evaluation(
        slices=tuple(slices),
        verdicts=tuple(_verdicts(config, slices[0], baseline)),
        blessed=bool(tfma.load_validation_result(evaluation_folder).validation_ok),
    )


def _verdicts(config: tfma.EvalConfig, candidate: Slice, baseline: Slice | None) -> Iterator[Verdict]:
    for spec in config.metrics_specs:
        for metric in spec.metrics:
            name = json.loads(metric.config or "{}").get("name", "")
            figure = candidate.interval(name).value
            for entry in metric.per_slice_thresholds:
                threshold = entry.threshold
                if threshold.HasField("value_threshold"):
                    lowest = threshold.value_threshold.lower_bound.value
                    yield check_threshold(f"evaluator {name}", figure, lowest, "min", "share")
                if threshold.HasField("change_threshold") and baseline is not None:
                    before = baseline.interval(name).value
                    change = None if figure is None or before is None else figure - before
                    lowest = threshold.change_threshold.absolute.value
                    yield check_threshold(f"evaluator {name} change", change, lowest, "min", "share")


def _scalars(metrics: Any) -> dict[str, Interval | float | None]:
    found: dict[str, Interval | float | None] = {}
    for subkeys in metrics.values():
        for named in subkeys.values():
            for name, value in named.items():
                if "doubleValue" in value:
                    found[name] = finite(float(value["doubleValue"]))
                elif "boundedValue" in value:
                    bounded = value["boundedValue"]
                    found[name] = Interval(
                        value=float(bounded["value"]),
                        lower=float(bounded["lowerBound"]),
                        upper=float(bounded["upperBound"]),
                    )
    return found


def _confusion(metrics: Any) -> tuple[ConfusionCell, ...]:
    for subkeys in metrics.values():
        for named in subkeys.values():
            for value in named.values():
                matrices = value.get("multiClassConfusionMatrixAtThresholds") if isinstance(value, dict) else None
                if matrices:
                    return tuple(
                        ConfusionCell(
                            actual=int(entry.get("actualClassId", 0)),
                            predicted=int(entry.get("predictedClassId", 0)),
                            count=round(float(entry.get("numWeightedExamples", 0))),
                        )
                        for entry in matrices["matrices"][0].get("entries", [])
                    )
    return ()
