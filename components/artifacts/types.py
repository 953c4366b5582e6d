"""Artifact types that TFX does not have."""

from tfx.types.artifact import Artifact


class DataBlessing(Artifact):
    """DataGate's verdict on one set of anomalies: `verdict.json`; custom property `blessed` is 1 or 0."""

    TYPE_NAME = "PoselineDataBlessing"


class EdgeModel(Artifact):
    """Converted model files for devices, golden and test windows, conversion record; see EdgeConverter."""

    TYPE_NAME = "PoselineEdgeModel"


class EdgeBlessing(Artifact):
    """ModelValidator's verdict on an EdgeModel: `verdict.json`; custom property `blessed` is 1 or 0."""

    TYPE_NAME = "PoselineEdgeBlessing"
