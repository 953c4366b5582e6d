"""Serves every format of a model and compares the figures with the thresholds of ServingSmoke.

TensorFlow is not imported into this process.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from components.artifacts.edge_model import EVALUATION_WINDOWS, GOLDEN_WINDOWS, list_files
from components.artifacts.judging import check
from payloads.judgements import FormatFigures, ServingJudgement
from payloads.verdict import Verdict, shown
from schema.gates import ServingSmokeThresholds
from serving_targets.latency import exceeds
from serving_targets.manifest import FLOAT_MODEL, INT8_MODEL, SAVED_MODEL
from serving_targets.sandbox.sandbox import SandboxRun, sandbox_saved_model, sandbox_tflite

TEST_WINDOWS = 64
"""Number of windows of the test split that are served in addition to the golden windows."""


def judge(saved_model: Path, edge_model: Path, records: Path, thresholds: ServingSmokeThresholds) -> ServingJudgement:
    """Serve every format of a model and judge the answers.

    Args:
        saved_model: folder of the SavedModel.
        edge_model: folder that EdgeConverter wrote.
        records: folder with the examples of the test split.
        thresholds: thresholds of ServingSmoke.
    """
    golden = np.load(edge_model / GOLDEN_WINDOWS)
    evaluation = np.load(edge_model / EVALUATION_WINDOWS)
    windows = np.concatenate([golden["windows"], _evenly_spaced(evaluation["windows"])])
    shipped = {SAVED_MODEL: True} | {file.path.name: file.shipped for file in list_files(edge_model)}
    runs = _run_all(saved_model, edge_model, records, windows, thresholds)
    truth = runs[SAVED_MODEL].probabilities
    formats = {name: _figures(run, truth, shipped=shipped[name]) for name, run in runs.items()}
    return ServingJudgement(
        verdicts=tuple(check_all(formats, _saved_model_difference(runs[SAVED_MODEL], golden), thresholds)),
        latency_ms={
            name: figure
            for name, figure in (("p50", formats[INT8_MODEL].p50_ms), ("p95", formats[INT8_MODEL].p95_ms))
            if figure is not None
        },
        formats=formats,
        windows=len(windows),
    )


def _evenly_spaced(windows: np.ndarray) -> np.ndarray:
    return windows[:: max(1, len(windows) // TEST_WINDOWS)][:TEST_WINDOWS]


def _run_all(
    saved_model: Path, edge_model: Path, records: Path, windows: np.ndarray, thresholds: ServingSmokeThresholds
) -> dict[str, SandboxRun]:
    """Run the SavedModel in one thread and the files one by one in another, because the files are timed."""
    limit = thresholds.max_serving_seconds
    limits_ms = {INT8_MODEL: thresholds.max_latency_p95_ms}
    with tempfile.TemporaryDirectory(prefix="poseline-smoke-") as scratch, ThreadPoolExecutor(2) as pool:
        windows_file = Path(scratch) / "windows.npz"
        np.savez(windows_file, windows=windows)
        served = pool.submit(sandbox_saved_model, saved_model, windows_file, records, limit)
        files = {
            file.path.name: sandbox_tflite(
                file.path, windows_file, limit, timed=True, limit_ms=limits_ms.get(file.path.name)
            )
            for file in list_files(edge_model)
        }
        return {SAVED_MODEL: served.result(), **files}


def _figures(run: SandboxRun, truth: np.ndarray | None, *, shipped: bool) -> FormatFigures:
    figures, latency = run.figures, run.figures.latency
    found = FormatFigures(
        shipped=shipped,
        fault=run.fault,
        may_pass=run.may_pass,
        seconds=run.seconds,
        load_ms=figures.load_ms,
        first_ms=figures.first_ms,
        p50_ms=figures.p50_ms,
        p95_ms=figures.p95_ms,
        wall_p95_ms=latency.wall_p95 if latency else None,
        calm=latency.calm if latency else None,
    )
    if truth is None or run.probabilities is None:
        return found
    if run.probabilities.shape != truth.shape:
        fault = f"gives {run.probabilities.shape[-1]} probabilities, the SavedModel {truth.shape[-1]}"
        return found.model_copy(update={"fault": fault, "may_pass": False})
    difference = np.abs(run.probabilities - truth).max(axis=1)
    return found.model_copy(
        update={
            "agreement": float((run.probabilities.argmax(axis=1) == truth.argmax(axis=1)).mean()),
            "mean_difference": float(difference.mean()),
            "max_difference": float(difference.max()),
        }
    )


def _saved_model_difference(run: SandboxRun, golden: Mapping[str, np.ndarray]) -> float | None:
    expected = golden["probabilities"]
    between_endpoints = run.figures.endpoint_difference
    if between_endpoints is None or run.probabilities is None or run.probabilities.shape[1:] != expected.shape[1:]:
        return None
    since_conversion = np.abs(run.probabilities[: len(expected)] - expected).max()
    return float(np.maximum(since_conversion, between_endpoints))  # NaN stays NaN


def check_all(
    formats: dict[str, FormatFigures], saved_model_difference: float | None, thresholds: ServingSmokeThresholds
) -> list[Verdict]:
    """Compare the figures of all formats with the thresholds.

    Args:
        formats: `saved_model` or file name to its figures.
        saved_model_difference: figure for `ServingSmokeThresholds.max_saved_model_difference`.
        thresholds: thresholds of ServingSmoke.
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
    verdicts = {name: check(thresholds, name, figure, detail) for name, (figure, detail) in figures.items()}
    verdicts["max_latency_p95_ms"] = _unless_disturbed(verdicts["max_latency_p95_ms"], files[INT8_MODEL])
    return list(verdicts.values())


def _unless_disturbed(verdict: Verdict, found: FormatFigures) -> Verdict:
    """Return the verdict on a latency, which is open if other work may be why the file is too slow."""
    if verdict.figure is None or verdict.threshold is None or found.calm is None:
        return verdict
    if exceeds(verdict.figure, verdict.threshold, calm=found.calm) is not None:
        return verdict
    waited = f" (with waiting {shown(found.wall_p95_ms)} ms)"
    detail = f"other programs kept the processor busy all the time{waited}, so the file may be quicker"
    return verdict.model_copy(update={"is_open": True, "detail": detail})


def _worst(figures: Mapping[str, float | None], sign: int = 1) -> tuple[float | None, str]:
    """Return the largest figure (with `sign` -1 the smallest) and its file; a missing figure is the worst."""
    name = max(figures, key=lambda name: math.inf if (figure := figures[name]) is None else sign * figure)
    return figures[name], name
