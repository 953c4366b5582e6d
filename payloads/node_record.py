"""The record that a run leaves of each node next to its log: outcome, cache key and code."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.files import write_atomically


class NodeRecord(BaseModel):
    """The outcome of one node in one run.

    Attributes:
        node: id of the node.
        state: `done`, `cached`, `resolved`, `skipped` or `failed`.
        seconds: wall time.
        execution_id: id of the execution in the metadata store; None if there is none.
        reason: why the node ran, or why it failed.
        digest: cache key; None if the node has none.
        key: name of each part of the cache key to its value.
        code: path of each file of the node's code to a short digest.
        error: message of the failure; None if the node did not fail.
    """

    model_config = ConfigDict(frozen=True)

    node: str = ""
    state: str = ""
    seconds: float = 0.0
    execution_id: int | None = None
    reason: str = ""
    digest: str | None = None
    key: dict[str, str] = Field(default_factory=dict)
    code: dict[str, str] = Field(default_factory=dict)
    error: str | None = None

    @staticmethod
    def file(run_folder: Path, node: str) -> Path:
        """Return the path of a node's record in the folder of its run."""
        return run_folder / f"{node}.json"

    def write(self, run_folder: Path) -> None:
        """Write the record into the folder of the run.

        Raises:
            OSError: it could not be written.
        """
        write_atomically(self.file(run_folder, self.node), self.model_dump_json(indent=1))

    @classmethod
    def read(cls, run_folder: Path, node: str) -> NodeRecord:
        """Read the record of a node from the folder of its run; an empty one if it is missing or damaged."""
        try:
            return cls.model_validate_json(cls.file(run_folder, node).read_bytes())
        except (OSError, ValidationError):
            return cls()
