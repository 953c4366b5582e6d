"""The layout of a file's joints, found by their names or, in formats without names, by how many there are."""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from data.errors import InputError
from data.layouts import Layout, find_layout, load_layout, preferred_layout

CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=^[LR])(?=[A-Z][a-z])")
"""The places between the words of names such as `leftShoulder` and `LShoulder`."""

_SIDES = {"l": "left", "r": "right"}


@dataclass(frozen=True)
class JointOrder:
    """The position of a file's joints in a layout.

    Attributes:
        layout: layout with all these joints.
        columns: position of each joint of the layout in the file, -1 where it is absent.
    """

    layout: Layout
    columns: tuple[int, ...]

    def arrange(self, poses: np.ndarray) -> np.ndarray:
        """Return `[N, file's joints, C]` as `[N, J, C]` in the layout's order; absent joints are 0."""
        if self.columns == tuple(range(poses.shape[1])):
            return poses
        given = np.array(self.columns)
        arranged = np.zeros((len(poses), len(given), poses.shape[2]), poses.dtype)
        arranged[:, given >= 0] = poses[:, given[given >= 0]]
        return arranged


def left_out_note(given: int, order: JointOrder) -> list[str]:
    """Return a note on the joints of a file that its layout does not have.

    Args:
        given: number of joints in the file.
        order: their order.
    """
    used = sum(column >= 0 for column in order.columns)
    return [f"{given - used} of {given} joints are left out, {order.layout.name} does not have them"] * (given > used)


def order_by_name(names: tuple[str, ...]) -> JointOrder:
    """Return the order of named joints; `leftShoulder`, `LEFT_SHOULDER` and `l_shoulder` are the same name.

    Raises:
        InputError: if a name occurs twice or no layout has them all.
    """
    return _order_by_name(names, preferred_layout())


@lru_cache(maxsize=64)
def _order_by_name(names: tuple[str, ...], preferred: Layout | None) -> JointOrder:
    given = [joint_name(name) for name in names]
    if preferred is not None and len(set(given)) == len(given):
        own = [joint_name(joint) for joint in preferred.joints]
        if set(given) <= set(own):
            return JointOrder(preferred, tuple(given.index(joint) if joint in given else -1 for joint in own))
    return JointOrder(*find_layout(given))


def joint_name(name: str) -> str:
    """Return a joint's name in the spelling of the layouts."""
    words = re.split(r"[\W_]+", CAMEL.sub("_", name.strip()).lower())
    words = [_SIDES.get(word, word) for word in words if word]
    if words[:2] == ["pose", "landmark"]:  # as in MediaPipe's `PoseLandmark.NOSE`
        words = words[2:]
    if words and words[-1] in ("left", "right") and words[0] != "mouth":
        words = [words[-1], *words[:-1]]
    return "_".join(words)


def order_by_count(count: int, layouts: tuple[tuple[int, str], ...]) -> JointOrder:
    """Return the order of joints without names.

    Args:
        count: number of joints in the file.
        layouts: pairs of a number of joints and the layout whose joints come first among them.

    Raises:
        InputError: if `layouts` does not have this number.
    """
    preferred = preferred_layout()
    if preferred is not None and len(preferred.joints) == count:
        return JointOrder(preferred, tuple(range(count)))
    for number, name in layouts:
        if number == count:
            layout = load_layout(name)
            return JointOrder(layout, tuple(range(len(layout.joints))))
    known = ", ".join(f"{number} ({name})" for number, name in layouts)
    raise InputError(f"there are {count} joints in a pose", None, f"poses of this format have {known} joints")
