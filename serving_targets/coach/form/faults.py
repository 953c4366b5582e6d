"""Known faults put into recordings that were performed well, to measure whether the coach finds them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serving_targets.coach.metrics import Fault
from serving_targets.coach.movement.angles import ANGLES, direction, joint_angles
from serving_targets.coach.movement.skeleton import JOINT, Poses

REACHED = 0.8
"""Share of the angle that a joint must be able to bend."""
_ABOVE_WAIST = [
    *(JOINT[name] for name in ("spine", "shoulder_center", "head")),
    *(JOINT[f"{side}_{part}"] for side in ("left", "right") for part in ("shoulder", "elbow", "wrist", "hand")),
]
_BELOW = {
    "elbow": ("wrist", "hand"),
    "shoulder": ("elbow", "wrist", "hand"),
    "knee": ("ankle", "foot"),
    "hip": ("knee", "ankle", "foot"),
}
"""Joints that turn with a joint."""


def bent(joints: Poses, angle: str, degrees: npt.NDArray[np.float64]) -> Poses | None:
    """Return poses in which one angle is changed and everything below it turns along.

    Args:
        joints: coordinates `[T, 20, 3]`, y upwards, 3-D.
        angle: one of `ANGLES`.
        degrees: change of the angle at each frame, `[T]`.

    Returns:
        The changed coordinates, or None if the joint cannot bend that far.
    """
    before = joint_angles(joints)[:, ANGLES.index(angle)]
    pivot, axis, moved = _hinge(joints, angle)
    strongest = int(np.argmax(np.abs(degrees)))
    options = [_turned(joints, pivot, axis, moved, np.radians(sign * degrees)) for sign in (1, -1)]
    changes = [(joint_angles(option)[:, ANGLES.index(angle)] - before)[strongest] for option in options]
    wanted = degrees[strongest]
    change, result = min(zip(changes, options, strict=True), key=lambda option: abs(option[0] - wanted))
    return result if change / wanted >= REACHED else None


def fault(angle: str, degrees: float, *, throughout: bool) -> Fault:
    """Return the fault that a change of an angle by `degrees` is: the person must change it back."""
    return Fault(angle, direction(angle, -degrees), abs(degrees), throughout)


def _hinge(joints: Poses, angle: str) -> tuple[Poses, Poses, list[int]]:
    """Return the place about which the joint turns, its axis, and the joints that turn along."""
    if angle == "trunk":
        return joints[:, JOINT["hip_center"]], _unit(_hip_line(joints)), _ABOVE_WAIST
    side, _, part = angle.rpartition("_")
    place = {
        name: joints[:, JOINT[f"{side}_{name}"]] for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    }
    moved = [JOINT[f"{side}_{name}"] for name in _BELOW[part]]
    trunk = joints[:, JOINT["shoulder_center"]] - joints[:, JOINT["hip_center"]]
    axis = {
        "elbow": np.cross(place["shoulder"] - place["elbow"], place["wrist"] - place["elbow"]),
        "knee": np.cross(place["hip"] - place["knee"], place["ankle"] - place["knee"]),
        "shoulder": np.cross(-trunk, place["elbow"] - place["shoulder"]),
        "hip": _hip_line(joints),
    }[part]
    return place[part], _unit(axis), moved


def _hip_line(joints: Poses) -> Poses:
    return joints[:, JOINT["left_hip"]] - joints[:, JOINT["right_hip"]]


def _unit(vectors: Poses) -> Poses:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _turned(joints: Poses, pivot: Poses, axis: Poses, moved: list[int], radians: npt.NDArray[np.float64]) -> Poses:
    """Turn joints about an axis (Rodrigues' rotation)."""
    turned = joints.copy()
    arm = joints[:, moved] - pivot[:, None]
    axis = np.broadcast_to(axis[:, None], arm.shape)
    cos, sin = np.cos(radians)[:, None, None], np.sin(radians)[:, None, None]
    along = (arm * axis).sum(axis=-1, keepdims=True) * axis
    turned[:, moved] = pivot[:, None] + arm * cos + np.cross(axis, arm) * sin + along * (1 - cos)
    return turned
