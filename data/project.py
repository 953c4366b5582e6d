"""The folder of the project's own files."""

from pathlib import Path

PROJECT_ROOT = Path(__file__).parent.parent
"""Folder of the checkout, with `uv.lock`, `schema/`, `.git` and the default root `.poseline/`."""
