"""The record that a run leaves of each node next to its log: cache key, code and outcome."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class NodeRecord(BaseModel):
    """What became of one node in one run, as far as lineage asks for it.

    Attributes:
        reason: why the node ran, or why it failed.
        digest: cache key.
        key: part of the cache key to its value.
        code: file of the node's code to a short digest.
    """

    model_config = ConfigDict(frozen=True)

    reason: str = ""
    digest: str | None = None
    key: dict[str, str] = Field(default_factory=dict)
    code: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def read(cls, run_folder: Path, node: str) -> NodeRecord:
        """Read the record of a node from the folder of its run; an empty one if it is missing or damaged."""
        try:
            return cls.model_validate_json((run_folder / f"{node}.json").read_bytes())
        except (OSError, ValidationError):
            return cls()
