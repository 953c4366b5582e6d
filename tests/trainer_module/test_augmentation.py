from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from data.errors import InputError
from data.layouts import load_layout
from trainer_module.augmentation import augment
from trainer_module.mirrored_labels import mirrored_labels
from trainer_module.training_config import AugmentationConfig

LABELS = ("a", "b")
NO_CHANGE = AugmentationConfig(
    mirror=0,
    exchange=0,
    crop=0,
    warp=0,
    yaw=0,
    tilt=0,
    scale=0,
    stretch=0,
    bones=0,
    jitter=0,
    offset=0,
    joint_dropout=0,
    mixing=0,
)


def poses(layout: str, dimensions: int) -> np.ndarray:
    random = np.random.default_rng(3)
    joints = load_layout(layout).joints
    pose = random.normal(size=(8, 1, len(joints), dimensions)) + 0.1 * random.normal(
        size=(8, 20, len(joints), dimensions)
    ).cumsum(axis=1)
    return (pose - pose[:, :, list(load_layout(layout).root)].mean(axis=(1, 2), keepdims=True)).astype(np.float32)


def augmented(pose: np.ndarray, layout: str, config: AugmentationConfig, seed: int = 5) -> np.ndarray:
    target = tf.one_hot(np.arange(len(pose)) % 2, 2)
    seeded = tf.constant(seed, tf.int64)
    return augment(tf.constant(pose), target, seeded, load_layout(layout), LABELS, config)[0].numpy()


def only(**values: float) -> AugmentationConfig:
    return NO_CHANGE.model_copy(update=values)


def bone_lengths(pose: np.ndarray, layout: str) -> np.ndarray:
    parents, children = np.array(load_layout(layout).bones).T
    return np.linalg.norm(pose[:, :, children] - pose[:, :, parents], axis=-1)


@pytest.mark.parametrize(("layout", "dimensions"), [("coco17", 2), ("kinect20", 3)])
def test_a_strength_of_zero_changes_nothing(layout: str, dimensions: int) -> None:
    pose = poses(layout, dimensions)
    np.testing.assert_allclose(augmented(pose, layout, NO_CHANGE), pose, atol=1e-4)


@pytest.mark.parametrize(("layout", "dimensions"), [("coco17", 2), ("kinect20", 3)])
def test_mirroring_swaps_left_and_right(layout: str, dimensions: int) -> None:
    pose = poses(layout, dimensions)
    expected = pose[:, :, list(load_layout(layout).mirror)] * np.array([-1, 1, 1][:dimensions])
    np.testing.assert_allclose(augmented(pose, layout, only(mirror=1.0)), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("layout", "dimensions", "rotations"), [("coco17", 2, {"tilt": 1.0}), ("kinect20", 3, {"yaw": 3.0, "tilt": 1.0})]
)
def test_rotation_keeps_the_length_of_every_bone(layout: str, dimensions: int, rotations: dict[str, float]) -> None:
    pose = poses(layout, dimensions)
    rotated = augmented(pose, layout, only(**rotations))
    assert np.abs(rotated - pose).max() > 0.1
    np.testing.assert_allclose(bone_lengths(rotated, layout), bone_lengths(pose, layout), atol=1e-4)


def test_bones_change_their_length_equally_left_and_right_and_in_all_frames() -> None:
    pose = poses("coco17", 2)
    ratio = bone_lengths(augmented(pose, "coco17", only(bones=0.1)), "coco17") / bone_lengths(pose, "coco17")
    np.testing.assert_allclose(ratio, np.repeat(ratio[:, :1], ratio.shape[1], axis=1), rtol=1e-2)
    bones, mirror = load_layout("coco17").bones, load_layout("coco17").mirror
    mirrored = [bones.index((mirror[parent], mirror[child])) for parent, child in bones]
    np.testing.assert_allclose(ratio, ratio[:, :, mirrored], rtol=1e-2)
    assert ratio.std() > 0.03


@pytest.mark.parametrize(
    ("layout", "active", "resting"),
    [
        ("kinect20", {"right_elbow", "right_wrist", "right_hand"}, {"left_elbow", "left_wrist", "left_hand"}),
        ("coco17", {"right_elbow", "right_wrist"}, {"left_knee", "left_ankle"}),
    ],
)
def test_resting_limbs_are_exchanged_and_active_ones_are_not(layout: str, active: set[str], resting: set[str]) -> None:
    joints, bones = load_layout(layout).joints, load_layout(layout).bones
    pose = np.repeat(poses(layout, 2)[:, :1], 20, axis=1)
    swing = np.sin(np.linspace(0, 6, 20, dtype=np.float32))
    for joint in active:
        pose[:, :, joints.index(joint), 0] += swing
    result = augmented(pose, layout, only(exchange=1.0))

    def vectors(of: np.ndarray, children: set[str]) -> np.ndarray:
        pairs = np.array([bone for bone in bones if joints[bone[1]] in children])
        return of[:, :, pairs[:, 1]] - of[:, :, pairs[:, 0]]

    np.testing.assert_allclose(vectors(result, active), vectors(pose, active), atol=1e-4)
    np.testing.assert_allclose(vectors(result, resting), vectors(pose, resting)[::-1], atol=1e-4)


def test_cropping_and_warping_keep_the_order_of_frames() -> None:
    time = np.linspace(0, 1, 20, dtype=np.float32)
    pose = np.broadcast_to(time[np.newaxis, :, np.newaxis, np.newaxis], (8, 20, 17, 2))
    result = augmented(pose, "coco17", only(crop=0.5, warp=0.9))[:, :, 0, 0]
    assert (np.diff(result, axis=1) >= -1e-6).all()
    span = result[:, -1] - result[:, 0]
    assert (span >= 0.5 - 1e-5).all()
    assert (span <= 1 + 1e-5).all()


def test_the_same_seed_gives_the_same_result() -> None:
    pose = poses("kinect20", 3)
    config = AugmentationConfig()
    first = augmented(pose, "kinect20", config)
    np.testing.assert_array_equal(first, augmented(pose, "kinect20", config))
    assert np.isfinite(first).all()
    assert np.abs(first - augmented(pose, "kinect20", config, seed=6)).max() > 0.1


def test_a_label_that_names_a_side_is_swapped_in_mirrored_windows() -> None:
    labels = ("wave_left_hand", "bow", "wave_right_hand", "turn_left_right")
    assert mirrored_labels((*labels, "turn_right_left")) == [2, 1, 0, 4, 3]
    with pytest.raises(InputError, match="would need the label turn_right_left, which does not exist"):
        mirrored_labels(labels)

    pose, target = np.zeros((3, 20, 17, 2), np.float32), tf.one_hot([0, 1, 2], 3)
    seed, layout = tf.constant(1, tf.int64), load_layout("coco17")
    for config, expected in ((only(mirror=1.0), [2, 1, 0]), (only(), [0, 1, 2])):
        _, shown = augment(tf.constant(pose), target, seed, layout, labels[:3], config)
        assert shown.numpy().argmax(axis=1).tolist() == expected


def test_mixing_mixes_targets_like_poses() -> None:
    pose = np.zeros((4, 20, 17, 2), np.float32)
    target = tf.one_hot([0, 0, 1, 1], 2)
    seed, layout = tf.constant(1, tf.int64), load_layout("coco17")
    _, mixed = augment(tf.constant(pose), target, seed, layout, LABELS, only(mixing=1.0))
    np.testing.assert_allclose(mixed.numpy().sum(axis=1), 1, atol=1e-6)
    assert (mixed.numpy().argmax(axis=1) == [0, 0, 1, 1]).all()
    assert mixed.numpy().max(axis=1).min() < 0.999
