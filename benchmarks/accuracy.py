"""Trains a configuration through the pipeline and judges the converted files on its test split.

    .venv/bin/python -m benchmarks.accuracy NAME [--seeds 3] [--model tcn|ddnet|graph] [--halvings] [--set KEY=JSON]

Every seed (and fold) is a run of the pipeline up to ModelValidator; what is measured is the EdgeModel that it made.
Results go to benchmarks/results/NAME-MODEL.json; `python -m benchmarks.table` makes the README's table of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.output import machine
from benchmarks.table import PROJECT, RESULTS, table
from data.files import write_atomically
from data.layouts import load_layout
from data.store import read_index, span_folder
from pipelines.config import load_config
from serving_targets.classifier import Classifier
from serving_targets.latency import measure_in_fresh_process
from serving_targets.manifest import FLOAT_MODEL, INT8_MODEL
from serving_targets.robustness import disturbed
from serving_targets.tflite_file import custom_operators

DATASETS = Path(os.environ.get("POSELINE_DATASETS") or PROJECT.parent / "shared" / "data")
"""Folder of the .npz files of docs/datasets.md, unless `--data-root` names another."""

SOURCES: dict[str, str | None] = {
    "baduanjin": None,  # the bundled sample, canonical already
    "nw_ucla": "nw_ucla/nw_ucla.npz",
    "msr_action3d": "msr_action3d/msr_action3d.npz",
    "upper5": "upper5/upper5_train.npz",
}

PUBLISHED: dict[str, dict[str, float]] = {
    "baduanjin": {},
    "nw_ucla": {"CTR-GCN, ensemble of four": 0.965, "CTR-GCN, joints only": 0.935},
    "msr_action3d": {"by the authors of the copy used": 0.907},
    "upper5": {"mean, on six other people": 0.8885, "best, on six other people": 0.8984},
}

PROTOCOL = {"msr_action3d": "used_in_cvpr12"}
"""Array of the .npz that says which sequences the published figures are about: of MSR Action3D 557 of 567."""

FOLDS = {"upper5": 5}
"""Sets without a split of their own are judged on every person, a fifth at a time."""

HALVINGS = {
    "msr_action3d": (
        ("1", "3", "5", "7", "9"),
        ("6", "7", "8", "9", "10"),
        ("1", "2", "3", "4", "5"),
        ("2", "3", "6", "7", "10"),
        ("1", "4", "5", "8", "9"),
    )
}
"""Test people of `--halvings`, half of all each time, to choose a configuration by: without the official halving."""

# The published recipe of DD-Net: 32 filters, Adam from 1e-3, no mixing, no weight decay, no smoothing; its augmentation
# cuts and warps time. Updates, schedule and averaged weights are the harness's, the same for all.
RECIPES: dict[str, dict[str, Any]] = {
    "tcn": {},
    "graph": {"model.family": "graph"},
    "ddnet": {
        "model.family": "ddnet",
        "model.stem": 32,
        "training.learning_rate": 1e-3,
        "training.weight_decay": 0,
        "training.label_smoothing": 0,
        "training.augmentation": {
            **dict.fromkeys(("mirror", "yaw", "tilt", "scale", "stretch", "bones"), 0),
            **dict.fromkeys(("jitter", "offset", "joint_dropout", "mixing"), 0),
            "crop": 0.15,
            "warp": 0.2,
        },
    },
}


def run(name: str, data: Path, root: Path, settings: dict[str, Any]) -> float:
    """Runs the pipeline up to ModelValidator; returns the seconds it took.

    Raises:
        SystemExit: a node failed. That a gate says no is no failure here.
    """
    command = [sys.executable, "-m", "pipelines.cli", "run", "--config", name, "--data", str(data)]
    command += ["--root", str(root), "--until", "ModelValidator"]
    command += [part for key, value in settings.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    begin = time.monotonic()
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return time.monotonic() - begin


def newest(root: Path, name: str, node: str, key: str) -> Path:
    """Folder of the artifact that a node made last."""
    return max((root / "artifacts" / name / node / key).iterdir(), key=lambda folder: int(folder.name))


def judge(edge_model: Path, layout: str, clean: np.ndarray | None) -> dict[str, Any]:
    """Figures of an EdgeModel on the test split, by sequence.

    Args:
        edge_model: folder that EdgeConverter wrote.
        layout: name of the joint layout.
        clean: bool by test sequence, in the order of their ids: False where it also was a training sequence.
    """
    evaluation = dict(np.load(edge_model / "evaluation.npz"))
    windows, sequences = evaluation["windows"], evaluation["sequences"]
    truth = np.array([evaluation["label_ids"][sequences == s][0] for s in np.unique(sequences)])

    def called(file: str, shown: np.ndarray) -> np.ndarray:
        probabilities = Classifier(edge_model / file).predict_all(shown)
        return np.array([probabilities[sequences == s].mean(axis=0).argmax() for s in np.unique(sequences)])

    int8 = called(INT8_MODEL, windows)
    accuracy = float((int8 == truth).mean())
    latency = measure_in_fresh_process(edge_model / INT8_MODEL, edge_model / "golden.npz")
    return {
        "int8_accuracy": accuracy,
        "float_accuracy": float((called(FLOAT_MODEL, windows) == truth).mean()),
        "int8_macro_f1": macro_f1(truth, int8),
        **({"int8_accuracy_clean": float((int8 == truth)[clean].mean())} if clean is not None else {}),
        "sequences": len(truth),
        "bytes": (edge_model / INT8_MODEL).stat().st_size,
        "custom_operators": len(custom_operators(edge_model / INT8_MODEL)),
        "p50_ms": latency.p50,
        "p95_ms": latency.p95,
        "lost": {
            kind: accuracy - float((called(INT8_MODEL, shown) == truth).mean())
            for kind, shown in disturbed(windows, load_layout(layout), seed=7).items()
        },
    }


def macro_f1(truth: np.ndarray, called: np.ndarray) -> float:
    """Mean F1 over the classes that occur or are called."""
    classes = np.union1d(truth, called)
    hits = np.array([2 * ((truth == c) & (called == c)).sum() for c in classes])
    return float((hits / [(truth == c).sum() + (called == c).sum() for c in classes]).mean())


def clean_sequences(name: str, data: Path, data_root: Path) -> np.ndarray | None:
    """Of NW-UCLA: whether each official test clip, in the order of the ids, is no copy of a training clip."""
    if name != "nw_ucla":
        return None
    with np.load(data_root / str(SOURCES[name])) as source:
        copies = dict(zip(source["sequence_id"].tolist(), source["test_copy_of_train"].tolist(), strict=True))
    test = sorted(key.sequence_id for key in read_index(span_folder(data, None)) if key.split == "test")
    return np.array([not copies[sequence_id] for sequence_id in test])


def folds(name: str, data: Path, halvings: bool) -> list[dict[str, Any]]:
    """Settings of the split, a fold each; one without settings where the configuration's own split is taken."""
    if halvings:
        return [tested_on(people) for people in HALVINGS[name]]
    if name not in FOLDS:
        return [{}]
    people = sorted({key.subject for key in read_index(span_folder(data, None))}, key=lambda s: (len(s), s))
    return [tested_on(people[i :: FOLDS[name]]) for i in range(FOLDS[name])]


def tested_on(people: Sequence[str]) -> dict[str, Any]:
    """Settings of the split: these people are tested on, everybody else is trained on."""
    return {"split": {"method": "subjects", "subjects": {"train": ["*"], "test": list(people)}, "eval_share": 0}}


def imported(name: str, folder: Path, data_root: Path) -> Path:
    """The set as canonical data, imported from its .npz."""
    if SOURCES[name] is None:
        return PROJECT / "data" / "sample"
    source = data_root / str(SOURCES[name])
    if not source.is_file():
        sys.exit(f"{source} does not exist: docs/datasets.md says how to obtain it; name its folder with --data-root")
    if name in PROTOCOL:
        source = selected(source, PROTOCOL[name], folder.with_suffix(".npz"))
    command = [sys.executable, "-m", "pipelines.cli", "data", "import", "--from", "npz", str(source)]
    subprocess.run([*command, "--to", str(folder)], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    return folder


def selected(source: Path, mask: str, to: Path) -> Path:
    """Copies the sequences of a ragged .npz whose entry in the bool array `mask` is true."""
    with np.load(source) as file:
        store = dict(file)
    keep, lengths = store[mask], np.diff(store["offsets"])
    parts = {name: values[keep] for name, values in store.items() if values.shape[:1] == keep.shape}
    parts["frames"] = store["frames"][np.repeat(keep, lengths)]
    parts["offsets"] = np.concatenate([[0], np.cumsum(lengths[keep])])
    np.savez(to, **(store | parts))
    return to


def mean(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Means of all figures, those inside `lost` too."""
    means = {
        key: float(np.mean([result[key] for result in results]))
        for key, value in results[0].items()
        if isinstance(value, int | float)
    }
    lost = {kind: float(np.mean([result["lost"][kind] for result in results])) for kind in results[0]["lost"]}
    return {**means, "lost": lost}


def main() -> None:
    """Trains, judges, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(SOURCES))
    parser.add_argument("--model", choices=sorted(RECIPES), default="tcn")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--halvings", action="store_true", help="judge on other halvings of the people, for choices")
    parser.add_argument("--epochs", type=int, help="instead of the configuration's")
    parser.add_argument("--data", type=Path, help="canonical data; imported from the .npz if not given")
    parser.add_argument("--data-root", type=Path, default=DATASETS, help="folder of the .npz files (docs/datasets.md)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON", help="another setting, for trials")
    parser.add_argument("--to", type=Path, help="folder for the results")
    arguments = parser.parse_args()
    if arguments.halvings and arguments.name not in HALVINGS:
        parser.error(f"--halvings are of {', '.join(HALVINGS)}")
    to = arguments.to or (RESULTS / "halvings" if arguments.halvings else RESULTS)
    name, model = arguments.name, arguments.model
    settings = RECIPES[model] | ({"training.epochs": arguments.epochs} if arguments.epochs else {})
    settings |= {key: json.loads(value) for key, _, value in (text.partition("=") for text in arguments.set)}
    published = {} if arguments.halvings else PUBLISHED[name]
    task = {"data": name, "model": model, "settings": settings, "published": published}
    results = []
    with tempfile.TemporaryDirectory(prefix="poseline-accuracy-") as scratch:
        folder = Path(scratch)
        data = arguments.data or imported(name, folder / "data", arguments.data_root)
        layout, clean = load_config(name).layout, clean_sequences(name, data, arguments.data_root)
        splits = folds(name, data, arguments.halvings)
        for seed in range(1, arguments.seeds + 1):
            for fold, split in enumerate(splits):
                seconds = run(name, data, folder / "root", {"training.seed": seed, **split, **settings})
                training = newest(folder / "root", name, "Trainer", "model_run") / "training.json"
                record = json.loads(training.read_text(encoding="utf-8"))
                result = {"seed": seed, "fold": fold, "seconds": seconds, "training_seconds": record["seconds"]}
                result |= {"parameters": record["parameters"], "epochs": record["epochs"]}
                result |= judge(newest(folder / "root", name, "EdgeConverter", "edge_model"), layout, clean)
                results.append(result)
                print(json.dumps(result), flush=True)
                write(to / f"{name}-{model}.json", task, results)
    print(json.dumps(mean(results), indent=1))
    print(table(to, name), end="")


def write(file: Path, task: dict[str, Any], results: list[dict[str, Any]]) -> None:
    """Writes what is measured so far."""
    measured = {"machine": machine(), "date": time.strftime("%Y-%m-%d"), "runs": results, "mean": mean(results)}
    write_atomically(file, json.dumps(task | measured, indent=1) + "\n")


if __name__ == "__main__":
    main()
