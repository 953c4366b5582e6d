"""Where a pipeline keeps what it makes: everything lies under one root folder."""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from lineage.places import DEFAULT_ROOT, SQLITE_NAME

__all__ = ["DEFAULT_ROOT", "Workspace"]
_NEEDED_BYTES = 300 * 2**20


@dataclass(frozen=True)
class Workspace:
    """Paths under the root; nothing is created until `prepare`."""

    root: Path

    @property
    def metadata_file(self) -> Path:
        """SQLite file of ML Metadata, unless the environment names another store."""
        return self.root / SQLITE_NAME

    @property
    def pushed(self) -> Path:
        """Default push targets, a folder a pipeline."""
        return self.root / "pushed"

    @property
    def ir(self) -> Path:
        """Compiled graphs."""
        return self.root / "ir"

    def run_plan(self, run_id: str) -> Path:
        """The compiled graph of a run that an orchestrator steps through."""
        return self.ir / f"{run_id}.json"

    def manifest(self, pipeline: str) -> Path:
        """What an orchestrator draws a pipeline's graph from."""
        return self.root / "manifests" / f"{pipeline}.json"

    @property
    def journal(self) -> Path:
        """A file for each node that is running now."""
        return self.root / "running"

    def artifacts(self, pipeline: str) -> Path:
        """Payloads of one pipeline's artifacts."""
        return self.root / "artifacts" / pipeline

    def checkpoints(self, pipeline: str) -> Path:
        """Training checkpoints that outlive a killed Trainer."""
        return self.root / "checkpoints" / pipeline

    def run_folder(self, run_id: str) -> Path:
        """Logs and node records of one run."""
        return self.root / "runs" / run_id

    def prepare(self) -> None:
        """Creates the root and makes sure that a run can write there.

        Raises:
            InputError: the root can't be written, the disk is full, or the metadata store is locked or no store.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".probe-{os.getpid()}"
            probe.write_bytes(b"poseline")
            probe.unlink()
        except OSError as error:
            raise InputError(
                f"the root folder cannot be written: {error.strerror}", str(self.root), "name another with --root"
            ) from error
        free = shutil.disk_usage(self.root).free
        if free < _NEEDED_BYTES:
            raise InputError(
                f"the disk is full: {free / 2**20:.0f} MB are free, a run needs {_NEEDED_BYTES // 2**20} MB",
                str(self.root),
                "free some space, or name a root on another disk with --root",
            )
        self._check_metadata()

    def _check_metadata(self) -> None:
        if not self.metadata_file.exists():
            return
        try:
            with sqlite3.connect(self.metadata_file, timeout=5) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.rollback()
        except sqlite3.OperationalError as error:
            raise InputError(
                f"the metadata store cannot be written: {error}",
                str(self.metadata_file),
                "end the process that holds it (another run, an open database browser), then run again",
            ) from error
        except sqlite3.DatabaseError as error:
            raise InputError(
                f"the metadata store is damaged: {error}",
                str(self.metadata_file),
                "restore it from a backup, or name a new root with --root",
            ) from error
