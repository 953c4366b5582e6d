"""Compares TFLite files: size, number of operators, and latency of one window on one thread.

.venv/bin/python -m benchmarks.latency FILE.tflite|FOLDER... [--windows FILE.npz] [--limit MS [--repeat N]] [--busy N]

The latency includes preprocessing. A folder, such as a bundle or an EdgeModel, means all TFLite files in it. With
`--limit`, each file is judged repeatedly, and the verdicts are counted: quick enough, too slow, or open because other
programs disturbed the measurement. `--busy` starts such programs.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from serving_targets.classifier import Classifier
from serving_targets.latency import exceeds, measure_file
from serving_targets.tflite_file import operators


def synthetic_windows(file: Path) -> np.ndarray:
    """Return random windows of the shape that a file takes; the latency does not depend on the content."""
    shape = Classifier(file).window_shape
    random = np.random.default_rng(0)
    windows = random.uniform(0.2, 0.8, (16, 1, *shape[1:])) + random.normal(0, 0.01, (16, *shape))
    windows[..., -1] = 0.9
    return windows.astype(np.float32)


@contextlib.contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep some processes busy while the block runs."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            child = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(child.kill)
        yield


def main() -> None:
    """Print one line for each TFLite file of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="TFLite files, or folders that contain some")
    parser.add_argument("--windows", type=Path, help=".npz file with the array `windows`; default: random windows")
    parser.add_argument("--limit", type=float, metavar="MS", help="judge each file as the gate does with this limit")
    parser.add_argument("--repeat", type=int, default=10, metavar="N", help="number of judgements; default: 10")
    parser.add_argument("--busy", type=int, default=0, metavar="N", help="number of busy processes next to it")
    arguments = parser.parse_args()
    files = [
        file for given in arguments.files for file in (sorted(given.rglob("*.tflite")) if given.is_dir() else [given])
    ]
    width = max((len(str(file)) for file in files), default=0)
    show = (
        functools.partial(_compare, width=width)
        if arguments.limit is None
        else functools.partial(_judge, limit=arguments.limit, repeat=arguments.repeat, width=width)
    )
    columns = ("bytes", "operators", "p50 ms", "p95 ms") if arguments.limit is None else _VERDICTS
    print(f"{'file':<{width}}  {'  '.join(f'{column:>9}' for column in columns)}")
    with busy_processes(arguments.busy):
        for file in files:
            windows = np.load(arguments.windows)["windows"] if arguments.windows else synthetic_windows(file)
            show(file, windows)


_VERDICTS = ("quick", "too slow", "open", "least p95", "most p95", "longest s")


def _compare(file: Path, windows: np.ndarray, *, width: int) -> None:
    latency = measure_file(file, windows)
    count = operators(file).total()
    print(f"{file!s:<{width}}  {file.stat().st_size:>9,}  {count:>9}  {latency.p50:>9.4f}  {latency.p95:>9.4f}")


def _judge(file: Path, windows: np.ndarray, *, limit: float, repeat: int, width: int) -> None:
    """Print how often a file was quick enough, too slow, or not measurable."""
    counts: Counter[bool | None] = Counter()
    p95, seconds = [], []
    for _ in range(repeat):
        start = time.monotonic()
        latency = measure_file(file, windows, limit)
        seconds.append(time.monotonic() - start)
        counts[exceeds(latency.p95, limit, calm=latency.calm)] += 1
        p95.append(latency.p95)
    figures = f"{min(p95):>9.4f}  {max(p95):>9.4f}  {max(seconds):>9.1f}"
    print(f"{file!s:<{width}}  {counts[False]:>9}  {counts[True]:>9}  {counts[None]:>9}  {figures}", flush=True)


if __name__ == "__main__":
    main()
