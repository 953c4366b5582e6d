"""The nodes of the graph: one table of their ids, groups and descriptions, and which of them are gates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lineage.node_ids import NodeId

Group = Literal["ingest_and_guard", "features", "train", "gates", "ship"]


@dataclass(frozen=True)
class NodeDescription:
    """What people and orchestrators are shown of a node.

    Attributes:
        group: group of the node in an orchestrator's drawing.
        doc: one sentence on what the node does.
        gate: section of the gates file, and its name in the configuration's `only_warn`; None if it is not a gate.
        before: node that must not run before this gate has passed.
        judges: key of the gate's input that the verdicts are about.
        heavy: whether its work loads TensorFlow in a process of its own although its executor does not.
    """

    group: Group
    doc: str
    gate: str | None = None
    before: NodeId | None = None
    judges: str | None = None
    heavy: bool = False


NODES: dict[NodeId, NodeDescription] = {
    NodeId.KEYPOINT_EXAMPLE_GEN: NodeDescription(
        "ingest_and_guard", "Reads one span of canonical Parquet and writes its windows, split by subject."
    ),
    NodeId.STATISTICS_GEN: NodeDescription(
        "ingest_and_guard", "Computes statistics of every feature of every split (TFDV)."
    ),
    NodeId.IMPORT_SCHEMA_GEN: NodeDescription(
        "ingest_and_guard", "Imports the curated schema: shapes, labels, domains."
    ),
    NodeId.LAST_BLESSED_STATISTICS: NodeDescription(
        "ingest_and_guard", "Resolves the statistics of the last blessed model's data, against which drift is measured."
    ),
    NodeId.EXAMPLE_VALIDATOR: NodeDescription("ingest_and_guard", "Compares the statistics with the schema."),
    NodeId.DATA_GATE: NodeDescription(
        "ingest_and_guard",
        "Stops the run on anomalies. A rejection is final: the task fails and is not retried.",
        gate="data_gate",
        before=NodeId.TRANSFORM,
        judges="statistics",
    ),
    NodeId.TRANSFORM: NodeDescription(
        "features", "Does all preprocessing as graph operators, with constants of a full pass over the data."
    ),
    NodeId.WARM_START_MODEL: NodeDescription(
        "train", "Resolves the model that a warm start continues from; skipped unless the run asks for one."
    ),
    NodeId.TRAINER: NodeDescription(
        "train", "Trains the network; a killed training continues from its last checkpoint."
    ),
    NodeId.LATEST_BLESSED_MODEL: NodeDescription("gates", "Resolves the last blessed model other than the candidate."),
    NodeId.EVALUATOR: NodeDescription(
        "gates",
        "Measures the SavedModel by slices, against thresholds and the last blessed model (TFMA).",
        gate="evaluator",
        before=NodeId.PUSHER,
        judges="model",
    ),
    NodeId.EDGE_CONVERTER: NodeDescription(
        "gates", "Converts the model to float and int8 TFLite, in a process of its own.", heavy=True
    ),
    NodeId.MODEL_VALIDATOR: NodeDescription(
        "gates",
        "Judges the shipped files: accuracy, loss by quantisation, size, operators.",
        gate="model_validator",
        before=NodeId.PUSHER,
        judges="edge_model",
    ),
    NodeId.SERVING_SMOKE: NodeDescription(
        "gates",
        "Serves every format in a process of its own: start, agreement with the SavedModel, latency.",
        gate="serving_smoke",
        before=NodeId.PUSHER,
        judges="edge_model",
        heavy=True,
    ),
    NodeId.REFERENCE_BUILDER: NodeDescription(
        "gates", "Makes the references that the coach scores and corrects movements by, from good repetitions."
    ),
    NodeId.COACH_CALIBRATOR: NodeDescription(
        "gates", "Calibrates what the model says for whole sessions: temperature, priors, durations, background."
    ),
    NodeId.SESSION_EVALUATOR: NodeDescription(
        "gates",
        "Judges the coach that is shipped: recognition in sessions, counts, scores, corrections, time for a frame.",
        gate="session_evaluator",
        before=NodeId.PUSHER,
        judges="edge_model",
    ),
    NodeId.PUSHER: NodeDescription(
        "ship", "Publishes what all gates accepted, atomically. If one rejected it, the task fails and is not retried."
    ),
}
"""Every node the graph may have, in the order of the graph."""

GATES = {description.gate: node for node, description in NODES.items() if description.gate}
"""Section of the gates file to the gate's node."""

MODEL_GATES = tuple(node for node, description in NODES.items() if description.before == NodeId.PUSHER)
"""Gates that decide whether a model is pushed."""
