"""Finds the layout of a file's joints, by their names or, in formats without names, by their number."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from data.errors import InputError
from data.layouts import Layout, find_layout, load_layout

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SIDES = {"l": "left", "r": "right"}


@dataclass(frozen=True)
class JointOrder:
    """Where a file's joints go in a layout.

    Attributes:
        layout: that has them.
        columns: for each joint of the layout its position in the file, -1 where it is absent.
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


@lru_cache(maxsize=64)
def order_by_name(names: tuple[str, ...]) -> JointOrder:
    """Return the order of named joints; `leftShoulder`, `LEFT_SHOULDER`, `l_shoulder` and `left shoulder` are one name.

    Raises:
        InputError: if a name occurs twice or no layout has them all.
    """
    return JointOrder(*find_layout([joint_name(name) for name in names]))


def joint_name(name: str) -> str:
    """Return a joint's name as the layouts write it."""
    words = re.split(r"[\W_]+", _CAMEL.sub("_", name.strip()).lower())
    words = [_SIDES.get(word, word) for word in words if word]
    if words and words[-1] in ("left", "right") and words[0] != "mouth":
        words = [words[-1], *words[:-1]]
    return "_".join(words)


@lru_cache(maxsize=64)
def order_by_count(count: int, layouts: tuple[tuple[int, str], ...]) -> JointOrder:
    """Return the order of joints that are known by their number alone.

    Args:
        count: joints in the file.
        layouts: number of joints and name of the layout whose joints come first among them.

    Raises:
        InputError: if the format knows no layout of so many joints.
    """
    for number, name in layouts:
        if number == count:
            layout = load_layout(name)
            return JointOrder(layout, tuple(range(len(layout.joints))))
    known = ", ".join(f"{number} ({name})" for number, name in layouts)
    raise InputError(f"there are {count} joints in a pose", None, f"this format has {known}")


def common_names(named: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return all names that occur, in the order of their first occurrence."""
    return tuple(dict.fromkeys(name for names in named for name in names))
