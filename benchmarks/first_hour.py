"""Tries `poseline init` on data sets that nobody configured, and compares the models with a random forest.

    .venv/bin/python -m benchmarks.first_hour [NAME ...] [--set KEY=VALUE]

For each set: import, init and run, as a new user would. The random forest gets the same training clips, each as 32
frames, centred at the hips and scaled by the torso. Accuracy is by clip, on the test clips that init chose.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.accuracy import DATASETS
from benchmarks.table import PROJECT
from data.layouts import load_layout
from data.splits import assign_splits, split_clips
from data.store import read_index, read_sequences, span_folder
from data.windows import resample
from payloads.verdict import Verdict, shown
from pipelines.config import PipelineConfig, load_config

SETS = {
    "dumbbell": "dumbbell/pose_trainer18.npz",
    "push_up": "push_up/pushfit_movenet17.npz",
    "utkinect": "utkinect/utkinect_odd.npz",
    "baduanjin_real": "baduanjin/baduanjin_coco17.npz",
    "upper5": "upper5/upper5_train.npz",
    "nw_ucla": "nw_ucla/nw_ucla.npz",
    "msr_action3d": "msr_action3d/msr_action3d.npz",
    "ui_prmd": "ui_prmd/ui_prmd.npz",
}
"""Name of each data set to its file (docs/datasets.md)."""

FRAMES = 32
TREES = 300


def main() -> None:
    """Run the benchmark of the command line and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"data sets; default: all of {', '.join(SETS)}")
    parser.add_argument("--data-root", type=Path, default=DATASETS, help="folder of the .npz files (docs/datasets.md)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="setting of the runs")
    parser.add_argument("--root", type=Path, help="folder of all files, which is kept; default: a temporary one")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - SETS.keys():
        parser.error(f"unknown data sets: {', '.join(sorted(unknown))}")
    print("| data | clips | tested on | poseline | forest | always the same | outcome |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="poseline-first-hour-") as scratch:
        for name in arguments.names or SETS:
            folder = (arguments.root or Path(scratch)) / name
            print(_row(name, arguments.data_root / SETS[name], folder, arguments.set), flush=True)


def _row(name: str, source: Path, folder: Path, settings: list[str]) -> str:
    """Return a row of the table for one data set."""
    _poseline("init", name, "--data", str(source), "--to", str(folder))
    config = load_config(str(folder / f"{name}.yaml"))
    overrides = [part for setting in settings for part in ("--set", setting)]
    command = ["run", "--config", str(folder / f"{name}.yaml"), "--root", str(folder / "root"), *overrides, "--json"]
    report = json.loads(_poseline(*command))
    forest, majority, clips = _forest(config)
    verdicts = map(Verdict.model_validate, report["verdicts"])
    refused = ", ".join(f"{one.gate} {shown(one.figure)}" for one in verdicts if one.rejects)
    accuracy = report["accuracy"].get("int8_sequence")
    cells = (
        name,
        f"{clips[0]} + {clips[1]}",
        f"{config.split.tested_on} ({config.split.method})",
        "-" if accuracy is None else f"{accuracy:.3f}",
        f"{forest:.3f}",
        f"{majority:.3f}",
        f"{report['state']}{': ' if refused else ''}{refused}",
    )
    return f"| {' | '.join(cells)} |"


def _poseline(*arguments: str) -> str:
    """Run a command and return its standard output; a model that a gate rejects is no failure."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"poseline {' '.join(arguments)}\nended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done.stdout


def _forest(config: PipelineConfig) -> tuple[float, float, tuple[int, int]]:
    """Return the forest's accuracy, the share of the most frequent label, and the number of training and test clips."""
    from sklearn.ensemble import RandomForestClassifier

    rows: dict[str, list[tuple[np.ndarray, str]]] = {"train": [], "test": []}
    for features, label, split in _clips(config):
        rows["test" if split == "test" else "train"].append((features, label))
    (train, known), (test, truth) = (map(np.array, zip(*rows[split], strict=True)) for split in ("train", "test"))
    forest = RandomForestClassifier(TREES, class_weight="balanced", random_state=0, n_jobs=1).fit(train, known)
    majority = np.unique(truth, return_counts=True)[1].max() / len(truth)
    return float((forest.predict(test) == truth).mean()), float(majority), (len(train), len(test))


def _clips(config: PipelineConfig) -> Iterator[tuple[np.ndarray, str, str]]:
    """Yield the features, the label and the split of each clip."""
    assert config.data is not None
    span = span_folder(config.data)
    splits = assign_splits(read_index(span), config.split)
    layout = load_layout(config.layout)
    for sequence in read_sequences(span):
        for clip, split in split_clips(sequence, splits, config.split.test_share):
            times = clip.frame_times
            pose = resample(clip.keypoints, times, np.linspace(times[0], times[-1], FRAMES))[..., :-1]
            pose = pose - pose[:, list(layout.root)].mean(axis=1, keepdims=True)
            upper, lower = (pose[:, list(joints)].mean(axis=1) for joints in layout.torso)
            torso = np.median(np.linalg.norm(upper - lower, axis=-1))
            yield (pose / max(torso, 1e-6)).ravel(), clip.label, split


if __name__ == "__main__":
    main()
