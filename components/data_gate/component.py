"""DataGate: what ExampleValidator finds stops the run."""

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import DataBlessing
from components.data_gate.executor import Executor


class DataGateSpec(ComponentSpec):
    """What DataGate takes and gives."""

    PARAMETERS = {"policy": ExecutionParameter(type=str)}  # noqa: RUF012
    INPUTS = {  # noqa: RUF012
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
    }
    OUTPUTS = {"blessing": ChannelParameter(type=DataBlessing)}  # noqa: RUF012


class DataGate(BaseComponent):
    """Fails the run on anomalies, with a table that says what, where, how much and what to do.

    TFX has no such component: ExampleValidator and DistributionValidator write down what they find and succeed, so
    that a model is trained on data with known faults. Put DataGate upstream of Transform (`add_upstream_node`); only a
    pass is ever recorded and cached. The DataBlessing then holds `verdict.json`: the warnings, and the figures that
    were held against bounds.

    Args:
        anomalies: of ExampleValidator.
        statistics: that the anomalies were found in.
        policy: JSON of a `components.data_gate.judge.Policy`: which anomalies only warn, and bounds on means.
    """

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, anomalies: BaseChannel, statistics: BaseChannel, policy: str = "{}") -> None:
        super().__init__(
            DataGateSpec(anomalies=anomalies, statistics=statistics, policy=policy, blessing=Channel(type=DataBlessing))
        )
