"""Where things are, from environment variables that every Airflow process is started with."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

# Holds metadata, artifacts, pushes and the manifests that the DAGs are drawn from.
ROOT = Path(os.environ.get("POSELINE_ROOT") or PROJECT / ".poseline").absolute()

# Pipelines that get a DAG each: names of manifests.
PIPELINES = (os.environ.get("POSELINE_PIPELINES") or "baduanjin").split()

# What callbacks write, a JSON object a line.
EVENTS = Path(os.environ.get("POSELINE_EVENTS") or ROOT / "airflow-events.jsonl")

RETRIES = 3
RETRY_DELAY = datetime.timedelta(seconds=float(os.environ.get("POSELINE_RETRY_SECONDS") or 30))

# Seconds between two looks at a data folder.
WATCH_SECONDS = float(os.environ.get("POSELINE_WATCH_SECONDS") or 30)

# One slot: nodes that load TensorFlow or Beam do not overlap. tools/airflow.sh creates the pool.
HEAVY_POOL = "poseline_heavy"


def manifest_file(pipeline: str) -> Path:
    """What `poseline compile` wrote for a pipeline."""
    return ROOT / "manifests" / f"{pipeline}.json"
