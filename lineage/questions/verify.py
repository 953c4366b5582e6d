"""The question `verify`: which payloads and published files are missing or differ from the recorded digests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data.digests import Listing, list_folder
from lineage.artifact_types import PUSHED_MODEL
from lineage.comparison import Difference, compare, name_differences
from lineage.model import ABANDONED, LIVE, Artifact
from lineage.places import journal_folder
from lineage.questions.answer import Answer
from payloads.push import PushRecord
from serving_targets.signature import SIGNATURE


@dataclass(frozen=True, slots=True)
class Fault:
    """A file or folder that differs from the record.

    Attributes:
        kind: `altered`, `missing`, `extra` (a file that was not recorded) or `orphaned` (a payload folder that belongs
            to no live artifact).
        path: path of the file or folder.
        artifact: id of the artifact that the file belongs to; None for an orphaned folder.
        detail: further explanation, often empty.
    """

    kind: Literal["altered", "missing", "extra", "orphaned"]
    path: str
    artifact: int | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verification(Answer):
    """The result of a verification.

    Attributes:
        artifacts: number of artifacts that were compared with their digests.
        versions: number of published versions that were compared with their digests.
        bytes: number of bytes that were read.
        without_digest: ids of live artifacts that were recorded without a digest.
        set_aside: ids of artifacts that were altered and set aside, so that no run uses them; they are not compared.
        faults: files and folders that differ from the record.
    """

    artifacts: int
    versions: int
    bytes: int
    without_digest: list[int]
    set_aside: list[int]
    faults: list[Fault]


def verify(root: Path, artifacts: Iterable[Artifact], *, orphans: bool = False) -> Verification:
    """Compute the digests of payloads again and compare them with the record.

    Args:
        root: root of the runs.
        artifacts: artifacts to verify; those that are not live are left out.
        orphans: whether to look for payload folders that belong to none of the artifacts; give all artifacts then.
    """
    faults: list[Fault] = []
    without: list[int] = []
    aside: list[int] = []
    claimed: set[Path] = set()
    versions: dict[Path, tuple[int, Listing]] = {}
    compared = size = 0
    for artifact in artifacts:
        if artifact.state in (LIVE, ABANDONED):
            claimed.add(Path(artifact.uri).resolve())
        if artifact.state == ABANDONED:
            aside.append(artifact.id)
        if artifact.state != LIVE:
            continue
        digest = artifact.properties.get("content_digest")
        if digest is None:
            without.append(artifact.id)
            continue
        compared += 1
        found = _check(artifact, root, str(digest), faults)
        size += found.bytes if found else 0
        for folder, files in _pushed(artifact):
            versions[folder] = (artifact.id, files)
    for folder, (artifact_id, files) in versions.items():
        faults += _differences(files, folder, artifact_id)
        size += files.bytes
    if orphans:
        faults += [
            Fault("orphaned", str(folder), None) for folder in _payload_folders(root) if folder.resolve() not in claimed
        ]
    return Verification(compared, len(versions), size, without, aside, faults)


def _check(artifact: Artifact, root: Path, digest: str, faults: list[Fault]) -> Listing | None:
    folder = Path(artifact.uri)
    if not folder.is_dir():
        faults.append(Fault("missing", str(folder), artifact.id, "the whole payload"))
        return None
    found = list_folder(folder)
    if found.digest != digest:
        faults += _faults(name_differences(root, digest, found, folder), artifact.id)
    return found


def _pushed(artifact: Artifact) -> Iterator[tuple[Path, Listing]]:
    if artifact.type != PUSHED_MODEL:
        return
    record = PushRecord.find(Path(artifact.uri), artifact.properties.get("targets"))
    for folder, files in record.versions.items() if record else ():
        if files:
            yield folder, Listing(files)


def _differences(recorded: Listing, folder: Path, artifact_id: int) -> list[Fault]:
    if not folder.is_dir():
        return [Fault("missing", str(folder), artifact_id, "the whole published version")]
    found = list_folder(folder)
    if not any(file.path == SIGNATURE for file in recorded.files):  # somebody may sign a version later
        found = Listing(tuple(file for file in found.files if file.path != SIGNATURE))
    return _faults(compare(recorded, found, folder), artifact_id)


def _faults(found: Iterable[Difference], artifact_id: int) -> list[Fault]:
    return [Fault(difference.kind, difference.path, artifact_id, difference.detail) for difference in found]


def _payload_folders(root: Path) -> Iterator[Path]:
    """Yield the folders `artifacts/<pipeline>/<node>/<output>/<execution>`.

    TFX's own folders are left out, and so are those of nodes that are running.
    """
    for folder in sorted(root.glob("artifacts/*/*/*/*")):
        if folder.is_dir() and folder.parent.name != ".system" and folder.parent.parent.name != ".system":
            pipeline, node = folder.parts[-4], folder.parts[-3]
            if not any(path.name.endswith(f".{node}.json") for path in journal_folder(root).glob(f"{pipeline}-*")):
                yield folder
