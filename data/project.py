"""Where the project's own files are."""

from pathlib import Path

PROJECT_ROOT = Path(__file__).parent.parent
"""Folder of the checkout: `uv.lock`, `schema/`, `.git` and the default root `.poseline/` lie in it."""
