"""Paths below the root folder that runs write and lineage questions read."""

import hashlib
import os
import re
from pathlib import Path

from data.project import PROJECT_ROOT

DEFAULT_ROOT = PROJECT_ROOT / ".poseline"
SQLITE_NAME = "metadata.sqlite"
_PAYLOAD = re.compile(r".*/(artifacts(?:/[^/]+){3}/[0-9]+)", re.DOTALL)


def listing_file(root: Path, digest: str) -> Path:
    """Return the path of the list of files that a content digest was computed from; see `data.digests.Listing`."""
    return root / "listings" / digest[:2] / f"{digest}.txt"


def comparison_file(root: Path, folder: Path) -> Path:
    """Return the path of the record of the last comparison of a folder with its digest; see `lineage.comparison`."""
    name = hashlib.sha256(os.fsencode(below_root(root, str(folder)))).hexdigest()
    return root / "compared" / name[:2] / f"{name}.json"


def checked_file(root: Path, key: str) -> Path:
    """Return the path of the note that a span was found sound; the key is a digest of its content and of the check."""
    return root / "checked" / key[:2] / key


def plans_folder(root: Path) -> Path:
    """Return the folder of the compiled plans; those of an orchestrator's runs have the names of the runs."""
    return root / "plans"


def runs_folder(root: Path) -> Path:
    """Return the folder with a folder for each run."""
    return root / "runs"


def run_folder(root: Path, run: str) -> Path:
    """Return the folder with the logs and node records of a run."""
    return runs_folder(root) / run


def journal_folder(root: Path) -> Path:
    """Return the folder with a locked file for each node that is running now."""
    return root / "running"


def below_root(root: Path, path: str) -> str:
    """Return a path as it is recorded: relative to the root if it is below it, so that the root can be moved."""
    return path.removeprefix(f"{root}/")


def in_root(root: Path, recorded: str) -> str:
    """Return the path that was recorded; a payload that was recorded with the root's former place is in the root."""
    return in_folder(root, payload_name(recorded))


def in_folder(folder: Path, recorded: str) -> str:
    """Return the path that was recorded relative to a folder; an absolute path, or none, is as it was recorded."""
    return recorded if not recorded or recorded.startswith("/") else f"{folder}/{recorded}"


def payload_name(path: str) -> str:
    """Return the path of a payload below its root, `artifacts/PIPELINE/NODE/OUTPUT/EXECUTION`; others unchanged."""
    found = _PAYLOAD.fullmatch(path)
    return found[1] if found else path


def former_root(recorded: str) -> Path | None:
    """Return the place of the root when a payload's absolute path was recorded; None if it is no such path."""
    name = payload_name(recorded)
    return Path(recorded.removesuffix(f"/{name}")) if recorded.startswith("/") and name != recorded else None
