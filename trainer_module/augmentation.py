"""Random changes of poses, for a whole batch at once, as TensorFlow operators.

All randomness comes from the batch's own seed, so that a pipeline with many threads is repeatable.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from data.layouts import Layout
from trainer_module.config import AugmentationConfig
from trainer_module.labels import mirrored_labels
from transform_module.ops import centre, impute

RESTING = 0.45
"""A limb rests that moves less than this share of what the window's busiest limb moves; found by trying."""


class Dice:
    """Random numbers for one batch: every call has a seed of its own, derived from the batch's."""

    def __init__(self, seed: tf.Tensor, batch: tf.Tensor) -> None:
        self._seed = seed
        self._batch = batch
        self._calls = 0

    def uniform(self, low: float, high: float, shape: tuple[int, ...] = ()) -> tf.Tensor:
        """Float32 `[N, *shape]`."""
        return tf.random.stateless_uniform((self._batch, *shape), self._next(), low, high)

    def normal(self, deviation: float, shape: tuple[int, ...] = ()) -> tf.Tensor:
        """Float32 `[N, *shape]`."""
        return tf.random.stateless_normal((self._batch, *shape), self._next(), stddev=deviation)

    def gamma(self, alpha: float, shape: tuple[int, ...] = ()) -> tf.Tensor:
        """Float32 `[N, *shape]`."""
        return tf.random.stateless_gamma((self._batch, *shape), self._next(), alpha)

    def _next(self) -> tf.Tensor:
        self._calls += 1
        return tf.stack([self._seed, tf.constant(self._calls, tf.int64)])


def augment(
    pose: tf.Tensor,
    target: tf.Tensor,
    seed: tf.Tensor,
    layout: Layout,
    labels: Sequence[str],
    config: AugmentationConfig,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Changes a batch of windows.

    Args:
        pose: float32 `[N, T, J, D]` of `transform_module.ops.normalise`.
        target: float32 `[N, classes]`.
        seed: int64 scalar.
        layout: whose joints they are.
        labels: names of the classes; of a mirrored window `left` and `right` in its label change places.
        config: how much of what.

    Returns:
        Pose and target, of the same shapes.
    """
    dice = Dice(seed, tf.shape(pose)[0])
    pose = _exchange_resting_limbs(pose, dice, layout, config)
    pose = _cut_and_warp(pose, dice, config)
    pose = _hide_joints(pose, dice, layout, config)
    pose, target = _mirror(pose, target, dice, layout, labels, config)
    pose = _change_bones(pose, dice, layout, config)
    pose = _turn(pose, dice, config)
    pose = _stretch(pose, dice, config)
    pose = _disturb(pose, dice, config)
    # Where a window was cut, its path no longer starts where the whole one did.
    return _mix(centre(pose, layout), target, dice, config)


def _exchange_resting_limbs(pose: tf.Tensor, dice: Dice, layout: Layout, config: AugmentationConfig) -> tf.Tensor:
    """Takes limbs that rest from another window of the batch where they rest, too: they are no part of the action."""
    if not config.exchange:
        return pose
    limbs = _limbs(layout)
    vectors = _bone_vectors(pose, layout)
    moved = tf.reduce_mean(tf.norm(vectors[:, 1:] - vectors[:, :-1], axis=-1), axis=1) @ (limbs / limbs.sum(axis=0))
    rests = moved < RESTING * tf.reduce_max(moved, axis=1, keepdims=True)
    taken = rests & rests[::-1] & (dice.uniform(0, 1, (limbs.shape[1],)) < config.exchange)
    change = tf.matmul(tf.cast(taken, tf.float32), limbs, transpose_b=True)[:, tf.newaxis, :, tf.newaxis]
    return pose + _hanging_on(layout) @ (change * (vectors[::-1] - vectors))


def _cut_and_warp(pose: tf.Tensor, dice: Dice, config: AugmentationConfig) -> tf.Tensor:
    """Takes a part of the window, faster here and slower there, and stretches it to the whole."""
    frames = pose.shape[1]
    share = dice.uniform(1 - config.crop, 1, (1,))
    start = dice.uniform(0, 1, (1,)) * (1 - share)
    even = np.linspace(0, 1, frames, dtype=np.float32)[np.newaxis]
    # Together they change the speed by `warp` at the most: below 1, time never runs backwards.
    bend = dice.uniform(-config.warp / 2, config.warp / 2, (2,))
    time = even + (bend[:, :1] * np.sin(np.pi * even) + bend[:, 1:] * np.sin(2 * np.pi * even) / 2) / np.pi
    place = tf.clip_by_value((start + share * time) * (frames - 1), 0, frames - 1)
    before = tf.floor(place)
    weight = (place - before)[:, :, tf.newaxis, tf.newaxis]
    index = tf.cast(before, tf.int32)
    left = tf.gather(pose, index, batch_dims=1)
    right = tf.gather(pose, tf.minimum(index + 1, frames - 1), batch_dims=1)
    return left + weight * (right - left)


def _hide_joints(pose: tf.Tensor, dice: Dice, layout: Layout, config: AugmentationConfig) -> tf.Tensor:
    """In half of the windows hides some joints for a while, others now and then, and imputes them as a device does."""
    frames, joints = pose.shape[1:3]
    most = config.joint_dropout
    share = dice.uniform(-most, most, (1, 1))
    chosen = dice.uniform(0, 1, (1, joints)) < share
    start = dice.uniform(-0.5, 1, (1, 1))
    now = np.linspace(0, 1, frames, dtype=np.float32)[np.newaxis, :, np.newaxis]
    absent = chosen & (now >= start) & (now <= start + dice.uniform(0.2, 1.5, (1, 1)))
    absent |= dice.uniform(0, 1, (frames, joints)) < share
    seen = tf.cast(~absent, tf.float32)[..., tf.newaxis]
    imputed = impute(tf.concat([pose, seen], axis=-1), layout, 1.0)
    return tf.transpose(imputed, (0, 1, 3, 2))


def _mirror(
    pose: tf.Tensor,
    target: tf.Tensor,
    dice: Dice,
    layout: Layout,
    labels: Sequence[str],
    config: AugmentationConfig,
) -> tuple[tf.Tensor, tf.Tensor]:
    if not config.mirror:
        return pose, target
    signs = np.array([-1, 1, 1][: pose.shape[3]], np.float32)
    mirrored = dice.uniform(0, 1, (1, 1, 1)) < config.mirror
    return (
        tf.where(mirrored, tf.gather(pose, layout.mirror, axis=2) * signs, pose),
        tf.where(mirrored[:, 0, 0], tf.gather(target, mirrored_labels(labels), axis=1), target),
    )


def _change_bones(pose: tf.Tensor, dice: Dice, layout: Layout, config: AugmentationConfig) -> tf.Tensor:
    """Lengthens and shortens bones, left like right; what hangs on a bone moves with it."""
    mirrored = [layout.bones.index((layout.mirror[parent], layout.mirror[child])) for parent, child in layout.bones]
    factor = dice.normal(config.bones / np.sqrt(2), (1, len(layout.bones), 1))
    factor += tf.gather(factor, mirrored, axis=2)
    return pose + _hanging_on(layout) @ (_bone_vectors(pose, layout) * factor)


def _bone_vectors(pose: tf.Tensor, layout: Layout) -> tf.Tensor:
    """From parent to child, float32 `[N, T, bones, D]`."""
    parents, children = np.array(layout.bones).T
    return tf.gather(pose, children, axis=2) - tf.gather(pose, parents, axis=2)


def _hanging_on(layout: Layout) -> np.ndarray:
    """Float32 `[J, bones]`: 1 where the joint moves when the bone grows."""
    weights = np.zeros((len(layout.joints), len(layout.bones)), np.float32)
    for bone, (parent, child) in enumerate(layout.bones):
        weights[child] = weights[parent]
        weights[child, bone] = 1
    return weights


def _limbs(layout: Layout) -> np.ndarray:
    """Float32 `[bones, limbs]`: 1 where the bone belongs to the limb.

    The trunk, in layouts that have bones there, is the first. Another starts at every joint with a side whose parent
    has none, or that is part of the torso: arms and legs, and in some layouts the sides of the head.
    """
    starts = {*layout.torso[0], *layout.torso[1]}
    limb_of, limbs = [0] * len(layout.joints), 1
    for parent, child in layout.bones:
        limb_of[child] = limb_of[parent]
        if layout.sides[child] != "centre" and (layout.sides[parent] == "centre" or child in starts):
            limb_of[child], limbs = limbs, limbs + 1
    belongs = np.eye(limbs, dtype=np.float32)[[limb_of[child] for _, child in layout.bones]]
    return belongs[:, belongs.any(axis=0)]


def _turn(pose: tf.Tensor, dice: Dice, config: AugmentationConfig) -> tf.Tensor:
    if pose.shape[3] == 2:
        return tf.einsum("ntjd,nde->ntje", pose, _rotation(dice.uniform(-config.tilt, config.tilt), (0, 1), 2))
    turn = _rotation(dice.uniform(-config.tilt, config.tilt), (0, 1), 3)
    turn @= _rotation(dice.uniform(-config.tilt, config.tilt), (1, 2), 3)
    turn @= _rotation(dice.uniform(-config.yaw, config.yaw), (0, 2), 3)
    return tf.einsum("ntjd,nde->ntje", pose, turn)


def _rotation(angle: tf.Tensor, plane: tuple[int, int], dimensions: int) -> tf.Tensor:
    """Rotation matrices `[N, dimensions, dimensions]` in the plane of two axes."""
    first, second = plane
    cosine, sine = np.zeros((2, dimensions, dimensions), np.float32)
    cosine[first, first] = cosine[second, second] = 1
    sine[first, second], sine[second, first] = 1, -1
    angle = angle[:, tf.newaxis, tf.newaxis]
    rest = np.eye(dimensions, dtype=np.float32) - cosine
    return tf.cos(angle) * cosine + tf.sin(angle) * sine + rest


def _stretch(pose: tf.Tensor, dice: Dice, config: AugmentationConfig) -> tf.Tensor:
    along_axes = dice.normal(config.stretch, (1, 1, pose.shape[3]))
    return pose * tf.exp(along_axes + dice.normal(config.scale, (1, 1, 1)))


def _disturb(pose: tf.Tensor, dice: Dice, config: AugmentationConfig) -> tf.Tensor:
    frames, joints, dimensions = pose.shape[1:]
    jitter = dice.normal(config.jitter, (frames, joints, dimensions)) * dice.uniform(0, 1, (1, 1, 1))
    return pose + jitter + dice.normal(config.offset, (1, joints, dimensions)) * dice.uniform(0, 1, (1, 1, 1))


def _mix(pose: tf.Tensor, target: tf.Tensor, dice: Dice, config: AugmentationConfig) -> tuple[tf.Tensor, tf.Tensor]:
    """Mixup: blends each window with another of the batch.

    Reference: Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018.
    """
    if not config.mixing:
        return pose, target
    draws = dice.gamma(config.mixing, (2,)) + 1e-8
    share = tf.reduce_max(draws, axis=1) / tf.reduce_sum(draws, axis=1)
    other = 1 - share
    return (
        share[:, tf.newaxis, tf.newaxis, tf.newaxis] * pose + other[:, tf.newaxis, tf.newaxis, tf.newaxis] * pose[::-1],
        share[:, tf.newaxis] * target + other[:, tf.newaxis] * target[::-1],
    )
