"""ModelValidator: judges the converted files on the test split."""

from __future__ import annotations

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_artifacts import Examples

from components.artifacts.types import EdgeBlessing, EdgeModel
from components.model_validator.executor import Executor
from payloads.claims import HoldsFor
from schema.gates import ModelValidatorThresholds


class ModelValidatorSpec(ComponentSpec):
    """Channels and parameters of ModelValidator."""

    PARAMETERS = {  # noqa: RUF012
        "thresholds": ExecutionParameter(type=str),
        "holds_for": ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "edge_model": ChannelParameter(type=EdgeModel),
        "examples": ChannelParameter(type=Examples),
    }
    OUTPUTS = {"blessing": ChannelParameter(type=EdgeBlessing)}  # noqa: RUF012


class ModelValidator(BaseComponent):
    """Judges the converted files on the test split and blesses them or not.

    This component replaces TFX's deprecated ModelValidator. Evaluator judges the SavedModel, but devices run the int8
    file, which gives other numbers. ModelValidator therefore judges that file: its accuracy by sequence, the accuracy
    that the conversion lost, its size and its operators. Whether every format can be served, and gives the same answers
    as the SavedModel, is the task of ServingSmoke. The thresholds are in the section `model_validator` of
    `schema/gates.yaml`.

    A rejection is a result, not an error: the custom property `blessed` of `blessing` is then 0, and Pusher pushes
    nothing. Each file runs in a process of its own, so that a file which crashes its process is rejected, too. The
    payload of the blessing is an `EdgeJudgement`: verdicts, accuracy, and figures of every file, including those made
    only for comparison, and what may be claimed of the model. The executor loads NumPy and LiteRT, but not TensorFlow.
    """

    SPEC_CLASS = ModelValidatorSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(
        self,
        edge_model: BaseChannel,
        examples: BaseChannel,
        thresholds: ModelValidatorThresholds,
        holds_for: HoldsFor,
    ) -> None:
        """Create the node.

        Args:
            edge_model: TFLite files and test windows from EdgeConverter.
            examples: examples whose table of sequences says who is in the test split.
            thresholds: section `model_validator` of the gates file.
            holds_for: whom the test split stands for.
        """
        super().__init__(
            ModelValidatorSpec(
                edge_model=edge_model,
                examples=examples,
                thresholds=thresholds.model_dump_json(),
                holds_for=holds_for,
                blessing=Channel(type=EdgeBlessing),
            )
        )
