"""ExampleValidator: compares statistics with the schema, with the training split and with an earlier span."""

from __future__ import annotations

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec

from components.example_validator.executor import Executor


class ExampleValidatorSpec(ComponentSpec):
    """Channels of ExampleValidator."""

    PARAMETERS: dict[str, object] = {}  # noqa: RUF012
    INPUTS = {  # noqa: RUF012
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
        "baseline": ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
    }
    OUTPUTS = {"anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies)}  # noqa: RUF012


class ExampleValidator(BaseComponent):
    """Finds anomalies of a span: differences from the schema, from its training split (skew), from a baseline (drift).

    TFX's ExampleValidator passes only the statistics and the schema to TFDV, so the `skew_comparator` and
    `drift_comparator` of a schema have no effect. TFX's DistributionValidator compares statistics, but needs two more
    nodes, a configuration of its own and an inferred schema. Here TFDV makes all comparisons in one pass, and every
    threshold is in the curated schema. The field `drift_skew_info` of the anomalies contains all measured distances,
    also those within their thresholds.

    Anomalies do not make this component fail; DataGate decides about them.

    Args:
        statistics: statistics of the span.
        schema: curated schema.
        baseline: statistics of the span that the last blessed model was trained on; without them, there is no drift
            comparison.
    """

    SPEC_CLASS = ExampleValidatorSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, statistics: BaseChannel, schema: BaseChannel, baseline: BaseChannel | None = None) -> None:
        super().__init__(
            ExampleValidatorSpec(
                statistics=statistics,
                schema=schema,
                baseline=baseline,
                anomalies=Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
