"""ServingSmoke: serves every format of a model and compares the answers."""

from __future__ import annotations

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_artifacts import Examples, InfraBlessing, Model

from components.artifacts.types import EdgeModel
from components.serving_smoke.executor import Executor
from schema.gates import ServingSmokeThresholds


class ServingSmokeSpec(ComponentSpec):
    """Channels and parameters of ServingSmoke."""

    PARAMETERS = {"thresholds": ExecutionParameter(type=str)}  # noqa: RUF012
    INPUTS = {  # noqa: RUF012
        "model": ChannelParameter(type=Model),
        "edge_model": ChannelParameter(type=EdgeModel),
        "examples": ChannelParameter(type=Examples),
    }
    OUTPUTS = {"blessing": ChannelParameter(type=InfraBlessing)}  # noqa: RUF012


class ServingSmoke(BaseComponent):
    """Serves the SavedModel and the TFLite files, each in a process of its own, and blesses them or not.

    This component replaces TFX's InfraValidator, which needs Docker or Kubernetes and supports only SavedModels. All
    formats get the same raw windows of the test split. One process, which imports TensorFlow and nothing else, loads
    the SavedModel and calls both of its endpoints, `serving_default` with examples of the test split. Other processes,
    which cannot import TensorFlow, run the TFLite files on one thread. The gate checks whether each format starts and
    answers in time, whether all give the same answers, and how long a window takes. Whether the answers are correct is
    the task of Evaluator and ModelValidator. The thresholds are in the section `serving_smoke` of `schema/gates.yaml`.

    A rejection, a crash, a hang or a damaged file is a result, not an error: the custom property `blessed` of
    `blessing` (TFX's own type) is then 0, and Pusher pushes nothing. The payload of the blessing is a marker file as in
    TFX and a `ServingJudgement`: verdicts, latency of the int8 file, and figures of every format, including files made
    only for comparison. The executor itself loads only NumPy.
    """

    SPEC_CLASS = ServingSmokeSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(
        self, model: BaseChannel, edge_model: BaseChannel, examples: BaseChannel, thresholds: ServingSmokeThresholds
    ) -> None:
        """Create the node.

        Args:
            model: SavedModel from Trainer.
            edge_model: TFLite files, golden windows and test windows from EdgeConverter.
            examples: raw windows with the split `test`.
            thresholds: section `serving_smoke` of the gates file.
        """
        super().__init__(
            ServingSmokeSpec(
                model=model,
                edge_model=edge_model,
                examples=examples,
                thresholds=thresholds.model_dump_json(),
                blessing=Channel(type=InfraBlessing),
            )
        )
