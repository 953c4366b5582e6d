"""Measures the converted files on test data and compares the figures with the thresholds of ModelValidator.

This module imports NumPy and LiteRT, but not TensorFlow.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.artifacts.edge_model import EVALUATION_WINDOWS, EdgeFile, list_files
from components.artifacts.judging import check
from payloads.claims import HoldsFor, make_claims
from payloads.judgements import EdgeJudgement, FileFigures
from payloads.verdict import Verdict
from schema.gates import ModelValidatorThresholds
from serving_targets.manifest import FLOAT_MODEL, INT8_MODEL
from serving_targets.sandbox.sandbox import SandboxRun, sandbox_tflite
from serving_targets.tflite_file import select_custom


def judge(
    edge_model: Path, thresholds: ModelValidatorThresholds, holds_for: HoldsFor, people: int | None
) -> EdgeJudgement:
    """Judge the files of an EdgeModel, each in a process of its own.

    Args:
        edge_model: folder that EdgeConverter wrote.
        thresholds: thresholds of ModelValidator.
        holds_for: whom the test split stands for.
        people: number of known people in the test split; None if they are not known.
    """
    windows = edge_model / EVALUATION_WINDOWS
    evaluation = np.load(windows)
    truth, sequences = evaluation["labels"][evaluation["label_ids"]], evaluation["sequences"]
    files = {file.path.name: file for file in list_files(edge_model)}
    runs = {
        name: sandbox_tflite(file.path, windows, thresholds.max_judging_seconds, timed=False)
        for name, file in files.items()
    }
    figures = {name: _figures(files[name], run, evaluation["labels"], truth, sequences) for name, run in runs.items()}
    firsts = np.unique(sequences, return_index=True)[1]
    number = len(firsts)
    return EdgeJudgement(
        verdicts=_verdicts(figures, runs, number, thresholds),
        accuracy={
            f"{name}_{unit}": share
            for unit in ("sequence", "window")
            for name, found in (("int8", figures[INT8_MODEL]), ("float", figures[FLOAT_MODEL]))
            if (share := getattr(found, f"{unit}_accuracy")) is not None
        },
        files=figures,
        sequences=number,
        windows=len(truth),
        claims=make_claims(
            holds_for,
            people,
            figures[INT8_MODEL].sequence_accuracy,
            np.unique(truth[firsts], return_counts=True)[1].tolist(),
        ),
    )


def _verdicts(
    figures: dict[str, FileFigures],
    runs: dict[str, SandboxRun],
    sequences: int,
    thresholds: ModelValidatorThresholds,
) -> tuple[Verdict, ...]:
    int8, float_ = figures[INT8_MODEL], figures[FLOAT_MODEL]
    shipped = [name for name, found in figures.items() if found.shipped]
    faults = "; ".join(f"{name} {figures[name].fault}" for name in shipped if figures[name].fault)
    lost = None
    if int8.sequence_accuracy is not None and float_.sequence_accuracy is not None:
        lost = float_.sequence_accuracy - int8.sequence_accuracy
    operators = [runs[name].figures.operators for name in shipped]
    custom_operators = {operator for names in operators if names for operator in select_custom(names)}
    return (
        check(thresholds, "min_sequence_accuracy", int8.sequence_accuracy, faults),
        check(thresholds, "max_accuracy_lost", lost, limit=max(thresholds.max_accuracy_lost, 1 / sequences)),
        check(thresholds, "max_bytes", int8.bytes),
        check(
            thresholds,
            "max_custom_operators",
            None if None in operators else len(custom_operators),
            ", ".join(sorted(custom_operators)),
        ),
        check(thresholds, "max_judging_seconds", max(runs[name].seconds for name in shipped)),
    )


def _figures(
    file: EdgeFile, run: SandboxRun, labels: np.ndarray, truth: np.ndarray, sequences: np.ndarray
) -> FileFigures:
    """Measure one file; its prediction for a window is the label with the largest probability.

    Args:
        file: TFLite file.
        run: result of running the file in the sandbox.
        labels: labels `[K]` in their order, for a file without a contract.
        truth: label of each window.
        sequences: number of the sequence of each window.
    """
    found = FileFigures(shipped=file.shipped, bytes=file.path.stat().st_size, fault=run.fault, may_pass=run.may_pass)
    if run.probabilities is None:
        return found
    _, firsts, of_window = np.unique(sequences, return_index=True, return_inverse=True)
    means = np.array([run.probabilities[of_window == i].mean(axis=0) for i in range(len(firsts))])
    labels = np.array(run.figures.labels or labels)
    return found.model_copy(
        update={
            "sequence_accuracy": float((labels[means.argmax(axis=1)] == truth[firsts]).mean()),
            "window_accuracy": float((labels[run.probabilities.argmax(axis=1)] == truth).mean()),
        }
    )
