"""The question `set-aside`: which payloads were altered and must not be used, so that they are computed again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from lineage.comparison import Difference, differences
from lineage.model import LIVE, Artifact
from lineage.questions.answer import Answer

REASON = "altered"
"""Custom property of an artifact that was set aside: what differed from the record."""


@dataclass(frozen=True, slots=True)
class AlteredPayload:
    """A payload that differs from its recorded digest.

    Attributes:
        id: artifact id.
        type: name of the artifact type.
        uri: folder of the payload.
        differences: what differs.
    """

    id: int
    type: str
    uri: str
    differences: list[Difference]


@dataclass(frozen=True, slots=True)
class SetAside(Answer):
    """The payloads that are set aside.

    Attributes:
        compared: number of artifacts that were compared with their digests.
        altered: payloads that differ.
        done: whether their artifacts have been marked.
    """

    compared: int
    altered: list[AlteredPayload]
    done: bool = False


def plan_set_aside(root: Path, artifacts: Iterable[Artifact]) -> SetAside:
    """Compare live payloads with their recorded digests and return those that differ."""
    altered, compared = [], 0
    for artifact in artifacts:
        digest = artifact.properties.get("content_digest")
        if artifact.state != LIVE or not digest:
            continue
        compared += 1
        if found := differences(root, Path(artifact.uri), str(digest), thorough=True):
            altered.append(AlteredPayload(artifact.id, artifact.type, artifact.uri, found))
    return SetAside(compared, altered)


def set_aside(mlmd: MetadataStore, payloads: Iterable[AlteredPayload]) -> None:
    """Mark artifacts as abandoned, with the reason; their payloads are kept.

    An abandoned artifact is never taken from the cache and never resolved as a baseline, so the next run computes it
    again or chooses another baseline.
    """
    reasons = {payload.id: "; ".join(map(str, payload.differences)) for payload in payloads}
    artifacts = mlmd.get_artifacts_by_id(sorted(reasons))
    for artifact in artifacts:
        artifact.state = metadata_store_pb2.Artifact.ABANDONED
        artifact.custom_properties[REASON].string_value = reasons[artifact.id]
    if artifacts:
        mlmd.put_artifacts(artifacts)
