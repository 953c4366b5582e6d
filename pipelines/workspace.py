"""The paths of all files and folders that a run creates, under one root folder."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from data.files import staging_folder
from data.system import faults
from lineage.places import DEFAULT_ROOT, SQLITE_NAME, journal_folder, plans_folder, run_folder, runs_folder
from lineage.store.locking import DAMAGED, when_unlocked

__all__ = ["DEFAULT_ROOT", "Workspace"]
_NEEDED_BYTES = 300 * 2**20


@dataclass(frozen=True)
class Workspace:
    """The paths under a root folder; nothing is created before `prepare`.

    Attributes:
        root: root folder, an absolute path.
    """

    root: Path

    @property
    def metadata_file(self) -> Path:
        """The SQLite file of ML Metadata; the environment may name another store."""
        return self.root / SQLITE_NAME

    @property
    def pushed(self) -> Path:
        """The folder of the default push targets, one for each pipeline."""
        return self.root / "pushed"

    def plan_file(self, name: str) -> Path:
        """Return the path of a compiled plan."""
        return plans_folder(self.root) / f"{name}.json"

    @property
    def imports_file(self) -> Path:
        """The file of what the project's modules import, which plans are made from."""
        return self.root / "imports.json"

    def plan_file_of_run(self, run_id: str) -> Path:
        """Return the path of the plan of a run that an orchestrator steps through."""
        return self.plan_file(run_id)

    def manifest(self, pipeline: str) -> Path:
        """Return the path of a pipeline's DAG manifest, from which an orchestrator draws the graph."""
        return self.root / "manifests" / f"{pipeline}.json"

    @property
    def journal(self) -> Path:
        """The folder with a file for each node that is running now."""
        return journal_folder(self.root)

    def artifacts(self, pipeline: str) -> Path:
        """Return the folder of the payloads of a pipeline's artifacts."""
        return self.root / "artifacts" / pipeline

    def checkpoints(self, pipeline: str) -> Path:
        """Return the folder of the checkpoints from which a killed training resumes."""
        return self.root / "checkpoints" / pipeline

    @property
    def runs(self) -> Path:
        """The folder that contains one subfolder per run."""
        return runs_folder(self.root)

    def run_folder(self, run_id: str) -> Path:
        """Return the folder of the logs and node records of a run."""
        return run_folder(self.root, run_id)

    def prepare(self) -> None:
        """Create the root and check that a run can write there.

        Raises:
            InputError: the root cannot be written, the disk is full, or the metadata store is locked or damaged.
        """
        try:
            with staging_folder(self.root) as probe:
                (probe / "probe").write_bytes(b"poseline")
        except OSError as error:
            fault = faults.explain(error)
            raise InputError(
                f"the root folder cannot be written: {fault.what if fault else error.strerror}",
                str(self.root),
                f"{fault.remedy if fault else 'grant write access'}; or name another folder with --root",
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
        place = str(self.metadata_file)
        try:
            when_unlocked(self._begin, lambda error: "locked" in str(error), place)
        except sqlite3.OperationalError as error:
            raise InputError(
                f"the metadata store cannot be written: {error}",
                place,
                "make it a file that this user may write, or name another root with --root",
            ) from error
        except sqlite3.DatabaseError as error:
            cause, remedy = DAMAGED
            raise InputError(f"the metadata store cannot be used: {cause}: {error}", place, remedy) from error

    def _begin(self) -> None:
        with contextlib.closing(sqlite3.connect(self.metadata_file, timeout=2)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
