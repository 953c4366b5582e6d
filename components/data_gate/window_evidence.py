"""The windows behind a finding: how many they are, and the sequences that show it best."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from components.keypoint_example_gen.window_table import read_windows
from lineage.payloads.data_judgement import Witness

EXAMPLES = 3
"""Sequences that are named."""

Badness = Callable[[np.ndarray], np.ndarray]
"""From a feature's values to how bad each is: above 0 is bad, and more is worse."""


NOBODY = Witness()


class Witnesses:
    """Asks the table of windows of an Examples artifact.

    Args:
        examples: the artifact's folder; None knows of no window.
    """

    def __init__(self, examples: Path | None) -> None:
        self._read = cache(lambda split, name: read_windows(examples, split, [name]).get(name) if examples else None)

    def of(self, split: str, feature: str, badness: Badness) -> Witness:
        """Return who shows the fault; of keypoints the least and the greatest of a window are looked at."""
        names = ["keypoints_least", "keypoints_greatest"] if feature == "keypoints" else [feature]
        columns = [column for name in names if (column := self._read(split, name)) is not None]
        ids = self._read(split, "sequence_id")
        if ids is None or len(columns) < len(names):
            return NOBODY
        bad = np.max([np.nan_to_num(badness(column), nan=np.inf) for column in columns], axis=0)
        worst: dict[str, None] = {}
        for index in np.argsort(-bad, kind="stable"):
            if bad[index] <= 0 or len(worst) == EXAMPLES:
                break
            worst[ids[index]] = None
        return Witness(windows=int((bad > 0).sum()), of=len(ids), sequences=tuple(worst))


def outside(low: float | None, high: float | None) -> Badness:
    """How far beyond one of two ends; what is no number is the worst."""
    return lambda values: np.maximum(
        values - high if high is not None else -np.inf, low - values if low is not None else -np.inf
    )


def none_of(allowed: frozenset[str]) -> Badness:
    """Whether a word is none of the allowed."""
    return lambda words: np.array([float(word not in allowed) for word in words])


def one_of(words: frozenset[str]) -> Badness:
    """Whether a word is one of these."""
    return lambda found: np.array([float(word in words) for word in found])
