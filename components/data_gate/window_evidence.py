"""Evidence for a finding: how many windows show the anomaly, and which sequences show it most."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from components.data_gate.chance import chance_bounds, chance_of_mean
from data.health import FIGURES, WORDS
from payloads.data_judgement import AffectedWindows
from payloads.window_table import read_windows

MAX_SEQUENCES = 3
"""Maximum number of sequences that a finding names."""

Deviation = Callable[[np.ndarray], np.ndarray]
"""Function from the values of a feature to their deviations; above 0 is an anomaly, and more is worse."""

UNKNOWN = AffectedWindows()
"""Evidence where the table of windows is missing or lacks the feature."""


class WindowEvidence:
    """Search of an Examples artifact's table of windows for those that show an anomaly.

    Args:
        examples: folder of the artifact; without one, all evidence is unknown.
    """

    def __init__(self, examples: Path | None) -> None:
        self._bounds = cache(self._measure_bounds)
        self._read = cache(lambda split, name: read_windows(examples, split, [name]).get(name) if examples else None)

    def chance_bound(self, feature: str, share: float) -> float | None:
        """Return the distance within which random groups of the training people stay; None if that is not known.

        Args:
            feature: name of the feature.
            share: share of the people on the smaller side of the comparison.
        """
        return self._bounds(round(share, 2)).get(feature)

    def chance_of_mean(self, split: str, feature: str) -> float | None:
        """Return how far the mean of a split may be off because of the people in it; None if that is not known.

        The people of the training split show how much people differ, so that faulty people in another split do not.
        """
        here, train = (self._read(name, "subject") for name in (split, "train"))
        values = self._read("train", feature)
        if here is None or train is None or values is None:
            return None
        return chance_of_mean(values, train.astype(str), len(set(here)))

    def _measure_bounds(self, share: float) -> dict[str, float]:
        groups = self._read("train", "subject")
        columns = {
            name: values for name in (*FIGURES, *WORDS, "label") if (values := self._read("train", name)) is not None
        }
        return {} if groups is None else chance_bounds(columns, groups.astype(str), share)

    def find(self, split: str, feature: str, deviation: Deviation) -> AffectedWindows:
        """Return the windows of a split in which a feature deviates.

        Args:
            split: name of the split.
            feature: name of the feature; for `keypoints`, the minimum and the maximum of each window are checked.
            deviation: function that computes the deviations of the feature's values.
        """
        names = ["keypoints_least", "keypoints_greatest"] if feature == "keypoints" else [feature]
        columns = [column for name in names if (column := self._read(split, name)) is not None]
        ids = self._read(split, "sequence_id")
        if ids is None or len(columns) < len(names):
            return UNKNOWN
        deviations = np.max([np.nan_to_num(deviation(column), nan=np.inf) for column in columns], axis=0)
        worst: dict[str, None] = {}
        for index in np.argsort(-deviations, kind="stable"):
            if deviations[index] <= 0 or len(worst) == MAX_SEQUENCES:
                break
            worst[ids[index]] = None
        return AffectedWindows(windows=int((deviations > 0).sum()), of=len(ids), sequences=tuple(worst))


def outside(low: float | None, high: float | None) -> Deviation:
    """Return the deviation of numbers outside an interval: the distance to it. NaN deviates most."""
    return lambda values: np.maximum(
        values - high if high is not None else -np.inf, low - values if low is not None else -np.inf
    )


def not_among(allowed: frozenset[str]) -> Deviation:
    """Return the deviation of words that are not in a set: 1, otherwise 0."""
    return lambda words: np.array([float(word not in allowed) for word in words])


def among(words: frozenset[str]) -> Deviation:
    """Return the deviation of words that are in a set: 1, otherwise 0."""
    return lambda found: np.array([float(word in words) for word in found])
