"""What labels say besides the action."""

from __future__ import annotations

from collections.abc import Sequence

from data.errors import InputError

_OTHER_SIDE = {"left": "right", "right": "left"}


def mirror_images(labels: Sequence[str]) -> list[str]:
    """What the mirror image of each label's action is called: `left` and `right` change places."""
    return ["_".join(_OTHER_SIDE.get(word, word) for word in label.split("_")) for label in labels]


def mirrored_labels(labels: Sequence[str]) -> list[int]:
    """For each label the index of the one that its mirror image has: itself, unless it tells a side.

    Raises:
        InputError: a label tells a side, and there is none of the other side.
    """
    mirrored = mirror_images(labels)
    if missing := sorted(set(mirrored) - set(labels)):
        raise InputError(
            f"a mirrored window would be labelled {', '.join(missing)}, which is no label",
            "training.augmentation.mirror",
            "set it to 0, or add the label of the other side to the schema",
        )
    return [labels.index(label) for label in mirrored]
