"""The skeleton that the coach works on: 20 joints that every layout is mapped to by name, and the body's own axes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from data.layouts import joint_mapping, load_layout

LAYOUT = "kinect20"
"""Layout of the coach's poses; it has the joints of all its angles."""
JOINT = {name: index for index, name in enumerate(load_layout(LAYOUT).joints)}
MIRROR = np.array(load_layout(LAYOUT).mirror)

LEAST_CONFIDENCE = 0.1
"""Confidence below which the place of a joint is not used."""
_GREATEST = 1e6
"""Coordinates beyond this are no places of joints in any unit."""

Poses = npt.NDArray[np.float64]
Side = Literal["left", "right"]


class SkeletonReader:
    """Reads poses of one layout as poses of the coach.

    Attributes:
        joints: number of joints of a pose.
    """

    def __init__(self, layout: str) -> None:
        known = load_layout(layout)
        self.joints = len(known.joints)
        self._mapping = joint_mapping(layout, LAYOUT)
        self._up = -1.0 if known.y_down else 1.0

    def read(self, pose: np.ndarray) -> Poses:
        """Return `[..., 20, 4]`: x, y upwards, z and confidence; z of a 2-D pose is 0.

        Args:
            pose: `[..., J, 3 or 4]`, confidence last; a joint that is not finite counts as missing.
        """
        values = self._mapping.apply(cleaned(pose))
        poses = np.zeros((*values.shape[:-1], 4))
        poses[..., : values.shape[-1] - 1] = values[..., :-1]
        poses[..., 1] *= self._up
        poses[..., 3] = values[..., -1]
        return poses


def cleaned(pose: np.ndarray) -> npt.NDArray[np.float32]:
    """Return a pose as float32; joints whose values are not finite or far beyond any place are 0 with confidence 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.array(pose, np.float32)
        usable = (np.abs(values[..., :-1]) < _GREATEST).all(axis=-1) & np.isfinite(values[..., -1])
    if not usable.all():
        values[~usable] = 0
    confidence = values[..., -1]
    np.maximum(confidence, 0, out=confidence)
    np.minimum(confidence, 1, out=confidence)
    return values


def places(poses: Poses) -> Poses:
    """Return the coordinates `[..., 20, 3]`, NaN where a joint is missing."""
    return np.where(poses[..., 3:] >= LEAST_CONFIDENCE, poses[..., :3], np.nan)


def has_depth(joints: Poses) -> bool:
    """Return whether coordinates `[..., 3]` of `places` are those of 3-D poses; a missing joint says nothing."""
    return bool(np.nan_to_num(joints[..., 2]).any())


def mirrored(body: Poses) -> Poses:
    """Return poses in body axes `[..., 20, 3]` as a mirror shows them: left and right swapped."""
    return body[..., MIRROR, :] * (-1, 1, 1)


def body_poses(poses: Poses) -> Poses:
    """Return poses in the body's axes: from the middle of the hips, in torso lengths.

    The axes of a 3-D pose are the person's left, up and forward; a 2-D pose keeps the axes of the image. One torso
    length and one facing sign are used for all poses, so that they do not jitter.

    Args:
        poses: `[T, 20, 4]` of `SkeletonReader.read`.

    Returns:
        `[T, 20, 3]`, NaN where a joint is missing.
    """
    joints = places(poses)
    centre = _stacked(joints, "left_hip", "right_hip").mean(axis=0)
    torso = np.linalg.norm(joints[:, JOINT["shoulder_center"]] - centre, axis=-1)
    length = float(np.nanmedian(torso)) if np.isfinite(torso).any() else 1.0
    relative = (joints - centre[:, None]) / max(length, 1e-6)
    if not has_depth(joints) or not np.isfinite(relative).any():
        return relative
    left, _, forward = np.moveaxis(body_axes(relative), 1, 0)[:, :, None]
    turned = relative.copy()
    turned[..., 0] = relative[..., 0] * left[..., 0] + relative[..., 2] * left[..., 2]
    turned[..., 2] = relative[..., 0] * forward[..., 0] + relative[..., 2] * forward[..., 2]
    return turned


def body_axes(joints: Poses) -> Poses:
    """Return the unit vectors left, up and forward of each pose, `[T, 3, 3]`; of 2-D poses, those of the image.

    Whether coordinates are right-handed is not known, so the feet say where forward is: `left x up` or its opposite.
    """
    up = np.broadcast_to([0.0, 1.0, 0.0], (len(joints), 3))
    left = joints[:, JOINT["left_hip"]] - joints[:, JOINT["right_hip"]]
    left = left * (1, 0, 1)
    width = np.linalg.norm(left, axis=-1, keepdims=True)
    left = np.where(width > 1e-6, left / np.maximum(width, 1e-6), (1.0, 0.0, 0.0))
    forward = np.stack([-left[:, 2], np.zeros(len(left)), left[:, 0]], axis=1)  # left x up
    feet = _stacked(joints, "left_foot", "right_foot") - _stacked(joints, "left_ankle", "right_ankle")
    ahead = np.nansum(feet * forward)
    return np.stack([left, up, forward * (-1.0 if ahead < 0 else 1.0)], axis=1)


def _stacked(joints: Poses, *names: str) -> Poses:
    return np.stack([joints[:, JOINT[name]] for name in names])
