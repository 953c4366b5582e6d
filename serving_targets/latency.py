"""Latency of a TFLite file: milliseconds for one window on one thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

WARM_UP = 50
ROUNDS = 20
RUNS = 200


@dataclass(frozen=True)
class Latency:
    """Milliseconds for one window on one thread, without copying input and output.

    Attributes:
        p50: median in milliseconds.
        p95: 95th percentile in milliseconds.
        runs: number of measured predictions.
    """

    p50: float
    p95: float
    runs: int


def percentiles(seconds: list[float]) -> Latency:
    """Return the median and the 95th percentile of durations in seconds."""
    p50, p95 = np.percentile(seconds, [50, 95]) * 1e3
    return Latency(float(p50), float(p95), len(seconds))


def measure(model: Path, windows: np.ndarray) -> Latency:
    """Measure the latency of a TFLite file.

    The round with the lowest 95th percentile counts, because other load on the machine can only lengthen a duration.

    Args:
        model: TFLite file.
        windows: input windows `[N, T, J, C]`, used in turn.
    """
    from serving_targets.classifier import Classifier

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
