"""What the network looks at: views of a normalised pose, computed after augmentation and inside the shipped graph."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf

from data.layouts import Layout
from transform_module.ops import root_weights

FAST_FRAMES = 4
"""Frames that fast motion looks ahead; slow motion looks one."""

SHORTEST = 1e-6
"""Square of the shortest distance that is told from none."""


def compute_streams(pose: tf.Tensor, layout: Layout, names: Sequence[str]) -> list[tf.Tensor]:
    """Computes the streams.

    - `joints`: each joint as seen from the root, and the path of the root.
    - `bones`: vectors from parent to child.
    - `slow`, `fast`: how far each joint moves within one and `FAST_FRAMES` frames; 0 where the window ends.
    - `bones_slow`, `bones_fast`: the same of the bones.
    - `distances`: between any two joints; wherever the person is and however turned, they stay the same.
    - `angles`: cosine of the angle between two bones that meet in a joint, which stays the same too.

    Args:
        pose: float32 `[N, T, J, D]` of `ops.normalise`.
        layout: whose joints they are.
        names: of the streams.

    Returns:
        One float32 `[N, T, 1, F]` a name.
    """
    by_joint = tf.transpose(pose, (0, 1, 3, 2))
    bones = by_joint @ _differences(layout, layout.bones)
    makers = {
        "joints": lambda: by_joint @ _from_root(layout),
        "bones": lambda: bones,
        "bones_slow": lambda: _motion(bones, 1),
        "bones_fast": lambda: _motion(bones, FAST_FRAMES),
        "slow": lambda: _motion(by_joint, 1),
        "fast": lambda: _motion(by_joint, FAST_FRAMES),
        "distances": lambda: _distances(by_joint, layout),
        "angles": lambda: _angles(by_joint, layout),
    }
    frames = pose.shape[1]
    streams = [makers[name]() for name in names]
    return [tf.reshape(stream, (-1, frames, 1, stream.shape[2] * stream.shape[3])) for stream in streams]


def compute_joint_streams(pose: tf.Tensor, layout: Layout) -> tf.Tensor:
    """Computes the same views for networks that keep the joints apart.

    Args:
        pose: float32 `[N, T, J, D]` of `ops.normalise`.
        layout: whose joints they are.

    Returns:
        Float32 `[N, T, J, 5 D]`: each joint as seen from the root and from its parent, its slow and fast motion, and
        the path of the root.
    """
    by_joint = tf.transpose(pose, (0, 1, 3, 2))
    bones = np.zeros((len(layout.joints), len(layout.joints)), np.float32)
    bones[:, [child for _, child in layout.bones]] = _differences(layout, layout.bones)
    path = by_joint @ np.repeat(root_weights(layout), len(layout.joints), axis=1)
    views = [by_joint - path, by_joint @ bones, _motion(by_joint, 1), _motion(by_joint, FAST_FRAMES), path]
    return tf.transpose(tf.concat(views, axis=2), (0, 1, 3, 2))


def _motion(by_joint: tf.Tensor, frames: int) -> tf.Tensor:
    return tf.pad(by_joint[:, frames:] - by_joint[:, :-frames], [[0, 0], [0, frames], [0, 0], [0, 0]])


def _distances(by_joint: tf.Tensor, layout: Layout) -> tf.Tensor:
    # As a matrix 15 KB for 20 joints; gathered, nothing, but a window would take a tenth of a millisecond longer.
    return _length(by_joint @ _differences(layout, zip(*np.triu_indices(len(layout.joints), 1), strict=True)))


def _angles(by_joint: tf.Tensor, layout: Layout) -> tf.Tensor:
    pairs = [
        (joint, first, second)
        for joint in range(len(layout.joints))
        for first, second in itertools.combinations(_neighbours(layout, joint), 2)
    ]
    one = by_joint @ _differences(layout, [(joint, first) for joint, first, _ in pairs])
    other = by_joint @ _differences(layout, [(joint, second) for joint, _, second in pairs])
    return tf.reduce_sum(one * other, axis=2, keepdims=True) / (_length(one) * _length(other))


def _neighbours(layout: Layout, joint: int) -> list[int]:
    """The joints that a bone leads to."""
    return [b if a == joint else a for a, b in layout.bones if joint in (a, b)]


def _length(vectors: tf.Tensor) -> tf.Tensor:
    """Of vectors along axis 2; never 0, where a root has no slope."""
    return tf.sqrt(tf.reduce_sum(tf.square(vectors), axis=2, keepdims=True) + SHORTEST)


def _from_root(layout: Layout) -> np.ndarray:
    """Float32 `[J, J+1]`: joints minus root, and the root."""
    root = root_weights(layout)
    return np.concatenate([np.eye(len(layout.joints), dtype=np.float32) - root, root], axis=1)


def _differences(layout: Layout, pairs: Iterable[tuple[int, int]]) -> np.ndarray:
    """Float32 `[J, pairs]`: the second joint of a pair minus the first."""
    pairs = list(pairs)
    weights = np.zeros((len(layout.joints), len(pairs)), np.float32)
    for i, (first, second) in enumerate(pairs):
        weights[first, i], weights[second, i] = -1, 1
    return weights
