"""Labels of mirrored windows: `left` and `right` in a label are swapped."""

from __future__ import annotations

from collections.abc import Sequence

from data.errors import InputError

_OTHER_SIDE = {"left": "right", "right": "left"}


def mirror_images(labels: Sequence[str]) -> list[str]:
    """Return the label of the mirrored action for each label, with the words `left` and `right` swapped."""
    return ["_".join(_OTHER_SIDE.get(word, word) for word in label.split("_")) for label in labels]


def mirrored_labels(labels: Sequence[str]) -> list[int]:
    """Return for each label the index of its mirrored label, which is the label itself unless it names a side.

    Raises:
        InputError: a label names a side, and there is no label for the other side.
    """
    mirrored = mirror_images(labels)
    if missing := sorted(set(mirrored) - set(labels)):
        raise InputError(
            f"a mirrored window would need the label {', '.join(missing)}, which does not exist",
            "training.augmentation.mirror",
            "set it to 0, or add the label of the other side to the schema",
        )
    return [labels.index(label) for label in mirrored]
