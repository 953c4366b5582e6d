"""The macro F1 score as a metric of TensorFlow Model Analysis."""

from __future__ import annotations

from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.metrics.multi_class_confusion_matrix_metrics import (
    Matrices,
    multi_class_confusion_matrices,
)
from tensorflow_model_analysis.proto import config_pb2

_THRESHOLD = 0.0


class MacroF1(metric_types.Metric):
    """Mean of the F1 scores of all classes that occur in a slice as labels or predictions.

    The F1 score of a class is 2 TP / (2 TP + FP + FN); the predicted class is the one with the largest probability.
    TFMA's own F1Score cannot be used: with macro averaging it applies a threshold also to every single class, and its
    name in the results contains a serialised protocol buffer.
    """

    def __init__(self, name: str = "macro_f1") -> None:
        super().__init__(metric_util.merge_per_key_computations(_computations), name=name)


metric_types.register_metric(MacroF1)


def _computations(
    name: str = "macro_f1",
    eval_config: config_pb2.EvalConfig | None = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
) -> list[metric_types.MetricComputation]:
    matrices = multi_class_confusion_matrices(
        thresholds=[_THRESHOLD],
        eval_config=eval_config,
        model_name=model_name,
        output_name=output_name,
        example_weighted=example_weighted,
    )
    source = matrices[-1].keys[-1]
    key = metric_types.MetricKey(
        name=name, model_name=model_name, output_name=output_name, example_weighted=example_weighted
    )

    def result(metrics: dict[metric_types.MetricKey, Matrices]) -> dict[metric_types.MetricKey, float]:
        # Comparing NumPy integers gives NumPy booleans, whose sum is a boolean, not a number.
        cells = {(int(actual), int(called)): count for (actual, called), count in metrics[source][_THRESHOLD].items()}
        return {key: macro_f1(cells)}

    return [*matrices, metric_types.DerivedMetricComputation(keys=[key], result=result)]


def macro_f1(cells: dict[tuple[int, int], float]) -> float:
    """Return the macro F1 score of a confusion matrix.

    Args:
        cells: number of examples for each pair of actual and predicted class.
    """
    classes = {label for cell in cells for label in cell}
    scores = []
    for label in classes:
        hits = cells.get((label, label), 0.0)
        touched = sum(count * ((actual == label) + (called == label)) for (actual, called), count in cells.items())
        scores.append(2 * hits / touched if touched else 0.0)
    return sum(scores) / len(scores)
