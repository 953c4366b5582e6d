"""Artifact types that TFX does not have."""

from tfx.types.artifact import Artifact

from lineage.artifact_types import (
    COACH_SETTINGS,
    DATA_BLESSING,
    EDGE_BLESSING,
    EDGE_MODEL,
    REFERENCES,
    SESSION_BLESSING,
)


class DataBlessing(Artifact):
    """DataGate's judgement of a span (`DataJudgement`); its custom property `blessed` is 1."""

    TYPE_NAME = DATA_BLESSING


class EdgeModel(Artifact):
    """TFLite files with golden windows, test windows and a record of the conversion; see EdgeConverter."""

    TYPE_NAME = EDGE_MODEL


class EdgeBlessing(Artifact):
    """ModelValidator's judgement of an EdgeModel (`EdgeJudgement`); its custom property `blessed` is 1 or 0."""

    TYPE_NAME = EDGE_BLESSING


class ReferencesArtifact(Artifact):
    """References of movements performed well, and a record of what they were made of; see ReferenceBuilder."""

    TYPE_NAME = REFERENCES


class CoachSettingsArtifact(Artifact):
    """Settings of the coach, calibrated for one model, and a record of the calibration; see CoachCalibrator."""

    TYPE_NAME = COACH_SETTINGS


class SessionBlessing(Artifact):
    """SessionEvaluator's judgement of the coach (`SessionJudgement`); its custom property `blessed` is 1 or 0."""

    TYPE_NAME = SESSION_BLESSING
