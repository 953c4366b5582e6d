"""Names below a root folder that runs write and audits read."""

from pathlib import Path

from data.project import PROJECT_ROOT

DEFAULT_ROOT = PROJECT_ROOT / ".poseline"
SQLITE_NAME = "metadata.sqlite"


def listing_file(root: Path, digest: str) -> Path:
    """Where the list of files behind a content digest is kept, see `data.digests.Listing`."""
    return root / "listings" / digest[:2] / f"{digest}.txt"


def run_folder(root: Path, run: str) -> Path:
    """Logs and node records of one run."""
    return root / "runs" / run
