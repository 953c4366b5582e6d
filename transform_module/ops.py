"""Raw keypoints to a normalised pose, as a few graph operators that TFLite has built in.

A device runs this before every inference, so what is linear is folded into constant matrices: 20 joints cost as much
as one. It stays in float32: pixels and metres have no common scale that int8 could have.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from data.layouts import Layout
from transform_module.config import TransformConfig

MEMORY = 1.0
"""A frame further away says so many nepers less about where a missing joint is ..."""

KINSHIP = 8.0
"""... and a bone further away so many: another joint is asked when the joint itself was not seen for 8 frames."""

FLOOR = 1e-9
"""Weight of the furthest frame or joint: small, but a joint never seen is still put where the person is."""

TINY = 1e-12
"""Keeps a division of nothing by nothing at nothing."""


def normalise(keypoints: tf.Tensor, layout: Layout, config: TransformConfig) -> tf.Tensor:
    """Imputes, centres at the root's mean, scales by the torso and, if three-dimensional, turns towards the camera.

    The result does not depend on where the person is, how large, nor, with `align_view`, how turned about the vertical,
    nor, with `align_upright`, how the camera is tilted, nor, with `align_side`, which hand they use.

    Args:
        keypoints: float32 `[N, T, J, D+1]`, confidence last.
        layout: whose joints they are.
        config: what is aligned; turns are ignored in two dimensions.

    Returns:
        float32 `[N, T, J, D]` in torso lengths.
    """
    dimensions = keypoints.shape[3] - 1
    # [N, T, D, J]: the joint axis last, for constant matrices.
    pose = impute(keypoints, layout, config.confidence_threshold)
    landmarks = pose @ _landmark_weights(layout)
    root, torso = landmarks[..., 0:1], landmarks[..., 1:2]
    centred = pose - tf.reduce_mean(root, axis=1, keepdims=True)
    squared_length = tf.reduce_mean(tf.reduce_sum(tf.square(torso), axis=2, keepdims=True), axis=1, keepdims=True)
    centred *= tf.math.rsqrt(squared_length + TINY)
    if config.align_side:
        centred = _lead_with_the_right(centred, layout)
    turned = tf.transpose(centred, (0, 1, 3, 2))
    if dimensions == 2 or not config.align_view:
        return turned
    axes = tf.reduce_mean(centred @ _axis_weights(layout), axis=1)  # [N, 3, 2]
    across, vertical = axes[:, :, 0], axes[:, :, 1]
    if not config.align_upright:
        vertical = tf.zeros_like(across) + np.array([0, 1, 0], np.float32)
    return _turn(turned, across, vertical)


def centre(pose: tf.Tensor, layout: Layout) -> tf.Tensor:
    """Moves poses, float32 `[N, T, J, D]`, so that the mean of their root over the window is at 0."""
    return pose - tf.reduce_mean(tf.gather(pose, layout.root, axis=2), axis=(1, 2), keepdims=True)


def impute(keypoints: tf.Tensor, layout: Layout, confidence_threshold: float) -> tf.Tensor:
    """Puts joints that were not seen where the joints and frames around them say.

    The estimate is the mean of everything seen, weighted by closeness in time and along the skeleton. A joint of low
    confidence is blended with it in proportion.

    Returns:
        float32 `[N, T, D, J]`: note the order of the axes.
    """
    frames, joints, channels = keypoints.shape[1:]
    by_joint = tf.transpose(keypoints, (0, 1, 3, 2))
    position, confidence = by_joint[:, :, :-1], by_joint[:, :, -1:]
    seen = tf.minimum(confidence * (1 / confidence_threshold), 1.0)
    evidence = tf.concat([position * seen, seen], axis=2)
    evidence = _closeness_in_time(frames) @ tf.reshape(evidence, (-1, frames, channels * joints))
    evidence = tf.reshape(evidence, (-1, frames, channels, joints)) @ _closeness_of_joints(layout)
    estimate = evidence[:, :, :-1] / tf.maximum(evidence[:, :, -1:], FLOOR * FLOOR * TINY)
    return estimate + seen * (position - estimate)


def _lead_with_the_right(pose: tf.Tensor, layout: Layout) -> tf.Tensor:
    """Mirrors the windows in which the joints on the left travel further, as seen from the root.

    A window and its mirror image become the same, and what one person does with the left hand and another with the
    right does too.

    Args:
        pose: `[N, T, D, J]`.
        layout: whose joints they are.
    """
    joints = np.eye(len(layout.joints), dtype=np.float32)
    side = np.array([[(side == "left") - float(side == "right")] for side in layout.sides], np.float32)
    seen_from_root = pose @ (joints - root_weights(layout))
    steps = seen_from_root[:, 1:] - seen_from_root[:, :-1]
    path = tf.reduce_mean(tf.sqrt(tf.reduce_sum(tf.square(steps), axis=2, keepdims=True) + TINY), axis=1, keepdims=True)
    left_leads = tf.cast(path @ side > 0, tf.float32)  # [N, 1, 1, 1]
    swap = joints[:, list(layout.mirror)]
    signs = np.array([[-1], [1], [1]], np.float32)[: pose.shape[2]]
    return pose + left_leads * ((pose * signs) @ swap - pose)


def _turn(pose: tf.Tensor, across: tf.Tensor, vertical: tf.Tensor) -> tf.Tensor:
    """Turns poses so that `vertical` points along y and `across`, as far as it is level, along x.

    Args:
        pose: `[N, T, J, 3]`.
        across: `[N, 3]`, of any length.
        vertical: `[N, 3]`, of any length.
    """
    frames, joints = pose.shape[1:3]
    y = _unit(vertical)
    x = _unit(across - y * tf.reduce_sum(across * y, axis=1, keepdims=True))
    one_on = np.roll(np.eye(3, dtype=np.float32), 1, axis=0)  # (x, y, z) @ one_on = (y, z, x)
    z = (x @ one_on) * (y @ one_on.T) - (x @ one_on.T) * (y @ one_on)
    rotation = tf.stack([x, y, z], axis=2)
    turned = tf.reshape(pose, (-1, frames * joints, 3)) @ rotation
    return tf.reshape(turned, (-1, frames, joints, 3))


def _unit(vectors: tf.Tensor) -> tf.Tensor:
    """Vectors `[N, 3]` at length 1."""
    return vectors * tf.math.rsqrt(tf.reduce_sum(tf.square(vectors), axis=1, keepdims=True) + TINY)


def root_weights(layout: Layout) -> np.ndarray:
    """Float32 `[J, 1]`: the root as a mean of joints."""
    weights = np.zeros((len(layout.joints), 1), np.float32)
    weights[list(layout.root)] = 1 / len(layout.root)
    return weights


def _landmark_weights(layout: Layout) -> np.ndarray:
    """Float32 `[J, 2]`: the root and the torso's vector."""
    weights = np.zeros((len(layout.joints), 2), np.float32)
    weights[:, :1] = root_weights(layout)
    upper, lower = layout.torso
    weights[list(upper), 1] += 1 / len(upper)
    weights[list(lower), 1] -= 1 / len(lower)
    return weights


def _axis_weights(layout: Layout) -> np.ndarray:
    """Float32 `[J, 2]`: the vectors from right to left, and along the body in the direction of y."""
    weights = np.zeros((len(layout.joints), 2), np.float32)
    for part in ("shoulder", "hip"):
        weights[layout.index(f"left_{part}"), 0] = 1
        weights[layout.index(f"right_{part}"), 0] = -1
    ankles = [layout.index(name) for name in ("left_ankle", "right_ankle") if name in layout.joints]
    upper, lower = layout.torso[0], ankles or layout.torso[1]
    upwards = -1 if layout.y_down else 1
    weights[list(upper), 1] += upwards / len(upper)
    weights[list(lower), 1] -= upwards / len(lower)
    return weights


def _closeness_in_time(frames: int) -> np.ndarray:
    """Float32 `[T, T]`."""
    distance = np.abs(np.subtract.outer(np.arange(frames), np.arange(frames)))
    return np.maximum(np.exp(-MEMORY * distance), FLOOR).astype(np.float32)


def _closeness_of_joints(layout: Layout) -> np.ndarray:
    """Float32 `[J, J]`, by the number of bones between two joints."""
    joints = len(layout.joints)
    distance = np.full((joints, joints), np.inf)
    np.fill_diagonal(distance, 0)
    for parent, child in layout.bones:
        distance[parent, child] = distance[child, parent] = 1
    for via in range(joints):
        distance = np.minimum(distance, distance[:, via : via + 1] + distance[via])
    return np.maximum(np.exp(-KINSHIP * distance), FLOOR).astype(np.float32)
