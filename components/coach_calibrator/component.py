"""CoachCalibrator: calibrates the model for whole sessions."""

from __future__ import annotations

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_artifacts import Examples

from components.artifacts.types import CoachSettingsArtifact, EdgeModel
from components.coach_calibrator.executor import Executor


class CoachCalibratorSpec(ComponentSpec):
    """Channels and parameters of CoachCalibrator."""

    PARAMETERS = {"seconds": ExecutionParameter(type=float)}  # noqa: RUF012
    INPUTS = {  # noqa: RUF012
        "edge_model": ChannelParameter(type=EdgeModel),
        "examples": ChannelParameter(type=Examples),
    }
    OUTPUTS = {"settings": ChannelParameter(type=CoachSettingsArtifact)}  # noqa: RUF012


class CoachCalibrator(BaseComponent):
    """Calibrates the int8 file on the eval split, so that a coach can decide what is performed in whole sessions.

    This component replaces no component of TFX, which has none for calibration. Trainer calibrates its network with the
    eval split as far as it chooses a checkpoint, but it does not know the int8 file, whose probabilities devices see.

    The temperature makes the probabilities as certain as they are right. The shares of the labels in training are
    divided out as far as that helps in sessions, and the level of the background decides what is none of the movements.
    Heads and networks of poses are added if they help in sessions that they were not fitted to. Durations are those of
    the segments of the training split. Without an eval split, or without sessions in it, the
    usual settings stay, and the record says so. `coach.json` has the form `serving_targets.coach.settings`. The
    executor loads NumPy and LiteRT, but not TensorFlow.
    """

    SPEC_CLASS = CoachCalibratorSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, edge_model: BaseChannel, examples: BaseChannel, seconds: float) -> None:
        """Create the node.

        Args:
            edge_model: TFLite files from EdgeConverter.
            examples: examples of KeypointExampleGen, with the recordings of the training and the eval split.
            seconds: length of the sessions that are used, in seconds.
        """
        super().__init__(
            CoachCalibratorSpec(
                edge_model=edge_model,
                examples=examples,
                seconds=seconds,
                settings=Channel(type=CoachSettingsArtifact),
            )
        )
