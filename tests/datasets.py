"""Folder of the recorded data sets that some tests read (docs/datasets.md); they are skipped where it is missing."""

from __future__ import annotations

import os
from pathlib import Path

DATASETS = Path(os.environ.get("POSELINE_DATASETS") or Path(__file__).parents[2] / "shared" / "data")
