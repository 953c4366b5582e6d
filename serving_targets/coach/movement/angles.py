"""The angles in which form is measured and corrected, in degrees."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serving_targets.coach.movement.skeleton import JOINT, Poses, body_axes, has_depth
from serving_targets.coach.timeline import Direction

ANGLES = (
    *("left_elbow", "right_elbow", "left_knee", "right_knee", "left_hip", "right_hip"),
    *("left_shoulder", "right_shoulder", "trunk"),
)
MIRRORED_ANGLES = np.array([1, 0, 3, 2, 5, 4, 7, 6, 8])
"""For each angle, the angle that a mirror shows in its place."""

_LARGER: dict[str, tuple[Direction, Direction]] = {
    "elbow": ("straighten", "bend"),
    "knee": ("straighten", "bend"),
    "hip": ("straighten", "bend"),
    "shoulder": ("raise", "lower"),
    "trunk": ("lean_forward", "lean_back"),
}


def direction(angle: str, change: float) -> Direction:
    """Return what to do so that an angle becomes larger (`change` > 0) or smaller."""
    larger, smaller = _LARGER[angle.rpartition("_")[2]]
    return larger if change > 0 else smaller


def joint_angles(joints: Poses) -> npt.NDArray[np.float64]:
    """Return the angles of poses.

    Elbow: shoulder-elbow-wrist. Knee: hip-knee-ankle. Hip: between thigh and trunk, 180 when standing straight.
    Shoulder: between upper arm and the trunk downwards, 0 when the arm hangs. Trunk: lean from the waist to the neck,
    positive to where the hips face.

    Args:
        joints: coordinates `[T, 20, 3]` with y upwards, NaN where a joint is missing.

    Returns:
        `[T, 9]` in the order of `ANGLES`, NaN where a joint is missing, and for the lean in 2-D poses.
    """
    coordinates = np.ascontiguousarray(joints.transpose(2, 0, 1))
    angles = _between(*(coordinates[..., ends] - coordinates[..., starts] for starts, ends in _LINES))
    trunk = joints[:, JOINT["shoulder_center"]] - joints[:, JOINT["hip_center"]]
    _, up, forward = np.moveaxis(body_axes(joints), 1, 0)
    lean = np.arctan2((trunk * forward).sum(axis=-1), (trunk * up).sum(axis=-1))
    if not has_depth(joints):  # an image does not show how far somebody leans to it
        lean[:] = np.nan
    return np.concatenate([angles, np.degrees(lean)[:, None]], axis=1)


_TRUNK = ("hip_center", "shoulder_center")
_SIDES: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "elbow": (("elbow", "shoulder"), ("elbow", "wrist")),
    "knee": (("knee", "hip"), ("knee", "ankle")),
    "hip": (("hip", "knee"), _TRUNK),
    "shoulder": (("shoulder", "elbow"), (_TRUNK[1], _TRUNK[0])),
}
"""The two sides of each angle, each from a joint to another one."""


def _joints(line: int, end: int) -> list[int]:
    """Return the joints in which the first or second side of each angle, but the lean, starts (`end` 0) or ends (1)."""
    named = [(angle.partition("_")[0], _SIDES[angle.partition("_")[2]][line][end]) for angle in ANGLES[:-1]]
    return [JOINT[name if name in _TRUNK else f"{side}_{name}"] for side, name in named]


_LINES = [(_joints(line, 0), _joints(line, 1)) for line in (0, 1)]


def _between(first: Poses, second: Poses) -> npt.NDArray[np.float64]:
    """Return the angles between vectors `[3, ...]`."""
    length = np.sqrt((first**2).sum(axis=0)) * np.sqrt((second**2).sum(axis=0))
    cosine = (first * second).sum(axis=0) / np.where(length > 1e-9, length, np.nan)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))
