"""DataGate: what ExampleValidator finds stops the run."""

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts.types import DataBlessing
from components.data_gate.executor import Executor
from schema.gates import DataPolicy


class DataGateSpec(ComponentSpec):
    """What DataGate takes and gives."""

    PARAMETERS = {"policy": ExecutionParameter(type=str)}  # noqa: RUF012
    INPUTS = {  # noqa: RUF012
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "baseline": ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
        "examples": ChannelParameter(type=standard_artifacts.Examples, optional=True),
    }
    OUTPUTS = {"blessing": ChannelParameter(type=DataBlessing)}  # noqa: RUF012


class DataGate(BaseComponent):
    """Fails the run on anomalies, with a table that says what, where, how much, in which sequences and what to do.

    TFX has no such component: ExampleValidator and DistributionValidator write down what they find and succeed, so
    that a model is trained on data with known faults. Put DataGate upstream of Transform (`add_upstream_node`); only a
    pass is ever recorded and cached. The payload of the DataBlessing is a `DataJudgement`: what was found and let
    through, and every distance that was measured.

    Args:
        anomalies: of ExampleValidator.
        statistics: that the anomalies were found in.
        baseline: statistics that the span was compared with, to say what they were; none before the first blessing.
        examples: of KeypointExampleGen, whose table of windows says which sequences show a fault.
        policy: what passes, warns and stops.
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
