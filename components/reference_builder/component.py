"""ReferenceBuilder: makes the references that the coach scores and corrects by."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_artifacts import Examples

from components.artifacts.types import ReferencesArtifact
from components.reference_builder.executor import Executor


class ReferenceBuilderSpec(ComponentSpec):
    """Channels and parameters of ReferenceBuilder."""

    PARAMETERS = {  # noqa: RUF012
        "labels": ExecutionParameter(type=str),
        "good_quality": ExecutionParameter(type=float),
    }
    INPUTS = {"examples": ChannelParameter(type=Examples)}  # noqa: RUF012
    OUTPUTS = {"references": ChannelParameter(type=ReferencesArtifact)}  # noqa: RUF012


class ReferenceBuilder(BaseComponent):
    """Makes a reference of each movement from repetitions of the training split that were performed well.

    This component replaces no component of TFX. Trainer would be the nearest one, but a reference is not trained on
    windows: it is made from whole repetitions, from the good ones alone, and does not change when the network does. A
    node of its own keeps it in the cache when the network is trained again, and gives it a lineage of its own.

    A recording with a quality is good from `good_quality` on. If no recording of a movement has a quality, all count as
    good. A movement without a usable repetition gets no reference, and the record says why; the coach then counts it
    but does not score it. `references.json` (form: `serving_targets.coach.form.references.References`) contains means
    and tolerances over people, but neither their ids nor their recordings. The executor does not load TensorFlow.
    """

    SPEC_CLASS = ReferenceBuilderSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, examples: BaseChannel, labels: Sequence[str], good_quality: float) -> None:
        """Create the node.

        Args:
            examples: examples of KeypointExampleGen, with the recordings of the training split.
            labels: labels of the movements.
            good_quality: smallest quality of a repetition that is performed well.
        """
        super().__init__(
            ReferenceBuilderSpec(
                examples=examples,
                labels=json.dumps(list(labels)),
                good_quality=good_quality,
                references=Channel(type=ReferencesArtifact),
            )
        )
