"""What Evaluator measures and what it demands, as a TFMA configuration."""

from __future__ import annotations

import json
from typing import Any

import tensorflow_model_analysis as tfma

from pipelines.config import EvaluationConfig


def eval_config(evaluation: EvaluationConfig, gate: dict[str, Any], labels: tuple[str, ...]) -> tfma.EvalConfig:
    """Accuracy, macro F1 and the confusion matrix, overall and by slice; thresholds hold for the whole split.

    Args:
        evaluation: slices and confidence intervals.
        gate: section `evaluator` of the gates file: `min_accuracy`, `min_macro_f1`, `max_accuracy_drop` (against the
            last blessed model), all as shares of windows.
        labels: the classes in order.
    """
    whole = [tfma.SlicingSpec()]
    classes = range(len(labels))
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name="serving_default", prediction_key="probabilities", label_key="label_id", model_type=""
            )
        ],
        slicing_specs=[*whole, *(tfma.SlicingSpec(feature_keys=[feature]) for feature in evaluation.slices)],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(class_name="ExampleCount"),
                    tfma.MetricConfig(
                        class_name="SparseCategoricalAccuracy",
                        config=json.dumps({"name": "accuracy"}),
                        per_slice_thresholds=[
                            tfma.PerSliceMetricThreshold(
                                slicing_specs=whole,
                                threshold=tfma.MetricThreshold(
                                    value_threshold=tfma.GenericValueThreshold(
                                        lower_bound={"value": gate["min_accuracy"]}
                                    ),
                                    change_threshold=tfma.GenericChangeThreshold(
                                        direction=tfma.MetricDirection.HIGHER_IS_BETTER,
                                        absolute={"value": -gate["max_accuracy_drop"]},
                                    ),
                                ),
                            )
                        ],
                    ),
                    tfma.MetricConfig(
                        class_name="MultiClassConfusionMatrixAtThresholds",
                        config=json.dumps({"name": "confusion_matrix", "thresholds": [0.0]}),
                    ),
                ]
            ),
            tfma.MetricsSpec(
                binarize=tfma.BinarizationOptions(class_ids={"values": classes}),
                aggregate=tfma.AggregationOptions(macro_average=True, class_weights=dict.fromkeys(classes, 1.0)),
                metrics=[
                    tfma.MetricConfig(
                        class_name="F1Score",
                        config=json.dumps({"name": "f1"}),
                        per_slice_thresholds=[
                            tfma.PerSliceMetricThreshold(
                                slicing_specs=whole,
                                threshold=tfma.MetricThreshold(
                                    value_threshold=tfma.GenericValueThreshold(
                                        lower_bound={"value": gate["min_macro_f1"]}
                                    )
                                ),
                            )
                        ],
                    )
                ],
            ),
        ],
        options=tfma.Options(
            compute_confidence_intervals={"value": evaluation.confidence_intervals},
            confidence_intervals=tfma.ConfidenceIntervalOptions(
                method=tfma.ConfidenceIntervalOptions.POISSON_BOOTSTRAP
            ),
        ),
    )
