"""ExampleValidator that also compares: the splits of a span with its training split, the span with the last one."""

from __future__ import annotations

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec

from components.example_validator.executor import Executor


class ExampleValidatorSpec(ComponentSpec):
    """What ExampleValidator takes and gives."""

    PARAMETERS: dict[str, object] = {}  # noqa: RUF012
    INPUTS = {  # noqa: RUF012
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
        "baseline": ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
    }
    OUTPUTS = {"anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies)}  # noqa: RUF012


class ExampleValidator(BaseComponent):
    """Finds anomalies in statistics: against the schema, against the training split (skew), against a baseline (drift).

    TFX's ExampleValidator gives TFDV the statistics and the schema alone, so that the `skew_comparator` and
    `drift_comparator` of a schema do nothing in it. TFX's DistributionValidator compares, but by a configuration of its
    own, on a schema that it infers, in two more nodes. Here TFDV gets what it asks for in one pass, and every bound is
    in the curated schema. What was compared, and how far it was apart, is in `drift_skew_info` of the anomalies,
    whether or not it was too far.

    Like TFX's it never fails: DataGate does.

    Args:
        statistics: of the span.
        schema: curated.
        baseline: statistics of the span that the last blessed model was made of; without one, nothing is compared
            with it.
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
