"""Settings of the DAGs, read from the environment variables of the Airflow processes."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

# Folder with the metadata store, artifacts, pushed bundles and DAG manifests.
ROOT = Path(os.environ.get("POSELINE_ROOT") or PROJECT / ".poseline").absolute()

# Names of the pipelines (and of their manifests); each gets a DAG.
PIPELINES = (os.environ.get("POSELINE_PIPELINES") or "baduanjin").split()

# File that the callbacks append to, one JSON object in each line.
EVENTS = Path(os.environ.get("POSELINE_EVENTS") or ROOT / "airflow-events.jsonl")

RETRIES = 3
RETRY_DELAY = datetime.timedelta(seconds=float(os.environ.get("POSELINE_RETRY_SECONDS") or 30))

# Seconds between two checks of a data folder for new spans.
WATCH_SECONDS = float(os.environ.get("POSELINE_WATCH_SECONDS") or 30)

# Pool for nodes that load TensorFlow or Beam. tools/airflow.sh creates it with one slot, so that they do not overlap.
HEAVY_POOL = "poseline_heavy"


def manifest_file(pipeline: str) -> Path:
    """Return the path of the DAG manifest that `poseline compile` wrote for a pipeline."""
    return ROOT / "manifests" / f"{pipeline}.json"


def loopback() -> str:
    """Return the name under which all parts of an Airflow on a single machine reach each other."""
    return "localhost"
