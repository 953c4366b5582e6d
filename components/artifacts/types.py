"""Artifact types that TFX does not have."""

from tfx.types.artifact import Artifact


class DataBlessing(Artifact):
    """DataGate's verdict on a set of anomalies: `verdict.json` and the custom property `blessed`, 1 or 0."""

    TYPE_NAME = "PoselineDataBlessing"


class EdgeModel(Artifact):
    """TFLite files with golden windows, test windows and a record of the conversion; see EdgeConverter."""

    TYPE_NAME = "PoselineEdgeModel"


class EdgeBlessing(Artifact):
    """ModelValidator's verdict on an EdgeModel: `verdict.json` and the custom property `blessed`, 1 or 0."""

    TYPE_NAME = "PoselineEdgeBlessing"
