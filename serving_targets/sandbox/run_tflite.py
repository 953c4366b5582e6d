"""Program that runs a TFLite file.

`python -m serving_targets.sandbox.run_tflite MODEL WINDOWS.npz [--timed] [--limit MS] FOLDER`
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
from serving_targets.latency import ClassifierCalls, measure
from serving_targets.sandbox.result_files import SandboxFigures, write_figures, write_probabilities
from serving_targets.tflite_file import operators


def main() -> int:
    """Run the model and write its results; return the exit code."""
    parser = argparse.ArgumentParser(description="Run a TFLite file.")
    parser.add_argument("model", type=Path)
    parser.add_argument("windows", type=Path)
    parser.add_argument("--timed", action="store_true")
    parser.add_argument("--limit", type=float, metavar="MS", help="limit that the latency is compared with")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    windows = np.load(arguments.windows)["windows"]
    try:
        figures = SandboxFigures(operators=operators(arguments.model))
        write_figures(arguments.folder, figures)
        start = time.perf_counter()
        classifier = Classifier(arguments.model)
        figures.load_ms = (time.perf_counter() - start) * 1e3
        start = time.perf_counter()
        classifier.predict(windows[0])
        figures.first_ms = (time.perf_counter() - start) * 1e3
        probabilities = classifier.predict_all(windows)
        figures.labels = classifier.contract.labels if classifier.contract else None
        if arguments.timed:
            figures.latency = measure(ClassifierCalls(classifier, windows), arguments.limit)
            figures.p50_ms, figures.p95_ms = figures.latency.p50, figures.latency.p95
        write_figures(arguments.folder, figures)
        write_probabilities(arguments.folder, probabilities)
    except (InputError, ValueError) as error:
        print(error.what if isinstance(error, InputError) else error)
        return 1
    return 0


if __name__ == "__main__":
    die_with_parent()
    sys.exit(main())
