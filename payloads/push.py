"""Pusher's record of a push: what was published where, or which gates rejected the model and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field

from data.digests import ListedFile
from payloads.json_payload import JsonPayload


class PushRecord(JsonPayload):
    """One attempt to push, published or not.

    Attributes:
        pushed: whether it was published.
        refused_by: gates that rejected the model and stopped the push.
        warned_by: gates that rejected the model but only warn.
        reasons: verdicts that did not pass, for people.
        version: number of the release; None if nothing was published.
        digest: digest of the release's behaviour, see `serving_targets.manifest`; None if nothing was published.
        targets: name of the target to its folder, an absolute path; in the file, those below the root of the runs are
            relative to it.
        files: name of the target to the files of the published version.
        already_there: targets that held this release before.
        signed_by: fingerprint of the public key for the manifest's signature; None if it is unsigned.
    """

    FILE: ClassVar[str] = "push.json"

    pushed: bool
    refused_by: tuple[str, ...] = ()
    warned_by: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    version: int | None = None
    digest: str | None = None
    targets: dict[str, str] = Field(default_factory=dict)
    files: dict[str, tuple[ListedFile, ...]] = Field(default_factory=dict)
    already_there: tuple[str, ...] = ()
    signed_by: str | None = None

    def write(self, folder: Path) -> None:
        """Write the file into an artifact's folder, with targets below the root relative to it."""
        targets = recorded_targets(_root_of(folder), self.targets)
        super(PushRecord, self.model_copy(update={"targets": targets})).write(folder)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the file from an artifact's folder; a target that moved with the root is where the root is now.

        Raises:
            NodeError: if it is missing or damaged.
        """
        record = super().read(folder)
        return record.model_copy(update={"targets": targets_in(_root_of(folder), record.targets)})

    @property
    def versions(self) -> dict[Path, tuple[ListedFile, ...]]:
        """Folder of the published version at each target to its files; empty if nothing was published."""
        if not self.pushed:
            return {}
        return {Path(target) / str(self.version): self.files.get(name, ()) for name, target in self.targets.items()}


def recorded_targets(root: Path | None, targets: Mapping[str, str]) -> dict[str, str]:
    """Return the folders of targets as they are recorded: relative to the root of the runs if they are below it."""
    return {name: target.removeprefix(f"{root}/") if root else target for name, target in targets.items()}


def targets_in(root: Path | None, recorded: Mapping[str, str]) -> dict[str, str]:
    """Return the folders of recorded targets; a target that moved with the root is where the root is now."""
    return {name: _target_in(root, target) if root else target for name, target in recorded.items()}


def _root_of(folder: Path) -> Path | None:
    """Return the root of the runs that a payload `artifacts/PIPELINE/NODE/OUTPUT/EXECUTION` is in; None if in none."""
    above = folder.parents[3:5]
    return above[1] if len(above) == 2 and above[0].name == "artifacts" else None


def _target_in(root: Path, target: str) -> str:
    """Return the folder of a target; older records have the absolute paths of targets in the root's former place."""
    moved = root.joinpath(*Path(target).parts[-2:])
    is_moved = Path(target).is_absolute() and moved.parent.name == "pushed" and not Path(target).exists()
    return str(moved if is_moved and moved.is_dir() else root / target)
