"""Normalisation of raw keypoints to a pose, as a few graph operators that are built into TFLite.

A device runs these operators before every inference. All linear steps are therefore products with constant matrices,
which cost the same for 20 joints as for one. They stay in float32, because pixels and metres do not fit one int8 scale.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from data.layouts import Layout
from transform_module.config import TransformConfig

TIME_DECAY = 1.0
"""Decay of the weight of a frame with its distance in time to a missing joint, in nepers per frame."""

BONE_DECAY = 8.0
"""Decay of the weight of a joint with its distance to a missing joint along the skeleton, in nepers per bone.

The missing joint itself, if seen less than 8 frames away, weighs more than its neighbour in the same frame.
"""

MIN_WEIGHT = 1e-9
"""Smallest weight of a frame or joint; above 0, so that a joint that is never seen gets a position near the person."""

EPSILON = 1e-12
"""Small term in denominators and under square roots, so that 0 divided by 0 gives 0."""


def normalise(keypoints: tf.Tensor, layout: Layout, config: TransformConfig) -> tf.Tensor:
    """Impute missing joints, centre poses at the mean of the root, scale them by the torso, and align them.

    The result does not depend on the position or size of the person. It also does not depend on the person's direction
    (with `align_view`), on the tilt of the camera (with `align_upright`), or on the hand used (with `align_side`).

    Args:
        keypoints: raw keypoints, float32 `[N, T, J, D+1]`; the last channel is the confidence.
        layout: joint layout of the keypoints.
        config: settings; `align_view` and `align_upright` have no effect on two-dimensional keypoints.

    Returns:
        Pose in torso lengths, float32 `[N, T, J, D]`.
    """
    dimensions = keypoints.shape[3] - 1
    # The joint axis comes last, [N, T, D, J], for products with constant matrices.
    pose = impute(keypoints, layout, config.confidence_threshold)
    landmarks = pose @ _landmark_weights(layout)
    root, torso = landmarks[..., 0:1], landmarks[..., 1:2]
    centred = pose - tf.reduce_mean(root, axis=1, keepdims=True)
    squared_length = tf.reduce_mean(tf.reduce_sum(tf.square(torso), axis=2, keepdims=True), axis=1, keepdims=True)
    centred *= tf.math.rsqrt(squared_length + EPSILON)
    if config.align_side:
        centred = _mirror_left_sided(centred, layout)
    pose = tf.transpose(centred, (0, 1, 3, 2))
    if dimensions == 2 or not config.align_view or not layout.across:
        return pose
    axes = tf.reduce_mean(centred @ _axis_weights(layout), axis=1)  # [N, 3, 2]
    across, vertical = axes[:, :, 0], axes[:, :, 1]
    if not config.align_upright:
        vertical = tf.zeros_like(across) + np.array([0, 1, 0], np.float32)
    return _align(pose, across, vertical)


def centre(pose: tf.Tensor, layout: Layout) -> tf.Tensor:
    """Move poses, float32 `[N, T, J, D]`, so that the mean of their root over the window is at 0."""
    return pose - tf.reduce_mean(tf.gather(pose, layout.root, axis=2), axis=(1, 2), keepdims=True)


def impute(keypoints: tf.Tensor, layout: Layout, confidence_threshold: float) -> tf.Tensor:
    """Estimate the position of joints that were not seen, from other frames and joints.

    The estimate is the mean of all positions seen, weighted by closeness in time and along the skeleton. A joint whose
    confidence is below the threshold is blended with its estimate in proportion.

    Args:
        keypoints: raw keypoints, float32 `[N, T, J, D+1]`; the last channel is the confidence.
        layout: joint layout of the keypoints.
        confidence_threshold: confidence from which a joint keeps its own position.

    Returns:
        Complete positions, float32 `[N, T, D, J]`; the joint axis is last.
    """
    frames, joints, channels = keypoints.shape[1:]
    by_joint = tf.transpose(keypoints, (0, 1, 3, 2))
    position, confidence = by_joint[:, :, :-1], by_joint[:, :, -1:]
    seen = tf.minimum(confidence * (1 / confidence_threshold), 1.0)
    evidence = tf.concat([position * seen, seen], axis=2)
    evidence = _closeness_in_time(frames) @ tf.reshape(evidence, (-1, frames, channels * joints))
    evidence = tf.reshape(evidence, (-1, frames, channels, joints)) @ _closeness_of_joints(layout)
    estimate = evidence[:, :, :-1] / tf.maximum(evidence[:, :, -1:], MIN_WEIGHT * MIN_WEIGHT * EPSILON)
    return estimate + seen * (position - estimate)


def _mirror_left_sided(pose: tf.Tensor, layout: Layout) -> tf.Tensor:
    """Mirror the windows in which the left joints travel further than the right ones, relative to the root.

    A window and its mirror image then give the same result, whichever hand performs the action.

    Args:
        pose: centred poses, float32 `[N, T, D, J]`.
        layout: joint layout of the poses.

    Returns:
        Poses of the same shape.
    """
    joints = np.eye(len(layout.joints), dtype=np.float32)
    side = np.array([[(side == "left") - float(side == "right")] for side in layout.sides], np.float32)
    from_root = pose @ (joints - root_weights(layout))
    steps = from_root[:, 1:] - from_root[:, :-1]
    path = tf.reduce_mean(
        tf.sqrt(tf.reduce_sum(tf.square(steps), axis=2, keepdims=True) + EPSILON), axis=1, keepdims=True
    )
    left_leads = tf.cast(path @ side > 0, tf.float32)  # [N, 1, 1, 1]
    swap = joints[:, list(layout.mirror)]
    signs = np.array([[-1], [1], [1]], np.float32)[: pose.shape[2]]
    return pose + left_leads * ((pose * signs) @ swap - pose)


def _align(pose: tf.Tensor, across: tf.Tensor, vertical: tf.Tensor) -> tf.Tensor:
    """Rotate poses so that `vertical` points along y, and the part of `across` perpendicular to it along x.

    Args:
        pose: three-dimensional poses, float32 `[N, T, J, 3]`.
        across: vectors of any length, float32 `[N, 3]`.
        vertical: vectors of any length, float32 `[N, 3]`.

    Returns:
        Poses of the same shape.
    """
    frames, joints = pose.shape[1:3]
    y = _unit(vertical)
    x = _unit(across - y * tf.reduce_sum(across * y, axis=1, keepdims=True))
    # The cross product of x and y; (a, b, c) @ cyclic_shift = (b, c, a).
    cyclic_shift = np.roll(np.eye(3, dtype=np.float32), 1, axis=0)
    z = (x @ cyclic_shift) * (y @ cyclic_shift.T) - (x @ cyclic_shift.T) * (y @ cyclic_shift)
    rotation = tf.stack([x, y, z], axis=2)
    rotated = tf.reshape(pose, (-1, frames * joints, 3)) @ rotation
    return tf.reshape(rotated, (-1, frames, joints, 3))


def _unit(vectors: tf.Tensor) -> tf.Tensor:
    """Return vectors `[N, 3]` scaled to length 1."""
    return vectors * tf.math.rsqrt(tf.reduce_sum(tf.square(vectors), axis=1, keepdims=True) + EPSILON)


def root_weights(layout: Layout) -> np.ndarray:
    """Return the weight of each joint in the root, which is a mean of joints, float32 `[J, 1]`."""
    weights = np.zeros((len(layout.joints), 1), np.float32)
    weights[list(layout.root)] = 1 / len(layout.root)
    return weights


def _landmark_weights(layout: Layout) -> np.ndarray:
    """Return the weight of each joint in the root and in the vector of the torso, float32 `[J, 2]`."""
    weights = np.zeros((len(layout.joints), 2), np.float32)
    weights[:, :1] = root_weights(layout)
    upper, lower = layout.torso
    weights[list(upper), 1] += 1 / len(upper)
    weights[list(lower), 1] -= 1 / len(lower)
    return weights


def _axis_weights(layout: Layout) -> np.ndarray:
    """Return the weight of each joint in two vectors, float32 `[J, 2]`.

    The first vector points from right to left, the second along the body in the direction of the y axis.
    """
    weights = np.zeros((len(layout.joints), 2), np.float32)
    for left, right in layout.across:
        weights[left, 0] = 1
        weights[right, 0] = -1
    ankles = [layout.index(name) for name in ("left_ankle", "right_ankle") if name in layout.joints]
    upper, lower = layout.torso[0], ankles or layout.torso[1]
    upwards = -1 if layout.y_down else 1
    weights[list(upper), 1] += upwards / len(upper)
    weights[list(lower), 1] -= upwards / len(lower)
    return weights


def _closeness_in_time(frames: int) -> np.ndarray:
    """Return the weight of each frame for each other frame, float32 `[T, T]`."""
    distance = np.abs(np.subtract.outer(np.arange(frames), np.arange(frames)))
    return np.maximum(np.exp(-TIME_DECAY * distance), MIN_WEIGHT).astype(np.float32)


def _closeness_of_joints(layout: Layout) -> np.ndarray:
    """Return the weight of each joint for each other joint, by the bones between them, float32 `[J, J]`."""
    joints = len(layout.joints)
    distance = np.full((joints, joints), np.inf)
    np.fill_diagonal(distance, 0)
    for parent, child in layout.bones:
        distance[parent, child] = distance[child, parent] = 1
    for via in range(joints):
        distance = np.minimum(distance, distance[:, via : via + 1] + distance[via])
    return np.maximum(np.exp(-BONE_DECAY * distance), MIN_WEIGHT).astype(np.float32)
