"""Compares TFLite files: size, number of operators, and latency of one window on one thread.

.venv/bin/python -m benchmarks.latency FILE.tflite|FOLDER... [--windows FILE.npz]

The latency includes preprocessing. A folder, such as a bundle or an EdgeModel, means all TFLite files in it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from serving_targets.classifier import Classifier
from serving_targets.latency import measure_file
from serving_targets.tflite_file import operators


def synthetic_windows(file: Path) -> np.ndarray:
    """Return random windows of the shape that a file takes; the latency does not depend on the content."""
    shape = Classifier(file).window_shape
    random = np.random.default_rng(0)
    windows = random.uniform(0.2, 0.8, (16, 1, *shape[1:])) + random.normal(0, 0.01, (16, *shape))
    windows[..., -1] = 0.9
    return windows.astype(np.float32)


def main() -> None:
    """Print one line for each TFLite file of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="TFLite files, or folders that contain some")
    parser.add_argument("--windows", type=Path, help=".npz file with the array `windows`; default: random windows")
    arguments = parser.parse_args()
    files = [
        file for given in arguments.files for file in (sorted(given.rglob("*.tflite")) if given.is_dir() else [given])
    ]
    width = max((len(str(file)) for file in files), default=0)
    print(f"{'file':<{width}}  {'bytes':>9}  {'operators':>9}  {'p50 ms':>7}  {'p95 ms':>7}")
    for file in files:
        windows = np.load(arguments.windows)["windows"] if arguments.windows else synthetic_windows(file)
        latency = measure_file(file, windows)
        count = operators(file).total()
        print(f"{file!s:<{width}}  {file.stat().st_size:>9,}  {count:>9}  {latency.p50:>7.4f}  {latency.p95:>7.4f}")


if __name__ == "__main__":
    main()
