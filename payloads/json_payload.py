"""Base of the payloads that are one JSON file in an artifact's folder."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from data.errors import NodeError
from data.files import write_atomically
from data.text import plain_reason


class JsonPayload(BaseModel):
    """One JSON file of an artifact's payload.

    Attributes:
        FILE: name of the file in the artifact's folder.
    """

    model_config = ConfigDict(frozen=True)

    FILE: ClassVar[str]

    def write(self, folder: Path) -> None:
        """Write the file into an artifact's folder, which is made if it is missing.

        Raises:
            OSError: if it could not be written.
        """
        write_atomically(folder / self.FILE, self.model_dump_json(indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the file from an artifact's folder.

        Raises:
            NodeError: if it is missing or damaged.
        """
        path = folder / cls.FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise NodeError(
                f"the payload cannot be read: {plain_reason(error)}",
                str(path),
                "run again with --no-cache: it is made anew",
            ) from error

    @classmethod
    def read_if_sound(cls, folder: Path) -> Self | None:
        """Read the file from an artifact's folder; None if it is missing or damaged."""
        try:
            return cls.read(folder)
        except NodeError:
            return None
