"""Latency of a TFLite file: milliseconds for one window on one thread, measured so that other work hardly matters.

The gates, `poseline evaluate` and `benchmarks/latency.py` measure in the same way. Predictions are timed in short
rounds. The processor time of the thread counts, because it excludes the time in which the thread waited for a
processor; wall time is measured with it. What is left of other work (shared caches, shared units of a core) can only
lengthen a prediction, so the round with the lowest 95th percentile counts. A reference, whose work is always the same,
is timed before and after each round: rounds in which it was as quick as it ever was, and in which the thread hardly
waited, were calm. Measuring goes on until enough rounds were calm. If they do not come, a figure up to twice the limit
says nothing about the file.

What cannot be seen: work of others that is steady for the whole measurement slows the reference in every round alike.
The rounds then count as calm, and a file that is not much quicker than its limit may be called too slow.
"""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from serving_targets.classifier import Classifier

RUNS, FEWEST_RUNS = 100, 10
"""Number of predictions in a round, and in a round of a slow file."""

ROUND_SECONDS = 0.5
"""Processor time above which a round gets fewer predictions than `RUNS`; also the longest warm-up."""

WARM_UP = 50
"""Number of predictions before the first round, because the first ones allocate memory."""

ROUNDS = 20
"""Number of rounds of every measurement, if they do not take longer than the patience."""

CALM_ROUNDS = 5
"""Number of calm rounds after which a measurement ends."""

SAME_SPEED = 1.10
"""Largest ratio of the reference's duration to its shortest one in a calm round."""

MOST_WAITING = 0.05
"""Largest share of a calm round's wall time in which the thread did not run."""

SHORT_PATIENCE, LONG_PATIENCE = 1.0, 15.0
"""Seconds of processor time to wait for calm rounds; the second if the figure is above a limit."""

CAREFUL_SECONDS = 5.0
"""Least processor time if the figure is above a limit: steady work of others passes for calm until it ends."""

HOPELESS = 3.0
"""Ratio to the limit above which waiting is useless: other work was never seen to double a processor time."""

LONGEST_SECONDS = 60.0
"""Wall time after which a measurement ends with the round that it is in."""

DOUBT = 2.0
"""Ratio to the limit up to which a figure without calm rounds may be the fault of other work."""

_REFERENCE_RUNS = 10


class Clock(Protocol):
    """What a measurement reads before and after a prediction."""

    def wall(self) -> float:
        """Return the wall time in seconds since any moment."""

    def processor(self) -> float:
        """Return the processor time of this thread in seconds."""

    def pauses(self) -> int:
        """Return how often this thread has given up the processor of its own accord."""


class ThreadClock:
    """The clocks of the system for the calling thread."""

    def wall(self) -> float:
        """See `Clock`."""
        return time.perf_counter()

    def processor(self) -> float:
        """See `Clock`."""
        return time.thread_time()

    def pauses(self) -> int:
        """See `Clock`."""
        return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


class Timed(Protocol):
    """What is measured: `load` prepares a prediction and is not timed, `invoke` is."""

    def load(self, run: int) -> None:
        """Prepare the prediction with this number."""

    def invoke(self) -> None:
        """Predict."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds for one window on one thread, without copying input and output.

    Attributes:
        p50: median of the processor time in milliseconds.
        p95: 95th percentile of the processor time in milliseconds.
        runs: number of predictions in the round that counts.
        wall_p95: 95th percentile of the wall time in this round, in milliseconds.
        rounds: number of measured rounds.
        calm: whether enough rounds were calm; otherwise the file may be quicker than `p95`.
    """

    p50: float
    p95: float
    runs: int
    wall_p95: float
    rounds: int
    calm: bool


@dataclass(frozen=True)
class _Round:
    """Figures of one round, in seconds.

    Attributes:
        p50: median of the predictions.
        p95: 95th percentile of the predictions.
        wall_p95: 95th percentile of the predictions' wall time.
        reference: median of the reference's processor time.
        processor: processor time of all predictions.
        wall: wall time of all predictions.
    """

    p50: float
    p95: float
    wall_p95: float
    reference: float
    processor: float
    wall: float

    def is_calm(self, shortest_reference: float) -> bool:
        """Return whether other work hardly disturbed this round."""
        return self.reference <= SAME_SPEED * shortest_reference and self.processor >= (1 - MOST_WAITING) * self.wall


class Reference:
    """Work that is always the same and that NumPy does on one thread: a product of matrices of integers."""

    def __init__(self) -> None:
        self._matrix = np.arange(48 * 48, dtype=np.int32).reshape(48, 48)

    def load(self, run: int) -> None:
        """See `Timed`."""

    def invoke(self) -> None:
        """See `Timed`."""
        self._matrix @ self._matrix


class ClassifierCalls:
    """Predictions of a classifier, which takes some windows in turn.

    Args:
        classifier: TFLite file.
        windows: input windows `[N, T, J, C]`.
    """

    def __init__(self, classifier: Classifier, windows: np.ndarray) -> None:
        self._windows = windows
        self._classifier = classifier
        self.invoke = classifier.invoke

    def load(self, run: int) -> None:
        """See `Timed`."""
        self._classifier.load(self._windows[run % len(self._windows)])


def exceeds(p95: float, limit: float, *, calm: bool) -> bool | None:
    """Return whether a 95th percentile is above a limit; None if that cannot be said now, because rounds were not calm.

    Args:
        p95: `Latency.p95`.
        limit: limit in milliseconds.
        calm: `Latency.calm`.
    """
    if p95 <= limit:
        return False
    return True if calm or p95 > limit * DOUBT else None


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile of durations in seconds, in milliseconds."""
    p50, p95 = np.percentile(seconds, [50, 95]) * 1e3
    return float(p50), float(p95)


def measure(
    timed: Timed, limit: float | None = None, *, clock: Clock | None = None, reference: Timed | None = None
) -> Latency:
    """Measure the latency of a TFLite file, or of anything else that is called.

    Args:
        timed: what is measured.
        limit: milliseconds that the figure is going to be compared with; None without a limit.
        clock: source of the times; None for the system's.
        reference: work to compare the machine's speed by; None for a product of matrices.
    """
    clock, reference = clock or ThreadClock(), reference or Reference()
    start, processor_start = clock.wall(), clock.processor()
    runs = _warm_up(timed, clock)
    _durations(reference, _REFERENCE_RUNS, clock)
    rounds: list[_Round] = []
    while not rounds or not _is_enough(rounds, limit, clock.processor() - processor_start, clock.wall() - start):
        rounds.append(_measure_round(timed, runs, clock, reference))
    best = min(rounds, key=lambda found: found.p95)
    return Latency(
        p50=best.p50 * 1e3,
        p95=best.p95 * 1e3,
        runs=runs,
        wall_p95=best.wall_p95 * 1e3,
        rounds=len(rounds),
        calm=_count_calm(rounds) >= min(CALM_ROUNDS, len(rounds)),
    )


def measure_file(model: Path, windows: np.ndarray, limit: float | None = None) -> Latency:
    """Measure the latency of a TFLite file in this process.

    Args:
        model: TFLite file.
        windows: input windows `[N, T, J, C]`, used in turn.
        limit: see `measure`.
    """
    from serving_targets.classifier import Classifier

    return measure(ClassifierCalls(Classifier(model), windows), limit)


def _is_enough(rounds: Sequence[_Round], limit: float | None, processor: float, wall: float) -> bool:
    """Return whether further rounds are not worth their time.

    Args:
        rounds: rounds so far.
        limit: limit of the 95th percentile in milliseconds, if there is one.
        processor: processor time of the measurement so far, in seconds.
        wall: wall time of the measurement so far, in seconds.
    """
    p95 = min(found.p95 for found in rounds) * 1e3
    is_open = limit is not None and limit < p95 <= limit * HOPELESS
    if processor >= (LONG_PATIENCE if is_open else SHORT_PATIENCE) or wall >= LONGEST_SECONDS:
        return True
    if len(rounds) < ROUNDS or (is_open and processor < CAREFUL_SECONDS):
        return False
    return _count_calm(rounds) >= CALM_ROUNDS


def _count_calm(rounds: Sequence[_Round]) -> int:
    shortest = min(found.reference for found in rounds)
    return sum(found.is_calm(shortest) for found in rounds)


def _warm_up(timed: Timed, clock: Clock) -> int:
    """Let the first predictions allocate memory; return the number of predictions in a round."""
    spent: list[float] = []
    while len(spent) < WARM_UP and sum(spent) < ROUND_SECONDS:
        timed.load(len(spent))
        start = clock.processor()
        timed.invoke()
        spent.append(clock.processor() - start)
    shortest = min(spent)
    return RUNS if shortest * RUNS <= ROUND_SECONDS else max(FEWEST_RUNS, math.floor(ROUND_SECONDS / shortest))


def _measure_round(timed: Timed, runs: int, clock: Clock, reference: Timed) -> _Round:
    before, _ = _durations(reference, _REFERENCE_RUNS, clock)
    pauses = clock.pauses()
    processor, wall = _durations(timed, runs, clock)
    if clock.pauses() - pauses >= runs:  # it waits for something itself, so other work is not why wall time is longer
        processor = wall
    after, _ = _durations(reference, _REFERENCE_RUNS, clock)
    p50, p95 = np.percentile(processor, [50, 95])
    return _Round(
        p50=float(p50),
        p95=float(p95),
        wall_p95=float(np.percentile(wall, 95)),
        reference=float(np.median([*before, *after])),
        processor=sum(processor),
        wall=sum(wall),
    )


def _durations(timed: Timed, runs: int, clock: Clock) -> tuple[list[float], list[float]]:
    """Return the processor time and the wall time of each prediction, in seconds."""
    processor, wall = [], []
    for run in range(runs):
        timed.load(run)
        processor_start, wall_start = clock.processor(), clock.wall()
        timed.invoke()
        wall.append(clock.wall() - wall_start)
        processor.append(clock.processor() - processor_start)
    return processor, wall
