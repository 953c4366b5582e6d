"""Streams: the views of a normalised pose that a network reads.

They are computed inside the model, after augmentation.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf

from data.layouts import Layout
from transform_module.ops import root_weights

FAST_FRAMES = 4
"""Number of frames between the two positions that fast motion compares; slow motion compares adjacent frames."""

MIN_SQUARED_LENGTH = 1e-6
"""Term added to squared lengths, so that the square root has a finite slope at 0."""


def compute_streams(pose: tf.Tensor, layout: Layout, names: Sequence[str]) -> list[tf.Tensor]:
    """Compute the streams with the given names.

    - `joints`: position of each joint relative to the root, and position of the root.
    - `bones`: vector of each bone from parent to child.
    - `slow`, `fast`: movement of each joint within 1 frame and within `FAST_FRAMES` frames; 0 at the window's end.
    - `bones_slow`, `bones_fast`: change of each bone's vector within the same numbers of frames.
    - `distances`: distance between any two joints, which does not depend on the person's position and direction.
    - `angles`: cosine of the angle between any two bones that meet at a joint, which does not depend on them either.

    Args:
        pose: result of `ops.normalise`, float32 `[N, T, J, D]`.
        layout: joint layout of the pose.
        names: names of the streams.

    Returns:
        One stream per name, float32 `[N, T, 1, F]`.
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
    """Compute the streams of each joint, for networks that have a joint axis.

    Args:
        pose: result of `ops.normalise`, float32 `[N, T, J, D]`.
        layout: joint layout of the pose.

    Returns:
        Five vectors per joint, float32 `[N, T, J, 5 D]`: its position relative to the root and to its parent, its slow
        and fast motion, and the position of the root.
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
    # The constant matrix takes 15 KB for 20 joints. Gathering joints needs none, but takes 0.1 ms longer per window.
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
    """Return the joints that share a bone with this joint."""
    return [b if a == joint else a for a, b in layout.bones if joint in (a, b)]


def _length(vectors: tf.Tensor) -> tf.Tensor:
    """Return the lengths of the vectors along axis 2, which are never 0."""
    return tf.sqrt(tf.reduce_sum(tf.square(vectors), axis=2, keepdims=True) + MIN_SQUARED_LENGTH)


def _from_root(layout: Layout) -> np.ndarray:
    """Return the weights of each joint relative to the root, and of the root, float32 `[J, J+1]`."""
    root = root_weights(layout)
    return np.concatenate([np.eye(len(layout.joints), dtype=np.float32) - root, root], axis=1)


def _differences(layout: Layout, pairs: Iterable[tuple[int, int]]) -> np.ndarray:
    """Return the weights of the second joint of each pair minus the first, float32 `[J, pairs]`."""
    pairs = list(pairs)
    weights = np.zeros((len(layout.joints), len(pairs)), np.float32)
    for i, (first, second) in enumerate(pairs):
        weights[first, i], weights[second, i] = -1, 1
    return weights
