"""What Pusher wrote down of a push: `push.json` in the PushedModel artifact."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from data.digests import ListedFile

_FILE = "push.json"


@dataclass(frozen=True, slots=True)
class PushRecord:
    """One push that took place.

    Attributes:
        version: number of the release.
        versions: folder of the published version, one a target, to the files that were put there.
    """

    version: int
    versions: dict[Path, tuple[ListedFile, ...]]

    @classmethod
    def read(cls, artifact_folder: Path) -> PushRecord | None:
        """Reads the record of a PushedModel; None if nothing was pushed or the record is gone."""
        try:
            record = json.loads((artifact_folder / _FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not record.get("pushed"):
            return None
        listed = record.get("files", {})
        return cls(
            record["version"],
            {
                Path(target) / str(record["version"]): tuple(ListedFile(**file) for file in listed.get(name, ()))
                for name, target in record["targets"].items()
            },
        )
