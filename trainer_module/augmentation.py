"""Augmentation: random changes of poses, for a whole batch at once, as TensorFlow operators.

All random numbers of a batch are derived from its seed, so that training is repeatable with any number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from data.layouts import Layout
from trainer_module.mirrored_labels import mirrored_labels
from trainer_module.training_config import AugmentationConfig
from transform_module.ops import centre, impute

RESTING_LIMIT = 0.45
"""A limb is resting if it moves less than this share of the window's most active limb; found by experiment."""


class RandomSource:
    """Random numbers for one batch: each call has its own seed, derived from the seed of the batch.

    Args:
        seed: seed of the batch, int64 scalar.
        batch: number of windows in the batch, int32 scalar.
    """

    def __init__(self, seed: tf.Tensor, batch: tf.Tensor) -> None:
        self._seed = seed
        self._batch = batch
        self._calls = 0

    def uniform(self, low: float, high: float, shape: tuple[int, ...] = ()) -> tf.Tensor:
        """Return uniform numbers from `low` to `high`, float32 `[N, *shape]`."""
        return tf.random.stateless_uniform((self._batch, *shape), self._next(), low, high)

    def normal(self, deviation: float, shape: tuple[int, ...] = ()) -> tf.Tensor:
        """Return normal numbers with mean 0 and a standard deviation, float32 `[N, *shape]`."""
        return tf.random.stateless_normal((self._batch, *shape), self._next(), stddev=deviation)

    def gamma(self, alpha: float, shape: tuple[int, ...] = ()) -> tf.Tensor:
        """Return gamma-distributed numbers of shape parameter `alpha` and rate 1, float32 `[N, *shape]`."""
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
    """Apply all random changes to a batch of windows.

    Args:
        pose: result of `transform_module.ops.normalise`, float32 `[N, T, J, D]`.
        target: share of each class, float32 `[N, classes]`.
        seed: seed of the batch, int64 scalar.
        layout: joint layout of the poses.
        labels: names of the classes; mirroring a window swaps `left` and `right` in its label.
        config: strength of each change.

    Returns:
        Changed pose and target, of the same shapes.
    """
    random = RandomSource(seed, tf.shape(pose)[0])
    pose = _exchange_resting_limbs(pose, random, layout, config)
    pose = _crop_and_warp(pose, random, config)
    pose = _hide_joints(pose, random, layout, config)
    pose, target = _mirror(pose, target, random, layout, labels, config)
    pose = _change_bones(pose, random, layout, config)
    pose = _rotate(pose, random, config)
    pose = _resize(pose, random, config)
    pose = _add_noise(pose, random, config)
    # Cropping changes the mean position of the root, which `normalise` had put at 0.
    return _mix(centre(pose, layout), target, random, config)


def _exchange_resting_limbs(
    pose: tf.Tensor, random: RandomSource, layout: Layout, config: AugmentationConfig
) -> tf.Tensor:
    """Replace resting limbs, which are not part of the action, by those of another window where they rest too."""
    if not config.exchange:
        return pose
    limbs = _limbs(layout)
    vectors = _bone_vectors(pose, layout)
    moved = tf.reduce_mean(tf.norm(vectors[:, 1:] - vectors[:, :-1], axis=-1), axis=1) @ (limbs / limbs.sum(axis=0))
    rests = moved < RESTING_LIMIT * tf.reduce_max(moved, axis=1, keepdims=True)
    exchanged = rests & rests[::-1] & (random.uniform(0, 1, (limbs.shape[1],)) < config.exchange)
    change = tf.matmul(tf.cast(exchanged, tf.float32), limbs, transpose_b=True)[:, tf.newaxis, :, tf.newaxis]
    return pose + _descendants(layout) @ (change * (vectors[::-1] - vectors))


def _crop_and_warp(pose: tf.Tensor, random: RandomSource, config: AugmentationConfig) -> tf.Tensor:
    """Crop each window in time and stretch the rest to full length, at a speed that varies within the window."""
    frames = pose.shape[1]
    share = random.uniform(1 - config.crop, 1, (1,))
    start = random.uniform(0, 1, (1,)) * (1 - share)
    even = np.linspace(0, 1, frames, dtype=np.float32)[np.newaxis]
    # The two terms change the speed by at most the factor `warp`; as it is below 1, time never runs backwards.
    bend = random.uniform(-config.warp / 2, config.warp / 2, (2,))
    time = even + (bend[:, :1] * np.sin(np.pi * even) + bend[:, 1:] * np.sin(2 * np.pi * even) / 2) / np.pi
    place = tf.clip_by_value((start + share * time) * (frames - 1), 0, frames - 1)
    before = tf.floor(place)
    weight = (place - before)[:, :, tf.newaxis, tf.newaxis]
    index = tf.cast(before, tf.int32)
    left = tf.gather(pose, index, batch_dims=1)
    right = tf.gather(pose, tf.minimum(index + 1, frames - 1), batch_dims=1)
    return left + weight * (right - left)


def _hide_joints(pose: tf.Tensor, random: RandomSource, layout: Layout, config: AugmentationConfig) -> tf.Tensor:
    """Hide some joints for a period and others in single frames, in about half of the windows, and impute them."""
    frames, joints = pose.shape[1:3]
    most = config.joint_dropout
    share = random.uniform(-most, most, (1, 1))
    chosen = random.uniform(0, 1, (1, joints)) < share
    start = random.uniform(-0.5, 1, (1, 1))
    now = np.linspace(0, 1, frames, dtype=np.float32)[np.newaxis, :, np.newaxis]
    absent = chosen & (now >= start) & (now <= start + random.uniform(0.2, 1.5, (1, 1)))
    absent |= random.uniform(0, 1, (frames, joints)) < share
    seen = tf.cast(~absent, tf.float32)[..., tf.newaxis]
    imputed = impute(tf.concat([pose, seen], axis=-1), layout, 1.0)
    return tf.transpose(imputed, (0, 1, 3, 2))


def _mirror(
    pose: tf.Tensor,
    target: tf.Tensor,
    random: RandomSource,
    layout: Layout,
    labels: Sequence[str],
    config: AugmentationConfig,
) -> tuple[tf.Tensor, tf.Tensor]:
    if not config.mirror:
        return pose, target
    signs = np.array([-1, 1, 1][: pose.shape[3]], np.float32)
    mirrored = random.uniform(0, 1, (1, 1, 1)) < config.mirror
    return (
        tf.where(mirrored, tf.gather(pose, layout.mirror, axis=2) * signs, pose),
        tf.where(mirrored[:, 0, 0], tf.gather(target, mirrored_labels(labels), axis=1), target),
    )


def _change_bones(pose: tf.Tensor, random: RandomSource, layout: Layout, config: AugmentationConfig) -> tf.Tensor:
    """Change the length of bones, the same on the left and the right; joints further out move along."""
    mirrored = [layout.bones.index((layout.mirror[parent], layout.mirror[child])) for parent, child in layout.bones]
    factor = random.normal(config.bones / np.sqrt(2), (1, len(layout.bones), 1))
    factor += tf.gather(factor, mirrored, axis=2)
    return pose + _descendants(layout) @ (_bone_vectors(pose, layout) * factor)


def _bone_vectors(pose: tf.Tensor, layout: Layout) -> tf.Tensor:
    """Return the vector of each bone from parent to child, float32 `[N, T, bones, D]`."""
    parents, children = np.array(layout.bones).T
    return tf.gather(pose, children, axis=2) - tf.gather(pose, parents, axis=2)


def _descendants(layout: Layout) -> np.ndarray:
    """Return float32 `[J, bones]`: 1 where the joint moves when the bone gets longer, else 0."""
    weights = np.zeros((len(layout.joints), len(layout.bones)), np.float32)
    for bone, (parent, child) in enumerate(layout.bones):
        weights[child] = weights[parent]
        weights[child, bone] = 1
    return weights


def _limbs(layout: Layout) -> np.ndarray:
    """Return float32 `[bones, limbs]`: 1 where the bone belongs to the limb, else 0.

    The first limb is the trunk, in layouts that have bones there. Another limb starts at each left or right joint whose
    parent is central or which is part of the torso: arms, legs, and in some layouts the sides of the head.
    """
    starts = {*layout.torso[0], *layout.torso[1]}
    limb_of, limbs = [0] * len(layout.joints), 1
    for parent, child in layout.bones:
        limb_of[child] = limb_of[parent]
        if layout.sides[child] != "centre" and (layout.sides[parent] == "centre" or child in starts):
            limb_of[child], limbs = limbs, limbs + 1
    belongs = np.eye(limbs, dtype=np.float32)[[limb_of[child] for _, child in layout.bones]]
    return belongs[:, belongs.any(axis=0)]


def _rotate(pose: tf.Tensor, random: RandomSource, config: AugmentationConfig) -> tf.Tensor:
    if pose.shape[3] == 2:
        return tf.einsum("ntjd,nde->ntje", pose, _rotation(random.uniform(-config.tilt, config.tilt), (0, 1), 2))
    rotation = _rotation(random.uniform(-config.tilt, config.tilt), (0, 1), 3)
    rotation @= _rotation(random.uniform(-config.tilt, config.tilt), (1, 2), 3)
    rotation @= _rotation(random.uniform(-config.yaw, config.yaw), (0, 2), 3)
    return tf.einsum("ntjd,nde->ntje", pose, rotation)


def _rotation(angle: tf.Tensor, plane: tuple[int, int], dimensions: int) -> tf.Tensor:
    """Return matrices of rotations in the plane of two axes, float32 `[N, dimensions, dimensions]`."""
    first, second = plane
    cosine, sine = np.zeros((2, dimensions, dimensions), np.float32)
    cosine[first, first] = cosine[second, second] = 1
    sine[first, second], sine[second, first] = 1, -1
    angle = angle[:, tf.newaxis, tf.newaxis]
    rest = np.eye(dimensions, dtype=np.float32) - cosine
    return tf.cos(angle) * cosine + tf.sin(angle) * sine + rest


def _resize(pose: tf.Tensor, random: RandomSource, config: AugmentationConfig) -> tf.Tensor:
    along_axes = random.normal(config.stretch, (1, 1, pose.shape[3]))
    return pose * tf.exp(along_axes + random.normal(config.scale, (1, 1, 1)))


def _add_noise(pose: tf.Tensor, random: RandomSource, config: AugmentationConfig) -> tf.Tensor:
    frames, joints, dimensions = pose.shape[1:]
    jitter = random.normal(config.jitter, (frames, joints, dimensions)) * random.uniform(0, 1, (1, 1, 1))
    return pose + jitter + random.normal(config.offset, (1, joints, dimensions)) * random.uniform(0, 1, (1, 1, 1))


def _mix(
    pose: tf.Tensor, target: tf.Tensor, random: RandomSource, config: AugmentationConfig
) -> tuple[tf.Tensor, tf.Tensor]:
    """Blend each window and its target with another of the batch (mixup).

    Reference: Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018.
    """
    if not config.mixing:
        return pose, target
    draws = random.gamma(config.mixing, (2,)) + 1e-8
    share = tf.reduce_max(draws, axis=1) / tf.reduce_sum(draws, axis=1)
    other = 1 - share
    return (
        share[:, tf.newaxis, tf.newaxis, tf.newaxis] * pose + other[:, tf.newaxis, tf.newaxis, tf.newaxis] * pose[::-1],
        share[:, tf.newaxis] * target + other[:, tf.newaxis] * target[::-1],
    )
