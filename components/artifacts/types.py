"""Artifact types that TFX does not have."""

from tfx.types.artifact import Artifact

from lineage.artifact_types import DATA_BLESSING, EDGE_BLESSING, EDGE_MODEL


class DataBlessing(Artifact):
    """DataGate's judgement of one span (`DataJudgement`); its custom property `blessed` is 1."""

    TYPE_NAME = DATA_BLESSING


class EdgeModel(Artifact):
    """Converted model files for devices, golden and test windows, conversion record; see EdgeConverter."""

    TYPE_NAME = EDGE_MODEL


class EdgeBlessing(Artifact):
    """ModelValidator's judgement of an EdgeModel (`EdgeJudgement`); custom property `blessed` is 1 or 0."""

    TYPE_NAME = EDGE_BLESSING
