"""Measures the converted files and holds the figures against their thresholds. NumPy and LiteRT only."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.artifacts.blessings import check
from components.artifacts.edge_model import EdgeFile, list_files
from components.sandbox.sandbox import Trial, try_tflite
from lineage.payloads.verdicts import EdgeJudgement, FileFigures
from schema.gates import ModelValidatorThresholds
from serving_targets.manifest import FLOAT_MODEL, INT8_MODEL
from serving_targets.tflite_file import custom


def judge(edge_model: Path, thresholds: ModelValidatorThresholds) -> EdgeJudgement:
    """Judges the files of an EdgeModel, each in a process of its own.

    Args:
        edge_model: folder that EdgeConverter wrote.
        thresholds: of every gate.
    """
    windows = edge_model / "evaluation.npz"
    evaluation = np.load(windows)
    truth, sequences = evaluation["labels"][evaluation["label_ids"]], evaluation["sequences"]
    files = {file.path.name: file for file in list_files(edge_model)}
    trials = {
        name: try_tflite(file.path, windows, thresholds.max_judging_seconds, timed=False)
        for name, file in files.items()
    }
    figures = {
        name: _figures(files[name], trial, evaluation["labels"], truth, sequences) for name, trial in trials.items()
    }
    int8, float_ = figures[INT8_MODEL], figures[FLOAT_MODEL]
    shipped = [name for name, file in files.items() if file.shipped]
    used = [trials[name].figures.get("operators") for name in shipped]
    found = {operator for names in used if names for operator in custom(names)}
    strange = ", ".join(sorted(found))
    faults = "; ".join(f"{name} {figures[name].fault}" for name in shipped if figures[name].fault)
    count = None if None in used else len(found)
    right, right_in_float = int8.sequence_accuracy, float_.sequence_accuracy
    lost = None if right is None or right_in_float is None else right_in_float - right
    seconds = max(trials[name].seconds for name in shipped)
    number = len(np.unique(sequences))
    return EdgeJudgement(
        verdicts=(
            check(thresholds, "min_sequence_accuracy", right, faults),
            check(thresholds, "max_accuracy_lost", lost, limit=max(thresholds.max_accuracy_lost, 1 / number)),
            check(thresholds, "max_bytes", int8.bytes),
            check(thresholds, "max_custom_operators", count, strange),
            check(thresholds, "max_judging_seconds", seconds),
        ),
        accuracy={
            f"{name}_{unit}": share
            for unit in ("sequence", "window")
            for name, found in (("int8", int8), ("float", float_))
            if (share := getattr(found, f"{unit}_accuracy")) is not None
        },
        files=figures,
        sequences=number,
        windows=len(truth),
    )


def _figures(file: EdgeFile, trial: Trial, labels: np.ndarray, truth: np.ndarray, sequences: np.ndarray) -> FileFigures:
    """Figures of one file; what it calls a window is the label that it says has the greatest probability.

    Args:
        file: which one.
        trial: what came of running it.
        labels: `[K]`, in their order, for a file that does not say its own.
        truth: label of each window.
        sequences: number of the sequence of each window.
    """
    found = FileFigures(shipped=file.shipped, bytes=file.path.stat().st_size, fault=trial.fault)
    if trial.probabilities is None:
        return found
    _, firsts, of_window = np.unique(sequences, return_index=True, return_inverse=True)
    means = np.array([trial.probabilities[of_window == i].mean(axis=0) for i in range(len(firsts))])
    labels = np.array(trial.figures["labels"] or labels)
    return found.model_copy(
        update={
            "sequence_accuracy": float((labels[means.argmax(axis=1)] == truth[firsts]).mean()),
            "window_accuracy": float((labels[trial.probabilities.argmax(axis=1)] == truth).mean()),
        }
    )
