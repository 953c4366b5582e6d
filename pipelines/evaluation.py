"""The metrics and thresholds of the Evaluator node, as a TFMA configuration."""

from __future__ import annotations

import json

from tensorflow_model_analysis.proto import config_pb2 as tfma

from pipelines.config import EvaluationConfig
from schema.gates import EvaluatorThresholds


def eval_config(evaluation: EvaluationConfig, thresholds: EvaluatorThresholds) -> tfma.EvalConfig:
    """Return the configuration for accuracy, macro F1 and the confusion matrix, overall and by slice.

    The thresholds apply to the whole split, not to slices.

    Args:
        evaluation: slices and confidence intervals.
        thresholds: limits of the metrics.
    """
    accuracy = _at_least(thresholds.min_accuracy)
    accuracy.change_threshold.direction = tfma.MetricDirection.HIGHER_IS_BETTER
    accuracy.change_threshold.absolute.value = -thresholds.max_accuracy_drop
    matrix = tfma.MetricConfig(
        class_name="MultiClassConfusionMatrixAtThresholds",
        config=json.dumps({"name": "confusion_matrix", "thresholds": [0.0]}),
    )
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name="serving_default", prediction_key="probabilities", label_key="label_id", model_type=""
            )
        ],
        slicing_specs=[
            tfma.SlicingSpec(),
            *(tfma.SlicingSpec(feature_keys=[feature]) for feature in evaluation.slices),
        ],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(class_name="ExampleCount"),
                    _metric("SparseCategoricalAccuracy", "accuracy", accuracy),
                    _metric("MacroF1", "macro_f1", _at_least(thresholds.min_macro_f1), "components.evaluator.macro_f1"),
                    matrix,
                ]
            )
        ],
        options=tfma.Options(
            compute_confidence_intervals={"value": evaluation.confidence_intervals},
            confidence_intervals=tfma.ConfidenceIntervalOptions(
                method=tfma.ConfidenceIntervalOptions.POISSON_BOOTSTRAP
            ),
        ),
    )


def _at_least(value: float) -> tfma.MetricThreshold:
    return tfma.MetricThreshold(value_threshold=tfma.GenericValueThreshold(lower_bound={"value": value}))


def _metric(class_name: str, name: str, threshold: tfma.MetricThreshold, module: str = "") -> tfma.MetricConfig:
    """Return a metric whose threshold applies to the whole split."""
    return tfma.MetricConfig(
        class_name=class_name,
        module=module,
        config=json.dumps({"name": name}),
        per_slice_thresholds=[tfma.PerSliceMetricThreshold(slicing_specs=[tfma.SlicingSpec()], threshold=threshold)],
    )
