"""Tries all formats of a model and holds what was found against the thresholds. No TensorFlow in this process."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from components.artifacts.blessings import check
from components.artifacts.edge_model import list_files
from components.sandbox.sandbox import Trial, try_saved_model, try_tflite
from lineage.payloads.verdicts import FormatFigures, ServingJudgement, Verdict
from schema.gates import ServingSmokeThresholds
from serving_targets.manifest import FLOAT_MODEL, INT8_MODEL, SAVED_MODEL

TEST_WINDOWS = 64
"""Windows of the test split that are run besides the golden ones."""


def judge(saved_model: Path, edge_model: Path, records: Path, thresholds: ServingSmokeThresholds) -> ServingJudgement:
    """Serves all formats.

    Args:
        saved_model: folder of the SavedModel.
        edge_model: folder that EdgeConverter wrote.
        records: folder of recorded examples, the test split.
        thresholds: of every gate.
    """
    golden = np.load(edge_model / "golden.npz")
    windows = np.concatenate([golden["windows"], _spread(np.load(edge_model / "evaluation.npz")["windows"])])
    shipped = {SAVED_MODEL: True} | {file.path.name: file.shipped for file in list_files(edge_model)}
    trials = _try_all(saved_model, edge_model, records, windows, thresholds.max_serving_seconds)
    truth = trials[SAVED_MODEL].probabilities
    formats = {name: _figures(trial, truth, shipped=shipped[name]) for name, trial in trials.items()}
    return ServingJudgement(
        verdicts=tuple(check_all(formats, _saved_model_difference(trials[SAVED_MODEL], golden), thresholds)),
        latency_ms={
            name: figure
            for name in ("p50", "p95")
            if (figure := getattr(formats[INT8_MODEL], f"{name}_ms")) is not None
        },
        formats=formats,
        windows=len(windows),
    )


def _spread(windows: np.ndarray) -> np.ndarray:
    return windows[:: max(1, len(windows) // TEST_WINDOWS)][:TEST_WINDOWS]


def _try_all(saved_model: Path, edge_model: Path, records: Path, windows: np.ndarray, limit: float) -> dict[str, Trial]:
    """The SavedModel in one thread; the files in another, one after the other: they are timed."""
    with tempfile.TemporaryDirectory(prefix="poseline-smoke-") as scratch, ThreadPoolExecutor(2) as pool:
        shown = Path(scratch) / "windows.npz"
        np.savez(shown, windows=windows)
        served = pool.submit(try_saved_model, saved_model, shown, records, limit)
        files = {file.path.name: try_tflite(file.path, shown, limit, timed=True) for file in list_files(edge_model)}
        return {SAVED_MODEL: served.result(), **files}


def _figures(trial: Trial, truth: np.ndarray | None, *, shipped: bool) -> FormatFigures:
    times = {name: trial.figures[name] for name in ("load_ms", "first_ms", "p50_ms", "p95_ms") if name in trial.figures}
    found = FormatFigures(shipped=shipped, fault=trial.fault, seconds=trial.seconds, **times)
    if truth is None or trial.probabilities is None:
        return found
    if trial.probabilities.shape != truth.shape:
        classes = trial.probabilities.shape[-1], truth.shape[-1]
        return found.model_copy(update={"fault": "gives {} probabilities, the SavedModel {}".format(*classes)})
    difference = np.abs(trial.probabilities - truth).max(axis=1)
    return found.model_copy(
        update={
            "agreement": float((trial.probabilities.argmax(axis=1) == truth.argmax(axis=1)).mean()),
            "mean_difference": float(difference.mean()),
            "max_difference": float(difference.max()),
        }
    )


def _saved_model_difference(trial: Trial, golden: Mapping[str, np.ndarray]) -> float | None:
    expected = golden["probabilities"]
    if trial.probabilities is None or trial.probabilities.shape[1:] != expected.shape[1:]:
        return None
    since = np.abs(trial.probabilities[: len(expected)] - expected).max()
    return float(np.maximum(since, trial.figures["endpoint_difference"]))  # NaN stays NaN


def check_all(
    formats: dict[str, FormatFigures], saved_model_difference: float | None, thresholds: ServingSmokeThresholds
) -> list[Verdict]:
    """Holds the figures of all formats against the thresholds.

    Args:
        formats: `saved_model` and names of files to what was found of them.
        saved_model_difference: see `ServingSmokeThresholds.max_saved_model_difference`.
        thresholds: limits of every check.
    """
    shipped = {name: found for name, found in formats.items() if found.shipped}
    files = {name: found for name, found in shipped.items() if name != SAVED_MODEL}
    faults = [f"{name} {found.fault}" for name, found in shipped.items() if found.fault]
    figures: dict[str, tuple[float | None, str]] = {
        "max_failed_formats": (len(faults), "; ".join(faults)),
        "max_serving_seconds": _worst({name: found.seconds for name, found in shipped.items()}),
        "max_saved_model_start_ms": (shipped[SAVED_MODEL].start_ms, ""),
        "max_tflite_start_ms": _worst({name: found.start_ms for name, found in files.items()}),
        "max_latency_p95_ms": (files[INT8_MODEL].p95_ms, ""),
        "max_saved_model_difference": (saved_model_difference, ""),
        "max_float_difference": (files[FLOAT_MODEL].max_difference, ""),
        "min_agreement": _worst({name: found.agreement for name, found in files.items()}, sign=-1),
        "max_difference": _worst({name: found.mean_difference for name, found in files.items()}),
    }
    return [check(thresholds, name, figure, detail) for name, (figure, detail) in figures.items()]


def _worst(figures: Mapping[str, float | None], sign: int = 1) -> tuple[float | None, str]:
    """The greatest figure (the least if `sign` is -1) and whose it is; one that could not be measured is worst."""
    name = max(figures, key=lambda name: math.inf if (figure := figures[name]) is None else sign * figure)
    return figures[name], name
