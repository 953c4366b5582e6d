"""Evaluator: TFX's Evaluator with a record of its metrics that can be read without TFMA."""

from __future__ import annotations

from tfx.components.evaluator.component import Evaluator as TfxEvaluator
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec

from components.evaluator.executor import Executor


class Evaluator(TfxEvaluator):
    """TFX's Evaluator, which also writes an `Evaluation` (`payloads.evaluation`) into `evaluation`.

    TFMA stores metrics as TFRecords of its own protocol buffers; reading them takes TensorFlow and ten seconds. The
    metrics and confusion matrices that people and lineage queries need, overall and by slice, are therefore also
    written as JSON. Channels, parameters and the blessing are those of TFX.
    """

    EXECUTOR_SPEC = BeamExecutorSpec(Executor)
