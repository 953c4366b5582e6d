"""Frame of a benchmark: command line, temporary folder, JSON output and description of the machine."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data.files import write_atomically

OPEN_GATES = (
    "gates.evaluator={min_accuracy: 0, min_macro_f1: 0}",
    "gates.model_validator={min_sequence_accuracy: 0, max_accuracy_lost: 1}",
    "gates.serving_smoke={min_agreement: 0, max_difference: 1}",
    "gates.session_evaluator={min_count_exact: 0, min_count_off_by_one: 0, max_count_mae: 1000, min_form_auc: 0,"
    " min_frame_accuracy: 0, min_edit: 0, min_f1_10: 0, min_f1_25: 0, min_f1_50: 0, min_correction_rate: 0,"
    " max_false_alarms: 1, max_false_counts_per_minute: 10000, max_frame_ms: 10000}",
)
"""Settings that let every model pass the gates, for trainings of only a few epochs."""

TINY = ("training.epochs=2", "training.jit_compile=false", *OPEN_GATES)
"""Settings of a run whose model does not matter."""


def run[T](doc: str | None, epochs: int, measure: Callable[[Path, int], T], show: Callable[[T], None]) -> None:
    """Run a benchmark as its command line says: measure in a temporary folder, print, and write JSON with `--to`.

    With `--rounds` it measures several times, and prints the medians.

    Args:
        doc: docstring of the benchmark's module, which `--help` prints.
        epochs: default number of training epochs.
        measure: function from the folder and the number of epochs to the figures, in seconds: numbers in dictionaries.
        show: function that prints the figures.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=epochs, help="number of training epochs; default: %(default)s")
    parser.add_argument("--to", type=Path, help="also write the figures to this JSON file")
    parser.add_argument("--rounds", type=int, default=1, help="number of measurements; default: %(default)s")
    arguments = parser.parse_args()
    measured = []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory(prefix="poseline-benchmark-") as folder:
            measured.append(measure(Path(folder), arguments.epochs))
    seconds = _medians(measured)
    show(seconds)
    if arguments.to:
        numbers = {"epochs": arguments.epochs, "rounds": arguments.rounds}
        figures = {"seconds": seconds, **numbers, "measured": measured, "machine": machine()}
        write_atomically(arguments.to, json.dumps(figures, indent=1) + "\n")


def _medians(measured: Sequence[Any]) -> Any:
    """Return the median of numbers, or of the numbers at the same place in dictionaries."""
    if isinstance(measured[0], dict):
        return {key: _medians([found[key] for found in measured]) for key in measured[0]}
    return statistics.median(measured)


def machine() -> dict[str, Any]:
    """Return processor, number of cores and versions of libraries, on which measured times depend."""
    cpu = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    packages = ("tensorflow", "keras", "ai-edge-litert", "ai-edge-quantizer", "numpy")
    return {
        "processor": cpu[0] if cpu else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }
