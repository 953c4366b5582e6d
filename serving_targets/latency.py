"""How long one window takes.

Also a program, so that it can be measured in a fresh process: `python -m serving_targets.latency MODEL WINDOWS.npz`
prints the figures as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from data.errors import NodeError
from data.project import PROJECT_ROOT
from serving_targets.classifier import Classifier

WARM_UP = 50
ROUNDS = 20
RUNS = 200
TIME_LIMIT_SECONDS = 120


@dataclass(frozen=True)
class Latency:
    """Milliseconds for one window on one thread, input and output copies left out.

    Attributes:
        p50: median.
        p95: 95 of 100 runs are as fast.
        runs: predictions that were measured.
    """

    p50: float
    p95: float
    runs: int


def percentiles(seconds: list[float]) -> Latency:
    """Median and 95th percentile of durations."""
    p50, p95 = np.percentile(seconds, [50, 95]) * 1e3
    return Latency(float(p50), float(p95), len(seconds))


def measure(model: Path, windows: np.ndarray) -> Latency:
    """Measures a file on windows `[N, T, J, C]`.

    The quietest of many short rounds counts: what else the machine does only ever adds to a duration.
    """
    classifier = Classifier(model)
    for run in range(WARM_UP):
        classifier.predict(windows[run % len(windows)])
    rounds = []
    for _ in range(ROUNDS):
        classifier.seconds.clear()
        for run in range(RUNS):
            classifier.predict(windows[run % len(windows)])
        rounds.append(percentiles(classifier.seconds))
    return min(rounds, key=lambda latency: latency.p95)


def measure_in_fresh_process(model: Path, windows_file: Path) -> Latency:
    """Measures a file in a process that has loaded NumPy and LiteRT alone.

    Args:
        model: TFLite file.
        windows_file: .npz with `windows`, float32 `[N, T, J, C]`.

    Raises:
        NodeError: the process failed.
    """
    command = [sys.executable, "-m", "serving_targets.latency", str(model), str(windows_file)]
    try:
        done = subprocess.run(
            command,
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise NodeError(f"the latency measurement took more than {TIME_LIMIT_SECONDS} s", str(model)) from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise NodeError(
            f"the latency measurement ended with exit code {error.returncode}: {last}",
            str(model),
            f"run it by hand: {' '.join(command)}",
        ) from error
    return Latency(**json.loads(done.stdout))


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Path(sys.argv[1]), np.load(sys.argv[2])["windows"]))))
