"""ServingSmoke: serves what will be shipped, and compares the formats."""

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
    """Serves SavedModel and TFLite files on real windows, each in a process of its own, and blesses them or not.

    Replaces TFX's InfraValidator, which needs Docker or Kubernetes and knows SavedModels alone. A new interpreter with
    TensorFlow and nothing else loads the SavedModel and asks both of its endpoints, `serving_default` on examples of
    the test split as they were recorded; new interpreters without TensorFlow run the TFLite files on one thread. All
    get the same raw windows of the test split. Asked is: does each start and answer, in time; do they answer the same;
    how long does a window take. How right the answers are, Evaluator and ModelValidator ask.

    A rejection is an outcome, not an error, and so is a crash, a hang or a damaged file: `blessing` (TFX's own type)
    then has the custom property `blessed` 0, and Pusher pushes nothing. The payload of the blessing, next to TFX's
    marker file, is a `ServingJudgement`: verdicts, latency of the int8 file, and figures of every format, including
    files made only for comparison. Thresholds are section `serving_smoke` of `schema/gates.yaml`. The executor
    itself loads NumPy only.
    """

    SPEC_CLASS = ServingSmokeSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(
        self, model: BaseChannel, edge_model: BaseChannel, examples: BaseChannel, thresholds: ServingSmokeThresholds
    ) -> None:
        """Wires the component.

        Args:
            model: the SavedModel.
            edge_model: its TFLite files, with golden and test windows.
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
