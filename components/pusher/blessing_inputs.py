"""The blessings that a push needs: the input channel and the artifact type for each gate on models."""

from __future__ import annotations

from typing import NamedTuple

from tfx.types.artifact import Artifact
from tfx.types.standard_artifacts import InfraBlessing, ModelBlessing

from components.artifacts.types import EdgeBlessing, SessionBlessing
from lineage.node_ids import NodeId


class BlessingInput(NamedTuple):
    """Input of Pusher for the blessing of one gate.

    Attributes:
        channel: name of the input channel.
        kind: artifact type of the blessing.
    """

    channel: str
    kind: type[Artifact]


BLESSINGS = {
    NodeId.EVALUATOR: BlessingInput("model_blessing", ModelBlessing),
    NodeId.MODEL_VALIDATOR: BlessingInput("edge_blessing", EdgeBlessing),
    NodeId.SERVING_SMOKE: BlessingInput("infra_blessing", InfraBlessing),
    NodeId.SESSION_EVALUATOR: BlessingInput("session_blessing", SessionBlessing),
}
"""Input of Pusher for each gate that can reject a model."""
