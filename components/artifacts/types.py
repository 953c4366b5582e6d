"""Artifact types that TFX does not have."""

from tfx.types.artifact import Artifact

from lineage.artifact_types import DATA_BLESSING, EDGE_BLESSING, EDGE_MODEL


class DataBlessing(Artifact):
    """DataGate's judgement of a span (`DataJudgement`); its custom property `blessed` is 1."""

    TYPE_NAME = DATA_BLESSING


class EdgeModel(Artifact):
    """TFLite files with golden windows, test windows and a record of the conversion; see EdgeConverter."""

    TYPE_NAME = EDGE_MODEL


class EdgeBlessing(Artifact):
    """ModelValidator's judgement of an EdgeModel (`EdgeJudgement`); its custom property `blessed` is 1 or 0."""

    TYPE_NAME = EDGE_BLESSING
