"""DataGate: stops the run when ExampleValidator has found anomalies."""

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts.types import DataBlessing
from components.data_gate.executor import Executor
from schema.gates import DataPolicy


class DataGateSpec(ComponentSpec):
    """Channels and parameters of DataGate."""

    PARAMETERS = {"policy": ExecutionParameter(type=str)}  # noqa: RUF012
    INPUTS = {  # noqa: RUF012
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "baseline": ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
        "examples": ChannelParameter(type=standard_artifacts.Examples, optional=True),
    }
    OUTPUTS = {"blessing": ChannelParameter(type=DataBlessing)}  # noqa: RUF012


class DataGate(BaseComponent):
    """Stops the run when the data have anomalies, with a table of what was found, where, and what to do.

    TFX has no such component. Its ExampleValidator and DistributionValidator record anomalies and succeed, so that a
    model is trained on data with known faults. Put DataGate upstream of Transform (`add_upstream_node`). A rejection
    is never cached. The payload of the DataBlessing is a `DataJudgement`: the findings that did not stop the run, and
    every measured distance.

    Args:
        anomalies: anomalies from ExampleValidator.
        statistics: statistics in which the anomalies were found.
        baseline: statistics that the span was compared with, for the descriptions; none before the first blessed model.
        examples: examples from KeypointExampleGen, whose table of windows shows which sequences are affected.
        policy: which anomalies pass, which are warnings and which stop the run.
    """

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(
        self,
        anomalies: BaseChannel,
        statistics: BaseChannel,
        baseline: BaseChannel | None = None,
        examples: BaseChannel | None = None,
        policy: DataPolicy = DataPolicy(),
    ) -> None:
        super().__init__(
            DataGateSpec(
                anomalies=anomalies,
                statistics=statistics,
                baseline=baseline,
                examples=examples,
                policy=policy.model_dump_json(),
                blessing=Channel(type=DataBlessing),
            )
        )
