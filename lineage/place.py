"""Names below a root folder that runs write and audits read."""

from pathlib import Path

DEFAULT_ROOT = Path(__file__).parent.parent / ".poseline"
SQLITE_NAME = "metadata.sqlite"
SEQUENCES_FILE = "sequences.parquet"
TEMPLATES = Path(__file__).parent / "templates"


def listing_file(root: Path, digest: str) -> Path:
    """Where the list of files behind a content digest is kept, see `data.digests.Listing`."""
    return root / "listings" / digest[:2] / f"{digest}.txt"


def run_folder(root: Path, run: str) -> Path:
    """Logs and node records of one run."""
    return root / "runs" / run
