"""Whether everything that was recorded is still there and unaltered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from data.digests import Listing, list_folder, parse_listing
from lineage.model import LIVE, Artifact
from lineage.places import listing_file
from lineage.store.reader import LineageStore
from payloads.push import PushRecord

_BUSY = "running"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was recorded.

    Attributes:
        kind: `altered`, `missing`, `extra` (a file that was not there), `orphaned` (a folder that no live artifact
            claims).
        path: of the file or folder.
        artifact: id of the artifact that it belongs to, None if to none.
        detail: what is known beyond that.
    """

    kind: Literal["altered", "missing", "extra", "orphaned"]
    path: str
    artifact: int | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found.

    Attributes:
        artifacts: how many were compared with their digests.
        versions: how many published versions were.
        bytes: how much was read.
        without_digest: ids of live artifacts that were recorded without a digest.
        faults: everything that is not as it was recorded.
    """

    artifacts: int
    versions: int
    bytes: int
    without_digest: list[int]
    faults: list[Fault]

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def verify(store: LineageStore, root: Path, artifacts: Iterable[Artifact], *, orphans: bool = False) -> Verification:
    """Recomputes digests.

    Args:
        store: to read.
        root: of the runs.
        artifacts: which to look at; only live ones count.
        orphans: whether to look for folders that no live artifact claims; needs all artifacts.
    """
    faults: list[Fault] = []
    without: list[int] = []
    claimed: set[str] = set()
    versions: dict[Path, tuple[int, Listing]] = {}
    compared = size = 0
    for artifact in artifacts:
        if artifact.state != LIVE:
            continue
        claimed.add(artifact.uri)
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
            Fault("orphaned", str(folder), None) for folder in _payload_folders(root) if str(folder) not in claimed
        ]
    return Verification(compared, len(versions), size, without, faults)


def _check(artifact: Artifact, root: Path, digest: str, faults: list[Fault]) -> Listing | None:
    folder = Path(artifact.uri)
    if not folder.is_dir():
        faults.append(Fault("missing", str(folder), artifact.id, "the whole payload"))
        return None
    found = list_folder(folder)
    if found.digest != digest:
        recorded = _recorded(root, digest)
        if recorded is None:
            faults.append(Fault("altered", str(folder), artifact.id, "the list of its files is gone: cannot say which"))
        else:
            faults += _compare(recorded, found, folder, artifact.id)
    return found


def _recorded(root: Path, digest: str) -> Listing | None:
    """The list of files behind a digest; None if it is gone or does not have this digest."""
    try:
        listing = parse_listing(listing_file(root, digest).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return listing if listing.digest == digest else None


def _pushed(artifact: Artifact) -> Iterator[tuple[Path, Listing]]:
    record = PushRecord.read(Path(artifact.uri)) if artifact.type == "PushedModel" else None
    for folder, files in record.versions.items() if record else ():
        if files:
            yield folder, Listing(files)


def _differences(recorded: Listing, folder: Path, artifact_id: int) -> list[Fault]:
    if not folder.is_dir():
        return [Fault("missing", str(folder), artifact_id, "the whole published version")]
    return _compare(recorded, list_folder(folder), folder, artifact_id)


def _compare(recorded: Listing, found: Listing, folder: Path, artifact_id: int) -> list[Fault]:
    before = {file.path: file for file in recorded.files}
    after = {file.path: file for file in found.files}
    faults = [Fault("missing", str(folder / name), artifact_id) for name in before.keys() - after.keys()]
    faults += [Fault("extra", str(folder / name), artifact_id) for name in after.keys() - before.keys()]
    for name in before.keys() & after.keys():
        if before[name] != after[name]:
            sizes = f"{before[name].bytes} bytes recorded, {after[name].bytes} found"
            faults.append(Fault("altered", str(folder / name), artifact_id, sizes))
    return sorted(faults, key=lambda fault: fault.path)


def _payload_folders(root: Path) -> Iterator[Path]:
    """`artifacts/<pipeline>/<node>/<output>/<execution>`, without TFX's own folders and what is being made now."""
    for folder in sorted(root.glob("artifacts/*/*/*/*")):
        if folder.is_dir() and folder.parent.name != ".system" and folder.parent.parent.name != ".system":
            pipeline, node = folder.parts[-4], folder.parts[-3]
            if not any(path.name.endswith(f".{node}.json") for path in (root / _BUSY).glob(f"{pipeline}-*")):
                yield folder
