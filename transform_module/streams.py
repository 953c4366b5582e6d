"""What the network looks at: views of a normalised pose, computed after augmentation and inside the shipped graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from data.layouts import Layout

FAST_FRAMES = 4
"""Frames that fast motion looks ahead; slow motion looks one."""


def compute_streams(pose: tf.Tensor, layout: Layout, names: Sequence[str]) -> list[tf.Tensor]:
    """Computes the streams.

    - `joints`: each joint as seen from the root, and the path of the root.
    - `bones`: vectors from parent to child.
    - `slow`, `fast`: how far each joint moves within one and `FAST_FRAMES` frames; 0 where the window ends.

    Args:
        pose: float32 `[N, T, J, D]` of `ops.normalise`.
        layout: whose joints they are.
        names: of the streams.

    Returns:
        One float32 `[N, T, 1, F]` a name.
    """
    by_joint = tf.transpose(pose, (0, 1, 3, 2))
    makers = {
        "joints": lambda: by_joint @ _from_root(layout),
        "bones": lambda: by_joint @ _from_parent(layout),
        "slow": lambda: _motion(by_joint, 1),
        "fast": lambda: _motion(by_joint, FAST_FRAMES),
    }
    frames = pose.shape[1]
    streams = [makers[name]() for name in names]
    return [tf.reshape(stream, (-1, frames, 1, stream.shape[2] * stream.shape[3])) for stream in streams]


def _motion(by_joint: tf.Tensor, frames: int) -> tf.Tensor:
    return tf.pad(by_joint[:, frames:] - by_joint[:, :-frames], [[0, 0], [0, frames], [0, 0], [0, 0]])


def _from_root(layout: Layout) -> np.ndarray:
    """Float32 `[J, J+1]`: joints minus root, and the root."""
    joints = len(layout.joints)
    root = np.zeros((joints, 1), np.float32)
    root[list(layout.root)] = 1 / len(layout.root)
    return np.concatenate([np.eye(joints, dtype=np.float32) - root, root], axis=1)


def _from_parent(layout: Layout) -> np.ndarray:
    """Float32 `[J, bones]`."""
    weights = np.zeros((len(layout.joints), len(layout.bones)), np.float32)
    for i, (parent, child) in enumerate(layout.bones):
        weights[parent, i], weights[child, i] = -1, 1
    return weights
