"""Pusher's record of a push: what was published where, or which gates rejected the model and why."""

from __future__ import annotations

import json
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
        """Read the file from an artifact's folder.

        Files of older versions have absolute paths, also of targets that have moved with the root since. The metadata
        store, which has the root's former place, knows where these are now: see `find`.

        Raises:
            NodeError: if it is missing or damaged.
        """
        record = super().read(folder)
        return record.model_copy(update={"targets": targets_in(_root_of(folder), record.targets)})

    @classmethod
    def find(cls, folder: Path, targets: object) -> Self | None:
        """Read the file with the targets where they are now; None if it is missing or damaged.

        Args:
            folder: folder of the artifact.
            targets: the custom property `targets` of the PushedModel in the metadata store; the file's own targets
                count if it is missing or damaged.
        """
        record = cls.read_if_sound(folder)
        try:
            places = json.loads(str(targets or "{}"))
            return record and record.model_copy(
                update={"targets": {name: str(places.get(name, target)) for name, target in record.targets.items()}}
            )
        except (ValueError, AttributeError):
            return record

    @property
    def versions(self) -> dict[Path, tuple[ListedFile, ...]]:
        """Folder of the published version at each target to its files; empty if nothing was published."""
        if not self.pushed:
            return {}
        return {Path(target) / str(self.version): self.files.get(name, ()) for name, target in self.targets.items()}


def recorded_targets(root: Path | None, targets: Mapping[str, str]) -> dict[str, str]:
    """Return the folders of targets as they are recorded: relative to the root of the runs if they are below it.

    Targets are recorded without links and `..`; the root may have been given with them.
    """
    if root is None:
        return dict(targets)
    prefixes = (f"{root}/", f"{root.resolve()}/")
    below = {name: next(filter(target.startswith, prefixes), "") for name, target in targets.items()}
    return {name: target.removeprefix(below[name]) for name, target in targets.items()}


def targets_in(root: Path | None, recorded: Mapping[str, str], former: Path | None = None) -> dict[str, str]:
    """Return the folders of recorded targets.

    Args:
        root: root of the runs; None if it is not known.
        recorded: the recorded targets.
        former: place of the root when they were recorded, if it is known: targets below it moved with the root. Older
            versions recorded absolute paths.
    """
    if root is None:
        return dict(recorded)
    here = root.resolve()
    return {name: str(here / target) for name, target in recorded_targets(former, recorded).items()}


def _root_of(folder: Path) -> Path | None:
    """Return the root of the runs that a payload `artifacts/PIPELINE/NODE/OUTPUT/EXECUTION` is in; None if in none."""
    above = folder.parents[3:5]
    return above[1] if len(above) == 2 and above[0].name == "artifacts" else None
