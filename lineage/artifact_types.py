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
REFERENCES = "PoselineReferences"
COACH_SETTINGS = "PoselineCoachSettings"
SESSION_BLESSING = "PoselineSessionBlessing"

TRACED = frozenset({MODEL, EDGE_MODEL, PUSHED_MODEL, REFERENCES, COACH_SETTINGS})
"""Types of artifacts whose files are copied out of the store, so that `trace` must find them by content."""
