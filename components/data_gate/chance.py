"""What chance explains: how far random groups of the training people lie apart, and their means from the mean of all.

Comparators bound the distance of two statistics, but a small group of people always differs from others. The people of
the training split are therefore divided at random, many times, into groups as large as the two sides, and the distances
of these groups are measured as TFDV measures them. The mean of few people is off in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

DRAWS = 200
"""Number of random divisions."""

PASSING = 0.99
"""Share of the random divisions in which no feature exceeds its bound."""

LEAST_GROUPS = 4
"""Smallest number of people, or recordings, that can be divided at random in a meaningful way."""

_CHOICES = 2000
_BUCKETS = 10  # of TFDV's standard histograms
_MOST_WINDOWS = 20_000


def chance_bounds(
    columns: Mapping[str, np.ndarray], groups: np.ndarray, share: float, seed: int = 0
) -> dict[str, float]:
    """Return the distance of each feature within which random divisions of the groups stay.

    With the bounds of all features together, `PASSING` of the divisions pass: a bound is the mean distance and a number
    of standard deviations that is the same for every feature.

    Args:
        columns: name of each feature to its values, `[windows]`; words are compared by the largest difference of their
            frequencies, numbers by their Jensen-Shannon divergence.
        groups: person or recording of each window, `[windows]`; a group stays on one side.
        share: share of the groups on the smaller side, 0 to 0.5.
        seed: seed of the divisions.

    Returns:
        Name of each feature to its bound; empty if there are too few groups.
    """
    names, codes = np.unique(groups, return_inverse=True)
    if len(names) < LEAST_GROUPS or not columns:
        return {}
    random = np.random.default_rng(seed)
    if len(codes) > _MOST_WINDOWS:
        kept = random.choice(len(codes), _MOST_WINDOWS, replace=False)
        codes, columns = codes[kept], {name: values[kept] for name, values in columns.items()}
    smaller = max(1, round(share * len(names)))
    prepared = {name: _encoded(values) for name, values in columns.items()}
    distances = np.zeros((DRAWS, len(prepared)))
    for row in distances:
        chosen = np.zeros(len(names), bool)
        chosen[random.permutation(len(names))[:smaller]] = True
        side = chosen[codes]
        row[:] = [_distance(values[side], values[~side]) for values in prepared.values()]
    mean, deviation = distances.mean(axis=0), distances.std(axis=0) + 1e-6
    furthest = np.quantile(((distances - mean) / deviation).max(axis=1), PASSING)
    return dict(zip(prepared, (mean + furthest * deviation).tolist(), strict=True))


def chance_of_mean(values: np.ndarray, groups: np.ndarray, count: int, seed: int = 0) -> float | None:
    """Return how far the mean of some groups lies from the mean of all, in `PASSING` of random choices.

    Args:
        values: values of a feature, `[windows]`.
        groups: person or recording of each window, `[windows]`.
        count: number of groups that are chosen, each perhaps more than once.
        seed: seed of the choices.

    Returns:
        The distance; None if there are too few groups.
    """
    names, codes = np.unique(groups, return_inverse=True)
    if len(names) < LEAST_GROUPS:
        return None
    means = np.bincount(codes, np.asarray(values, np.float64)) / np.bincount(codes)
    chosen = np.random.default_rng(seed).choice(means, (_CHOICES, max(count, 1))).mean(axis=1)
    return float(np.quantile(np.abs(chosen - means.mean()), PASSING))


def jensen_shannon(first: np.ndarray, second: np.ndarray) -> float:
    """Return the Jensen-Shannon divergence of two samples, base 2, 0 to 1.

    As in TFDV, each sample has a histogram of ten equally wide buckets over its own range, in which values are taken to
    be spread evenly.
    """
    edges, shares = zip(*map(_histogram, (first, second)), strict=True)
    common = np.union1d(*edges)
    p, q = (
        np.diff(np.interp(common, edge, np.concatenate([[0], np.cumsum(share)]), left=0, right=1))
        for edge, share in zip(edges, shares, strict=True)
    )
    middle = (p + q) / 2
    return (_divergence(p, middle) + _divergence(q, middle)) / 2


def _encoded(values: np.ndarray) -> np.ndarray:
    """Return numbers as float64, and words as integers."""
    return (
        values.astype(np.float64) if values.dtype.kind == "f" else np.unique(values.astype(str), return_inverse=True)[1]
    )


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    if not len(first) or not len(second):
        return 0.0
    if first.dtype.kind == "f":
        return jensen_shannon(first, second)
    size = int(max(first.max(), second.max())) + 1
    shares = [np.bincount(side, minlength=size) / len(side) for side in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


def _histogram(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = float(values.min()), float(values.max())
    counts, edges = np.histogram(values, _BUCKETS, (low, high if high > low else low + max(abs(low), 1.0) * 1e-6))
    return edges, counts / len(values)


def _divergence(p: np.ndarray, middle: np.ndarray) -> float:
    positive = p > 0
    return float(np.sum(p[positive] * np.log2(p[positive] / middle[positive])))
