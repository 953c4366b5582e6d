"""Names of artifact types in ML Metadata, and which of them leave the store or hold people."""

EXAMPLES = "Examples"
MODEL = "Model"
EDGE_MODEL = "PoselineEdgeModel"
PUSHED_MODEL = "PushedModel"
EVALUATION = "ModelEvaluation"
MODEL_BLESSING = "ModelBlessing"
DATA_BLESSING = "PoselineDataBlessing"
EDGE_BLESSING = "PoselineEdgeBlessing"
INFRA_BLESSING = "InfraBlessing"

TRACED = frozenset({MODEL, EDGE_MODEL, PUSHED_MODEL})
"""Artifacts whose files leave the store and may have to be traced back from anywhere."""
