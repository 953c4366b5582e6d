"""The removal of payloads from a store, for `prune` and `forget`.

The order makes it safe: an artifact is marked DELETED first, so that no cache lookup returns it any more, and then its
payload is removed. A process that dies in between leaves a folder that `verify` reports as orphaned and the next
`prune` removes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from lineage.model import Artifact
from lineage.places import comparison_file


@dataclass(frozen=True, slots=True)
class RemovablePayload:
    """An artifact whose payload can be removed.

    Attributes:
        id: artifact id.
        type: name of the artifact type.
        uri: folder of the payload.
        bytes: size of the payload, 0 if it was not recorded.
    """

    id: int
    type: str
    uri: str
    bytes: int

    @classmethod
    def of(cls, artifact: Artifact) -> Self:
        """Describe the payload of an artifact."""
        return cls(artifact.id, artifact.type, artifact.uri, int(artifact.properties.get("bytes") or 0))


def remove(mlmd: MetadataStore, root: Path, ids: Iterable[int]) -> int:
    """Mark artifacts as deleted and remove their payloads.

    Args:
        mlmd: metadata store, open for writing.
        root: root of the runs; a payload outside of it is not removed, only its artifact is marked.
        ids: ids of the artifacts.

    Returns:
        Number of payloads that were removed.
    """
    artifacts = mlmd.get_artifacts_by_id(sorted(set(ids)))
    for artifact in artifacts:
        artifact.state = metadata_store_pb2.Artifact.DELETED
    if artifacts:
        mlmd.put_artifacts(artifacts)
    removed = 0
    for artifact in artifacts:
        comparison_file(root, Path(artifact.uri)).unlink(missing_ok=True)
        if (folder := _payload_folder(artifact.uri, root)) is not None:
            shutil.rmtree(folder)
            removed += 1
    return removed


def _payload_folder(uri: str, root: Path) -> Path | None:
    """Return the folder of a payload if it exists and is where runs write: `artifacts/PIPELINE/NODE/OUTPUT/EXECUTION`.

    A folder behind a link is not: the link leads to something else than what the run wrote.
    """
    names = Path(uri).parts[-4:]
    folder = (root / "artifacts").resolve().joinpath(*names)
    is_payload = folder.is_dir() and folder == folder.resolve() == Path(uri).resolve()
    return folder if is_payload and len(names) == 4 and ".." not in names else None
