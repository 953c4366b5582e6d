"""Pusher's record of a push: what was published where, or which gates rejected the model and why."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

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
        targets: name of the target to its folder.
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

    @property
    def versions(self) -> dict[Path, tuple[ListedFile, ...]]:
        """Folder of the published version at each target to its files; empty if nothing was published."""
        if not self.pushed:
            return {}
        return {Path(target) / str(self.version): self.files.get(name, ()) for name, target in self.targets.items()}
