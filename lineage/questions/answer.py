"""The base class of all answers, and the description of an artifact that several answers contain."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from lineage.model import Artifact, Subgraph


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a question about the lineage."""

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as `--json` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ArtifactSummary:
    """The identity and the size of an artifact.

    Attributes:
        id: artifact id.
        type: name of the artifact type.
        uri: folder of the payload.
        state: `LIVE`, `DELETED` or another artifact state of ML Metadata.
        created: creation time in seconds since the epoch.
        content_digest: SHA-256 of the list of files; None if it was not recorded.
        bytes: size of the payload; None if it was not recorded.
        files: number of files in the payload; None if it was not recorded.
    """

    id: int
    type: str
    uri: str
    state: str
    created: float
    content_digest: str | None
    bytes: int | None
    files: int | None

    @classmethod
    def of(cls, artifact: Artifact, **more: Any) -> Self:
        """Summarise an artifact; `more` are the fields that a subclass adds."""
        properties = {name: artifact.properties.get(name) for name in ("content_digest", "bytes", "files")}
        return cls(artifact.id, artifact.type, artifact.uri, artifact.state, artifact.created, **properties, **more)


@dataclass(frozen=True, slots=True)
class LineageIds:
    """The part of the lineage graph that an answer was derived from.

    Attributes:
        artifacts: ids of all artifacts, ascending.
        executions: ids of all executions, ascending.
    """

    artifacts: list[int]
    executions: list[int]

    @classmethod
    def of(cls, graph: Subgraph, **more: Any) -> Self:
        """Return the ids of a subgraph; `more` are the fields that a subclass adds."""
        return cls(sorted(graph.artifacts), sorted(graph.executions), **more)
