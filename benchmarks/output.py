"""What benchmarks have in common: options, where figures go, and what they were measured on."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data.files import write_atomically

OPEN_GATES = (
    "gates.evaluator={min_accuracy: 0, min_macro_f1: 0}",
    "gates.model_validator={min_sequence_accuracy: 0, max_accuracy_lost: 1}",
    "gates.serving_smoke={min_agreement: 0, max_difference: 1}",
)
"""Settings for trainings that are cut to a few epochs."""


def run[T](doc: str | None, epochs: int, measure: Callable[[Path, int], T], show: Callable[[T], None]) -> None:
    """Reads the command line, measures in a temporary folder, prints, and writes JSON if asked to.

    Args:
        doc: of the benchmark's module.
        epochs: of the training, unless `--epochs` says otherwise.
        measure: is given the folder and the number of epochs.
        show: prints what was measured.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--to", type=Path, help="also write the figures to this JSON file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="poseline-benchmark-") as folder:
        seconds = measure(Path(folder), arguments.epochs)
    show(seconds)
    if arguments.to:
        figures = {"seconds": seconds, "epochs": arguments.epochs, "machine": machine()}
        write_atomically(arguments.to, json.dumps(figures, indent=1) + "\n")


def machine() -> dict[str, Any]:
    """What the figures depend on besides code and data."""
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
