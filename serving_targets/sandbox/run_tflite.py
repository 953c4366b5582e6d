"""Program that runs a TFLite file.

`python -m serving_targets.sandbox.run_tflite MODEL WINDOWS.npz [--timed] FOLDER`
"""

from __future__ import annotations

import sys

sys.modules["tensorflow"] = None  # type: ignore[assignment]  # a phone does not have it

import argparse
import time
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.system.limits import die_with_parent
from serving_targets.classifier import Classifier
from serving_targets.latency import measure
from serving_targets.sandbox.result_files import SandboxFigures, write_figures, write_probabilities
from serving_targets.tflite_file import operators


def main() -> int:
    """Run the model and write its results; return the exit code."""
    parser = argparse.ArgumentParser(description="Run a TFLite file.")
    parser.add_argument("model", type=Path)
    parser.add_argument("windows", type=Path)
    parser.add_argument("--timed", action="store_true")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    windows = np.load(arguments.windows)["windows"]
    try:
        figures = SandboxFigures(operators=operators(arguments.model))
        write_figures(arguments.folder, figures)
        start = time.perf_counter()
        classifier = Classifier(arguments.model)
        figures.load_ms = (time.perf_counter() - start) * 1e3
        probabilities = classifier.predict_all(windows)
        figures.first_ms = classifier.seconds[0] * 1e3
        figures.labels = classifier.contract.labels if classifier.contract else None
        if arguments.timed:
            latency = measure(arguments.model, windows)
            figures.p50_ms, figures.p95_ms = latency.p50, latency.p95
        write_figures(arguments.folder, figures)
        write_probabilities(arguments.folder, probabilities)
    except (InputError, ValueError) as error:
        print(error.what if isinstance(error, InputError) else error)
        return 1
    return 0


if __name__ == "__main__":
    die_with_parent()
    sys.exit(main())
