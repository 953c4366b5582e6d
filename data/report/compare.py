"""The distance between two spans: the same figures as in the pipeline's gate, on clips instead of windows."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from data.report.collect import Picture

_BINS = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """The distance between two spans in one feature.

    Attributes:
        feature: name of the feature.
        here: values in this span, as text.
        there: values in the other span, as text.
        distance: distance, from 0 (alike) to 1 (nothing in common).
        measure: name of the distance.
    """

    feature: str
    here: str
    there: str
    distance: float
    measure: str


def compare(here: Picture, there: Picture) -> list[Difference]:
    """Return the distance in every feature that both spans have, largest first."""
    differences = [
        Difference(
            name,
            _spread(values),
            _spread(there.figures[name]),
            jensen_shannon(values, there.figures[name]),
            "Jensen-Shannon divergence",
        )
        for name, values in here.figures.items()
        if name in there.figures
    ]
    counted = {
        "class": (here.description.classes, there.description.classes),
        "view": (here.description.views, there.description.views),
        **{name: (here.words[name], there.words[name]) for name in here.words},
    }
    differences += [_difference_in_frequency(name, *counts) for name, counts in counted.items()]
    return sorted(differences, key=lambda difference: -difference.distance)


def jensen_shannon(one: np.ndarray, other: np.ndarray) -> float:
    """Return the Jensen-Shannon divergence (base 2) of two sets of numbers, in ten equal bins over both."""
    low, high = min(one.min(), other.min()), max(one.max(), other.max())
    if low == high:
        return 0.0
    p, q = (np.histogram(side, _BINS, (low, high))[0] / len(side) for side in (one, other))
    middle = (p + q) / 2
    return float(sum(_relative_entropy(side, middle) for side in (p, q)) / 2)


def _relative_entropy(p: np.ndarray, q: np.ndarray) -> float:
    there = p > 0
    return float((p[there] * np.log2(p[there] / q[there])).sum())


def _difference_in_frequency(name: str, here: dict[str, int], there: dict[str, int]) -> Difference:
    one, other = (Counter({key: n / sum(counts.values()) for key, n in counts.items()}) for counts in (here, there))
    changed = max(one.keys() | other.keys(), key=lambda key: (abs(one[key] - other[key]), one[key], key))
    return Difference(
        name,
        f"{changed} {one[changed]:.1%}",
        f"{changed} {other[changed]:.1%}",
        abs(one[changed] - other[changed]),
        "greatest difference in frequency",
    )


def _spread(values: np.ndarray) -> str:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"
