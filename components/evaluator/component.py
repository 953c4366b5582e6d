"""Evaluator with a readable record of its figures."""

from __future__ import annotations

from tfx.components.evaluator.component import Evaluator as TfxEvaluator
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec

from components.evaluator.executor import Executor


class Evaluator(TfxEvaluator):
    """TFX's Evaluator; its `evaluation` artifact also holds an `Evaluation` (`lineage.payloads.evaluation`).

    TFMA keeps metrics in TFRecords of its own protos, which take TensorFlow and ten seconds to read. What people and
    the lineage queries ask for (metrics and confusion matrix, overall and by slice) is therefore written once more,
    where TFMA is loaded anyway. Channels, parameters and the blessing are TFX's.
    """

    EXECUTOR_SPEC = BeamExecutorSpec(Executor)
