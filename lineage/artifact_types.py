"""Names of the artifact types in ML Metadata."""

EXAMPLES = "Examples"
SCHEMA = "Schema"
MODEL = "Model"
EDGE_MODEL = "PoselineEdgeModel"
PUSHED_MODEL = "PushedModel"
EVALUATION = "ModelEvaluation"
MODEL_BLESSING = "ModelBlessing"
DATA_BLESSING = "PoselineDataBlessing"
EDGE_BLESSING = "PoselineEdgeBlessing"
INFRA_BLESSING = "InfraBlessing"

TRACED = frozenset({MODEL, EDGE_MODEL, PUSHED_MODEL})
"""Types of artifacts whose files are copied out of the store, so that `trace` must find them by content."""
