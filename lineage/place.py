"""Names below a root folder that runs write and audits read."""

from pathlib import Path

DEFAULT_ROOT = Path(__file__).parent.parent / ".poseline"
SQLITE_NAME = "metadata.sqlite"
