"""Measures the accuracy of a configuration: trains it with several seeds and evaluates its TFLite files.

    .venv/bin/python -m benchmarks.accuracy NAME [--seeds 3] [--model FAMILY] [--halvings] [--set KEY=JSON]

Each seed, and each fold, is one run of the pipeline up to ModelValidator. The files that EdgeConverter made are
evaluated on the test split. The results are written to benchmarks/results/NAME-MODEL.json, from which
`python -m benchmarks.table` makes the table of the README.
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
from components.artifacts.edge_model import EVALUATION_WINDOWS, GOLDEN_WINDOWS
from data.files import write_atomically
from data.layouts import load_layout
from data.store import read_index, span_folder
from payloads.training_record import TrainingRecord
from pipelines.config import load_config
from serving_targets.classifier import Classifier
from serving_targets.manifest import FLOAT_MODEL, INT8_MODEL
from serving_targets.robustness import disturbed
from serving_targets.sandbox.sandbox import sandbox_latency
from serving_targets.tflite_file import custom_operators
from trainer_module.model_config import FAMILIES

DATASETS = Path(os.environ.get("POSELINE_DATASETS") or PROJECT.parent / "shared" / "data")
"""Folder of the .npz files of docs/datasets.md, unless `--data-root` names another."""

SOURCES: dict[str, str | None] = {
    "baduanjin": None,  # the bundled sample needs no import
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
"""Boolean array of the .npz that marks the sequences of the published protocol: 557 of 567 for MSR Action3D."""

FOLDS = {"upper5": 5}
"""Number of folds by person, for data sets without an official split: each person is tested in one fold."""

HALVINGS = {
    "msr_action3d": (
        ("1", "3", "5", "7", "9"),
        ("6", "7", "8", "9", "10"),
        ("1", "2", "3", "4", "5"),
        ("2", "3", "6", "7", "10"),
        ("1", "4", "5", "8", "9"),
    )
}
"""Test people of each fold of `--halvings`, half of all people; the official half is left out.

These folds are for choosing a configuration, so that the official split is only used to evaluate it.
"""

RECIPES: dict[str, dict[str, Any]] = {
    "tcn": {},
    "ddnet": {
        "model": {"family": "ddnet", "stem": 32},
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
"""Settings by model family; a family without a recipe has its default settings.

`tcn` takes the settings of the configuration file. `ddnet` follows its publication: 32 filters, Adam from 1e-3, no
mixup, weight decay or label smoothing, and an augmentation that only crops and warps time. The number of updates, the
schedule and the averaging of weights are the same for all families.
"""


def run(name: str, data: Path, root: Path, settings: dict[str, Any]) -> float:
    """Run the pipeline up to ModelValidator and return its wall time in seconds.

    Raises:
        SystemExit: a node failed. A gate that rejects the model is not a failure here.
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
    """Return the folder of the newest artifact of a node."""
    return max((root / "artifacts" / name / node / key).iterdir(), key=lambda folder: int(folder.name))


def judge(edge_model: Path, layout: str, clean: np.ndarray | None) -> dict[str, Any]:
    """Return accuracy, size and latency of an EdgeModel on the test split, each sequence counted once.

    Args:
        edge_model: folder that EdgeConverter wrote.
        layout: name of the joint layout.
        clean: one bool per test sequence, in the order of their ids: False for copies of training sequences. None if
            no copies are known.
    """
    evaluation = dict(np.load(edge_model / EVALUATION_WINDOWS))
    windows, sequences = evaluation["windows"], evaluation["sequences"]
    truth = np.array([evaluation["label_ids"][sequences == s][0] for s in np.unique(sequences)])

    def called(file: str, shown: np.ndarray) -> np.ndarray:
        probabilities = Classifier(edge_model / file).predict_all(shown)
        return np.array([probabilities[sequences == s].mean(axis=0).argmax() for s in np.unique(sequences)])

    int8 = called(INT8_MODEL, windows)
    accuracy = float((int8 == truth).mean())
    latency = sandbox_latency(edge_model / INT8_MODEL, edge_model / GOLDEN_WINDOWS)
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
    """Return the mean F1 over the classes that occur in the labels or in the predictions."""
    classes = np.union1d(truth, called)
    hits = np.array([2 * ((truth == c) & (called == c)).sum() for c in classes])
    return float((hits / [(truth == c).sum() + (called == c).sum() for c in classes]).mean())


def clean_sequences(name: str, data: Path, data_root: Path) -> np.ndarray | None:
    """Return which test clips of NW-UCLA are not copies of training clips, by their ids' order; None for other data."""
    if name != "nw_ucla":
        return None
    with np.load(data_root / str(SOURCES[name])) as source:
        copies = dict(zip(source["sequence_id"].tolist(), source["test_copy_of_train"].tolist(), strict=True))
    test = sorted(key.sequence_id for key in read_index(span_folder(data, None)) if key.split == "test")
    return np.array([not copies[sequence_id] for sequence_id in test])


def folds(name: str, data: Path, halvings: bool) -> list[dict[str, Any]]:
    """Return the split settings of each fold: a single fold without settings keeps the split of the configuration."""
    if halvings:
        return [tested_on(people) for people in HALVINGS[name]]
    if name not in FOLDS:
        return [{}]
    people = sorted({key.subject for key in read_index(span_folder(data, None))}, key=lambda s: (len(s), s))
    return [tested_on(people[i :: FOLDS[name]]) for i in range(FOLDS[name])]


def tested_on(people: Sequence[str]) -> dict[str, Any]:
    """Return split settings that test on these people and train on everybody else."""
    return {"split": {"method": "subjects", "subjects": {"train": ["*"], "test": list(people)}, "eval_share": 0}}


def imported(name: str, folder: Path, data_root: Path) -> Path:
    """Return the folder of the data set in canonical form; import it from its .npz first, if necessary."""
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
    """Copy the sequences of a .npz for which its boolean array `mask` is true to another .npz; return its path."""
    with np.load(source) as file:
        store = dict(file)
    keep, lengths = store[mask], np.diff(store["offsets"])
    parts = {name: values[keep] for name, values in store.items() if values.shape[:1] == keep.shape}
    parts["frames"] = store["frames"][np.repeat(keep, lengths)]
    parts["offsets"] = np.concatenate([[0], np.cumsum(lengths[keep])])
    np.savez(to, **(store | parts))
    return to


def mean(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean of each figure over the results, including those inside `lost`."""
    means = {
        key: float(np.mean([result[key] for result in results]))
        for key, value in results[0].items()
        if isinstance(value, int | float)
    }
    lost = {kind: float(np.mean([result["lost"][kind] for result in results])) for kind in results[0]["lost"]}
    return {**means, "lost": lost}


def main() -> None:
    """Run the benchmark of the command line: train, evaluate, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(SOURCES), help="configuration, which is also the name of the data set")
    parser.add_argument("--model", choices=sorted(FAMILIES), default="tcn", help="model family; default: %(default)s")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds; default: %(default)s")
    parser.add_argument(
        "--halvings",
        action="store_true",
        help="train on half of the people and test on the rest, for several halves other than the official one",
    )
    parser.add_argument("--epochs", type=int, help="number of epochs; default: as configured")
    parser.add_argument("--data", type=Path, help="folder of canonical data; default: import it from the .npz file")
    parser.add_argument("--data-root", type=Path, default=DATASETS, help="folder of the .npz files (docs/datasets.md)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=JSON", help="another setting; may be repeated"
    )
    parser.add_argument("--to", type=Path, help="folder for the results; default: benchmarks/results")
    arguments = parser.parse_args()
    if arguments.halvings and arguments.name not in HALVINGS:
        parser.error(f"--halvings exist only for {', '.join(HALVINGS)}")
    to = arguments.to or (RESULTS / "halvings" if arguments.halvings else RESULTS)
    name, model = arguments.name, arguments.model
    settings = RECIPES.get(model, {"model": {"family": model}}) | (
        {"training.epochs": arguments.epochs} if arguments.epochs else {}
    )
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
                record = TrainingRecord.read(newest(folder / "root", name, "Trainer", "model_run"))
                result = {"seed": seed, "fold": fold, "seconds": seconds, "training_seconds": record.seconds}
                result |= {"parameters": record.parameters, "epochs": record.epochs}
                result |= judge(newest(folder / "root", name, "EdgeConverter", "edge_model"), layout, clean)
                results.append(result)
                print(json.dumps(result), flush=True)
                write(to / f"{name}-{model}.json", task, results)
    print(json.dumps(mean(results), indent=1))
    print(table(to, name), end="")


def write(file: Path, task: dict[str, Any], results: list[dict[str, Any]]) -> None:
    """Write the results measured so far, with their means and the machine, to a JSON file."""
    measured = {"machine": machine(), "date": time.strftime("%Y-%m-%d"), "runs": results, "mean": mean(results)}
    write_atomically(file, json.dumps(task | measured, indent=1) + "\n")


if __name__ == "__main__":
    main()
