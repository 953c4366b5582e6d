"""SessionEvaluator: judges the coach on the sessions and recordings of the test split."""

from __future__ import annotations

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_artifacts import Examples

from components.artifacts.types import CoachSettingsArtifact, EdgeModel, ReferencesArtifact, SessionBlessing
from components.session_evaluator.executor import Executor
from schema.gates import SessionEvaluatorThresholds


class SessionEvaluatorSpec(ComponentSpec):
    """Channels and parameters of SessionEvaluator."""

    PARAMETERS = {  # noqa: RUF012
        "thresholds": ExecutionParameter(type=str),
        "good_quality": ExecutionParameter(type=float),
        "seconds": ExecutionParameter(type=float),
    }
    INPUTS = {  # noqa: RUF012
        "edge_model": ChannelParameter(type=EdgeModel),
        "references": ChannelParameter(type=ReferencesArtifact),
        "settings": ChannelParameter(type=CoachSettingsArtifact),
        "examples": ChannelParameter(type=Examples),
    }
    OUTPUTS = {"blessing": ChannelParameter(type=SessionBlessing)}  # noqa: RUF012


class SessionEvaluator(BaseComponent):
    """Runs the coach that is shipped over the test split and blesses it or not.

    This component adds to TFX's Evaluator, which judges a SavedModel on single examples. What a coach says depends on
    whole recordings: the order of movements in a session, the number of repetitions, scores and corrections. So the
    int8 file runs with its references and settings in `serving_targets.coach`, as on a device. The thresholds are in
    the section `session_evaluator` of `schema/gates.yaml`.

    A figure that the data cannot give, for example recognition where there is no session, is reported as not measured:
    it neither passes nor rejects. A rejection is a result, not an error: the custom property `blessed` of `blessing` is
    then 0, and Pusher pushes nothing. The payload of the blessing is a `SessionJudgement`. The executor loads NumPy and
    LiteRT, but not TensorFlow.
    """

    SPEC_CLASS = SessionEvaluatorSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(
        self,
        edge_model: BaseChannel,
        references: BaseChannel,
        settings: BaseChannel,
        examples: BaseChannel,
        thresholds: SessionEvaluatorThresholds,
        good_quality: float,
        seconds: float,
    ) -> None:
        """Create the node.

        Args:
            edge_model: TFLite files from EdgeConverter.
            references: references from ReferenceBuilder.
            settings: settings from CoachCalibrator.
            examples: examples of KeypointExampleGen, with the recordings of the test split.
            thresholds: section `session_evaluator` of the gates file.
            good_quality: smallest quality of a performance that is good.
            seconds: length of the sessions, and of the recordings, that are used, in seconds.
        """
        super().__init__(
            SessionEvaluatorSpec(
                edge_model=edge_model,
                references=references,
                settings=settings,
                examples=examples,
                thresholds=thresholds.model_dump_json(),
                good_quality=good_quality,
                seconds=seconds,
                blessing=Channel(type=SessionBlessing),
            )
        )
