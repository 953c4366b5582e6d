"""Runs a model in the sandbox and returns what it predicted, how long it took, or why it failed."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data.errors import NodeError
from serving_targets.latency import Latency
from serving_targets.sandbox.child_process import run_module
from serving_targets.sandbox.result_files import SandboxFigures, probabilities_file, read_figures

LATENCY_LIMIT_SECONDS = 120.0
"""Time limit of `sandbox_latency`."""


@dataclass(frozen=True)
class SandboxRun:
    """Result of running a model in the sandbox.

    Attributes:
        fault: reason for the failure; None if the model answered.
        seconds: wall time of the process.
        probabilities: predictions, float32 `[windows, classes]`; None if the model failed.
        figures: measurements up to the end or the failure; of a TFLite file with its latency only if `timed`.
        may_pass: whether the failure may not repeat itself.
    """

    fault: str | None
    seconds: float
    probabilities: np.ndarray | None = None
    figures: SandboxFigures = field(default_factory=SandboxFigures)
    may_pass: bool = False


def sandbox_tflite(
    model: Path, windows: Path, time_limit_seconds: float, *, timed: bool, limit_ms: float | None = None
) -> SandboxRun:
    """Run a TFLite file on one thread in a process that cannot import TensorFlow.

    Args:
        model: TFLite file.
        windows: .npz file with `windows`, float32 `[N, T, J, C]`.
        time_limit_seconds: seconds after which the process is killed.
        timed: whether to measure the latency of a window.
        limit_ms: limit that the latency is going to be compared with; None without one.
    """
    options = ["--timed"] if timed else []
    options += [f"--limit={limit_ms}"] if limit_ms is not None else []
    return _run("serving_targets.sandbox.run_tflite", [str(model), str(windows), *options], time_limit_seconds)


def sandbox_latency(model: Path, windows: Path) -> Latency:
    """Measure the latency of a TFLite file in a process that has loaded only NumPy and LiteRT.

    Args:
        model: TFLite file.
        windows: .npz file with `windows`, float32 `[N, T, J, C]`.

    Raises:
        NodeError: the process failed or exceeded its time limit.
    """
    result = sandbox_tflite(model, windows, LATENCY_LIMIT_SECONDS, timed=True)
    latency = result.figures.latency
    if result.fault or latency is None:
        program = f"{sys.executable} -m serving_targets.sandbox.run_tflite {model} {windows} --timed FOLDER"
        raise NodeError(f"the latency measurement {result.fault}", str(model), f"run it by hand: {program}")
    return latency


def sandbox_saved_model(folder: Path, windows: Path, records: Path, time_limit_seconds: float) -> SandboxRun:
    """Run both endpoints of a SavedModel in a process with TensorFlow only: `raw` and `serving_default`.

    Args:
        folder: folder of the SavedModel.
        windows: .npz file with `windows`, float32 `[N, T, J, C]`, the input of `raw`.
        records: folder of gzipped TFRecord files of tf.Examples, the input of `serving_default`.
        time_limit_seconds: seconds after which the process is killed.
    """
    return _run(
        "serving_targets.sandbox.run_saved_model", [str(folder), str(windows), str(records)], time_limit_seconds
    )


def _run(module: str, arguments: list[str], time_limit_seconds: float) -> SandboxRun:
    with tempfile.TemporaryDirectory(prefix="poseline-sandbox-") as scratch:
        folder = Path(scratch)
        ending = run_module(module, [*arguments, scratch], folder / "log.txt", time_limit_seconds)
        figures = read_figures(folder)
        if ending.fault:
            fault = ": ".join(filter(None, [ending.fault, ending.last_line if ending.code == 1 else ""]))
            return SandboxRun(fault, ending.seconds, figures=figures, may_pass=ending.may_pass)
        return SandboxRun(None, ending.seconds, np.load(probabilities_file(folder)), figures)
