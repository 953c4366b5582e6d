"""The removal of payloads from a store, for `prune` and `forget`.

The order makes it safe: an artifact is marked DELETED first, so that no cache lookup returns it any more, and then its
payload is removed. A process that dies in between leaves a folder that `verify` reports as orphaned and the next
`prune` removes.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from data.errors import InputError
from lineage.model import Artifact
from lineage.places import comparison_file, journal_folder


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


def refuse_while_running(root: Path) -> None:
    """Raise an error if a node is running in this root, because it may be about to use what is to be removed.

    Raises:
        InputError: a node is running.
    """
    for path in journal_folder(root).glob("*.json"):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError("a run is in progress", path.stem, "wait until it has ended") from None


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
        folder = Path(artifact.uri)
        comparison_file(root, folder).unlink(missing_ok=True)
        if folder.is_dir() and folder.resolve().is_relative_to((root / "artifacts").resolve()):
            shutil.rmtree(folder)
            removed += 1
    return removed
