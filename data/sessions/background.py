"""The label of everything that is none of the movements."""

from collections.abc import Iterable

BACKGROUND = "none"
"""Label of the class for everything that is none of the movements."""

BACKGROUND_LABELS = frozenset({"background", "none", "rest", "idle", ""})
"""Labels of data sets that mean the same."""


def without_synonyms(label: str) -> str:
    """Return a label, or `BACKGROUND` for every label that means the same."""
    return BACKGROUND if label in BACKGROUND_LABELS else label


def background_of(labels: Iterable[str]) -> str | None:
    """Return the label that stands for the background among the labels of a schema; None if there is none."""
    return next((label for label in labels if label in BACKGROUND_LABELS), None)
