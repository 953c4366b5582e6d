"""Starts a trial and reads what it found."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from components.sandbox import files
from components.sandbox.child_process import run_module


@dataclass(frozen=True)
class Trial:
    """What came of running a model.

    Attributes:
        fault: how it failed; None if it answered.
        seconds: from the start of its process to the end.
        probabilities: its answers, float32 `[windows, classes]`; None if it failed.
        figures: what it found by the way, as far as it came: `load_ms`, `first_ms`, `p50_ms`, `p95_ms` (of a TFLite
            file the last two only if asked for); of a TFLite file `operators` and the `labels` that it says it has
            (null if it says nothing); of a SavedModel `endpoint_difference`.
    """

    fault: str | None
    seconds: float
    probabilities: np.ndarray | None = None
    figures: dict[str, Any] = field(default_factory=dict)


def try_tflite(model: Path, windows: Path, time_limit_seconds: float, *, timed: bool) -> Trial:
    """Runs a TFLite file on one thread where TensorFlow can't be imported.

    Args:
        model: the file.
        windows: .npz with `windows`, float32 `[N, T, J, C]`.
        time_limit_seconds: its process is ended after this time.
        timed: whether to measure what a window takes.
    """
    return _try(
        "components.sandbox.run_tflite", [str(model), str(windows), *(["--timed"] if timed else [])], time_limit_seconds
    )


def try_saved_model(folder: Path, windows: Path, records: Path, time_limit_seconds: float) -> Trial:
    """Runs a SavedModel with TensorFlow alone: by its endpoint `raw`, and by `serving_default` on recorded examples.

    Args:
        folder: of the SavedModel.
        windows: .npz with `windows`, float32 `[N, T, J, C]`.
        records: folder of gzipped TFRecords of tf.Examples.
        time_limit_seconds: its process is ended after this time.
    """
    return _try("components.sandbox.run_saved_model", [str(folder), str(windows), str(records)], time_limit_seconds)


def _try(module: str, arguments: list[str], time_limit_seconds: float) -> Trial:
    with tempfile.TemporaryDirectory(prefix="poseline-trial-") as scratch:
        folder = Path(scratch)
        ending = run_module(module, [*arguments, scratch], folder / "log.txt", time_limit_seconds)
        figures = json.loads(files.figures_file(folder).read_text()) if files.figures_file(folder).exists() else {}
        if ending.fault:
            last = ending.log.strip().splitlines()[-1:] if ending.code == 1 else []
            return Trial(": ".join([ending.fault, *last]), ending.seconds, figures=figures)
        return Trial(None, ending.seconds, np.load(files.answers_file(folder)), figures)
