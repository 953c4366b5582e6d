"""Ids of the nodes, as in ML Metadata, logs and commands.

Apart from their descriptions, because components import the ids: a reworded description must not run them again.
"""

from enum import StrEnum


class NodeId(StrEnum):
    """Ids of the nodes, as in ML Metadata, logs and commands."""

    KEYPOINT_EXAMPLE_GEN = "KeypointExampleGen"
    STATISTICS_GEN = "StatisticsGen"
    IMPORT_SCHEMA_GEN = "ImportSchemaGen"
    LAST_BLESSED_STATISTICS = "LastBlessedStatistics"
    EXAMPLE_VALIDATOR = "ExampleValidator"
    DATA_GATE = "DataGate"
    TRANSFORM = "Transform"
    WARM_START_MODEL = "WarmStartModel"
    TRAINER = "Trainer"
    LATEST_BLESSED_MODEL = "LatestBlessedModel"
    EVALUATOR = "Evaluator"
    EDGE_CONVERTER = "EdgeConverter"
    MODEL_VALIDATOR = "ModelValidator"
    SERVING_SMOKE = "ServingSmoke"
    REFERENCE_BUILDER = "ReferenceBuilder"
    COACH_CALIBRATOR = "CoachCalibrator"
    SESSION_EVALUATOR = "SessionEvaluator"
    PUSHER = "Pusher"
