"""ModelValidator: judges the converted files."""

from __future__ import annotations

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts.types import EdgeBlessing, EdgeModel
from components.model_validator.executor import Executor
from schema.gates import ModelValidatorThresholds


class ModelValidatorSpec(ComponentSpec):
    """Channels and parameters of ModelValidator."""

    PARAMETERS = {"thresholds": ExecutionParameter(type=str)}  # noqa: RUF012
    INPUTS = {"edge_model": ChannelParameter(type=EdgeModel)}  # noqa: RUF012
    OUTPUTS = {"blessing": ChannelParameter(type=EdgeBlessing)}  # noqa: RUF012


class ModelValidator(BaseComponent):
    """Judges the converted files by what they do to the test data, and blesses them or not.

    Replaces TFX's deprecated ModelValidator. Evaluator judges the SavedModel; what a device runs is another file, with
    other numbers, so it is judged itself: accuracy by sequence, what of it the conversion lost, size, operators.
    Whether it serves, and serves the same as the SavedModel, ServingSmoke asks. Thresholds are section
    `model_validator` of `schema/gates.yaml`.

    A rejection is an outcome, not an error: `blessing` has the custom property `blessed` 0 and Pusher pushes nothing.
    Each file is run in a process of its own, so a file that crashes it is rejected, too. The payload of the blessing is
    an `EdgeJudgement`: verdicts, accuracy, and figures of every file, including those made only for comparison. The
    executor loads NumPy and LiteRT, no TensorFlow.
    """

    SPEC_CLASS = ModelValidatorSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, edge_model: BaseChannel, thresholds: ModelValidatorThresholds) -> None:
        """Wires the component.

        Args:
            edge_model: EdgeConverter's files.
            thresholds: section `model_validator` of the gates file.
        """
        super().__init__(
            ModelValidatorSpec(
                edge_model=edge_model, thresholds=thresholds.model_dump_json(), blessing=Channel(type=EdgeBlessing)
            )
        )
