"""Writer of `before.tar.xz` and `answers.json`: a root that an older commit made, and what its code says about it.

The README next to this file says how to run it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.compatibility.older_root import ANSWERS, ARCHIVE, PREFIX, drawn_dag, restore

PLACE = Path(PREFIX)
PYTHON = PLACE / "project/.venv/bin/python"
AIRFLOW_PYTHON = PLACE / "project/.airflow/venv/bin/python"
FRAMES = 64
SPLITS = {"s3p01": "train", "s3p02": "train", "s3p03": "eval", "s3p04": "test"}
SETTINGS = (
    "training.epochs=40",
    "training.warmup_epochs=2",
    "training.ema=0.5",
    "training.learning_rate=0.02",
    "training.jit_compile=false",
    "training.batch_size=8",
    "model.members=[[joints]]",
    "model.stem=8",
    "model.widths=[16]",
    "model.strides=[2]",
    "shards=1",
    "edge.representative_windows=16",
    "edge.golden_windows=8",
    "gates.evaluator={min_accuracy: 0.0, min_macro_f1: 0.0, max_accuracy_drop: 1.0}",
    "gates.model_validator={min_sequence_accuracy: 0.0, max_accuracy_lost: 1.0}",
    "gates.serving_smoke={min_agreement: 0.0, max_difference: 1.0, max_latency_p95_ms: 100.0}",
)
# What each run changes, and its exit code: two models are published, then the second is too large for a new limit.
RUNS = ((), 0), (("training.seed=8",), 0), (("training.seed=8", "gates.model_validator.max_bytes=1000"), 1)


def poseline(*arguments: str, expect: int = 0) -> None:
    """Run a command of the older code."""
    command = [str(PYTHON), "-m", "pipelines.cli", *arguments]
    done = subprocess.run(command, cwd=PLACE / "project", check=False)
    if done.returncode != expect:
        raise SystemExit(f"exit code {done.returncode}: {' '.join(arguments)}")


def make_data() -> None:
    """Make four invented people, then shorten and round what they do, so that it takes little space."""
    poseline("data", "synth", "--to", str(PLACE / "data"), "--subjects", "4", "--repetitions", "1", "--seed", "3")
    file = PLACE / "data/span-1/part-00000.parquet"
    table = pq.read_table(file)
    rows = table.to_pylist()
    for row in rows:
        row["frames"] = min(row["frames"], FRAMES)
        kept = np.array(row["keypoints"][: row["frames"] * row["joints"] * row["channels"]])
        row["keypoints"] = (np.round(kept * 256) / 256).tolist()
        row["split"] = SPLITS[row["subject"]]
    pq.write_table(pa.Table.from_pylist(rows, table.schema), file, compression="none", use_dictionary=["keypoints"])


def make_root() -> None:
    """Run the pipeline and compile the manifest that Airflow draws its graph from."""
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    place = ["--config", "baduanjin", "--data", str(PLACE / "data"), "--root", str(PLACE / "root")]
    for changes, expect in RUNS:
        poseline("run", *place, *settings, *(part for change in changes for part in ("--set", change)), expect=expect)
    poseline("compile", *place, *settings)


def pack() -> None:
    """Write the archive; logs, compiled graphs and TFX's own files are left out."""
    with tarfile.open(ARCHIVE, "w:xz", preset=9) as archive:
        for path in sorted(PLACE.rglob("*")):
            name = path.relative_to(PLACE)
            unwanted = path.suffix == ".log" or ".system" in name.parts or name.parts[:2] == ("root", "ir")
            if name.parts[0] in ("data", "root") and not unwanted:
                archive.add(path, str(name), recursive=False, filter=_anonymous)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() else 0o644
    return entry


def answers_from(folder: Path) -> dict[str, object]:
    """Let the older code answer all questions about copies of the archive in a new folder."""
    script = Path(__file__).with_name("questions.py")
    environment = os.environ | {"PYTHONPATH": str(PLACE / "project")}
    command = [PYTHON, script, folder / "asked"]
    done = subprocess.run(command, cwd=PLACE / "project", env=environment, stdout=subprocess.PIPE, check=True)
    answers = json.loads(done.stdout.splitlines()[-1])
    answers["dag"] = drawn_dag(AIRFLOW_PYTHON, PLACE / "project", restore(folder / "drawn"))
    return answers


def record_answers() -> None:
    """Write the answers, if they are the same in two different folders."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = (answers_from(Path(folder) / name) for name in ("a", "another"))
    differing = [name for name in first if first[name] != second[name]]
    if differing:
        raise SystemExit(f"not the same in two folders: {differing}")
    ANSWERS.write_text(json.dumps(first, indent=0, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if not (PLACE / "data").exists():
        make_data()
    if not (PLACE / "root").exists():
        make_root()
    pack()
    record_answers()
