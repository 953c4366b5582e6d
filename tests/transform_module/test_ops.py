from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from data.layouts import Layout, layout_names, load_layout
from transform_module.config import TransformConfig
from transform_module.ops import normalise
from transform_module.streams import FAST_FRAMES, compute_joint_streams, compute_streams

FRAMES = 12
THRESHOLD = 0.1


def random_pose(layout: Layout, dimensions: int, seed: int = 0, count: int = 2) -> np.ndarray:
    """Return windows `[N, T, J, D+1]` of a body that moves a little, with all joints visible."""
    random = np.random.default_rng(seed)
    body = random.normal(size=(count, 1, len(layout.joints), dimensions))
    motion = 0.1 * random.normal(size=(count, FRAMES, len(layout.joints), dimensions)).cumsum(axis=1)
    pose = np.ones((count, FRAMES, len(layout.joints), dimensions + 1), np.float32)
    pose[..., :-1] = body + motion
    return pose


def normalised(keypoints: np.ndarray, layout: Layout, **aligned: bool) -> np.ndarray:
    return normalise(tf.constant(keypoints), layout, TransformConfig(confidence_threshold=THRESHOLD, **aligned)).numpy()


def mirrored(keypoints: np.ndarray, layout: Layout) -> np.ndarray:
    """Return mirrored windows `[N, T, J, C]`, with or without confidence as the last channel."""
    return keypoints[:, :, list(layout.mirror)] * np.array([-1, 1, 1, 1][: keypoints.shape[3]], np.float32)


def reference(keypoints: np.ndarray, layout: Layout, align_view: bool) -> np.ndarray:
    """Return the result of `normalise`, computed with NumPy, for windows with all joints visible."""
    position = keypoints[..., :-1].astype(np.float64)
    root = position[:, :, list(layout.root)].mean(axis=2).mean(axis=1)
    upper, lower = (position[:, :, list(joints)].mean(axis=2) for joints in layout.torso)
    length = np.sqrt((np.linalg.norm(upper - lower, axis=-1) ** 2).mean(axis=1))
    result = (position - root[:, None, None]) / length[:, None, None, None]
    if align_view and position.shape[-1] == 3:
        across = sum(
            (position[:, :, layout.index(f"left_{part}")] - position[:, :, layout.index(f"right_{part}")]).mean(axis=1)
            for part in ("shoulder", "hip")
        )
        angle = np.arctan2(across[:, 2], across[:, 0])[:, None, None]
        x, y, z = (result[..., i] for i in range(3))
        result = np.stack([x * np.cos(angle) + z * np.sin(angle), y, z * np.cos(angle) - x * np.sin(angle)], axis=-1)
    return result


def yaw(keypoints: np.ndarray, angle: float) -> np.ndarray:
    turned = keypoints.copy()
    x, z = keypoints[..., 0], keypoints[..., 2]
    turned[..., 0] = x * np.cos(angle) - z * np.sin(angle)
    turned[..., 2] = x * np.sin(angle) + z * np.cos(angle)
    return turned


@pytest.mark.parametrize(("name", "dimensions"), [("coco17", 2), ("kinect20", 3), ("openpose15", 2), ("uiprmd22", 3)])
@pytest.mark.parametrize("align_view", [True, False])
def test_normalise_agrees_with_numpy(name: str, dimensions: int, align_view: bool) -> None:
    layout = load_layout(name)
    keypoints = random_pose(layout, dimensions)
    np.testing.assert_allclose(
        normalised(keypoints, layout, align_view=align_view), reference(keypoints, layout, align_view), atol=2e-4
    )


@pytest.mark.parametrize("name", layout_names())
@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_result_does_not_depend_on_position_size_and_direction(name: str, dimensions: int) -> None:
    layout = load_layout(name)
    keypoints = random_pose(layout, dimensions)
    moved = keypoints.copy()
    moved[..., :-1] = 1.7 * moved[..., :-1] + np.arange(1, dimensions + 1)
    if dimensions == 3:
        moved = yaw(moved, 2.0)
    np.testing.assert_allclose(normalised(moved, layout), normalised(keypoints, layout), atol=2e-4)


@pytest.mark.parametrize(("name", "dimensions"), [("coco17", 2), ("kinect20", 3)])
def test_a_mirrored_person_gives_a_mirrored_pose(name: str, dimensions: int) -> None:
    layout = load_layout(name)
    keypoints = random_pose(layout, dimensions)
    np.testing.assert_allclose(
        normalised(mirrored(keypoints, layout), layout), mirrored(normalised(keypoints, layout), layout), atol=2e-4
    )


@pytest.mark.parametrize(("name", "dimensions"), [("coco17", 2), ("kinect20", 3)])
def test_the_right_side_moves_more_with_align_side_whichever_side_did(name: str, dimensions: int) -> None:
    layout = load_layout(name)
    keypoints = random_pose(layout, dimensions)
    wrist = keypoints[:, :, layout.index("right_wrist"), 0]
    wrist += np.sin(np.arange(FRAMES))
    by_the_right = normalised(keypoints, layout)
    for shown in (keypoints, mirrored(keypoints, layout)):
        np.testing.assert_allclose(normalised(shown, layout, align_side=True), by_the_right, atol=2e-4)


@pytest.mark.parametrize("name", layout_names())
def test_poses_are_upright_however_the_camera_was_tilted(name: str) -> None:
    layout = load_layout(name)
    keypoints = random_pose(layout, 3)
    turns, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(4, 3, 3)))
    turns *= np.linalg.det(turns)[:, None, None]  # no mirrors
    upright = normalised(keypoints, layout, align_upright=True)
    low = [layout.index(f"{side}_ankle") for side in ("left", "right") if f"{side}_ankle" in layout.joints]
    along = upright[:, :, layout.torso[0]].mean(axis=(1, 2)) - upright[:, :, low or layout.torso[1]].mean(axis=(1, 2))
    np.testing.assert_allclose(along[:, [0, 2]], 0, atol=1e-4)
    assert (along[:, 1] < 0).all() == layout.y_down
    for turn in turns:
        held = keypoints.copy()
        held[..., :3] @= turn.astype(np.float32)
        np.testing.assert_allclose(normalised(held, layout, align_upright=True), upright, atol=2e-3)
    np.testing.assert_allclose(
        normalised(mirrored(keypoints, layout), layout, align_upright=True), mirrored(upright, layout), atol=2e-4
    )


def test_a_hidden_joint_gets_its_position_from_the_frames_before_and_after() -> None:
    layout = load_layout("coco17")
    still = np.repeat(random_pose(layout, 2)[:, :1], FRAMES, axis=1)
    hidden = still.copy()
    hidden[:, 3:6, layout.index("left_wrist")] = 0
    np.testing.assert_allclose(normalised(hidden, layout), normalised(still, layout), atol=5e-3)


def test_a_joint_that_is_never_seen_gets_the_position_of_its_neighbour() -> None:
    layout = load_layout("coco17")
    keypoints = random_pose(layout, 2)
    wrist, elbow = layout.index("left_wrist"), layout.index("left_elbow")
    keypoints[:, :, wrist] = 0
    pose = normalised(keypoints, layout)
    np.testing.assert_allclose(pose[:, 1:-1, wrist], pose[:, 1:-1, elbow], atol=0.3)


def test_padding_repeats_the_last_pose() -> None:
    layout = load_layout("coco17")
    keypoints = random_pose(layout, 2)
    keypoints[:, 9:, :, :-1] = keypoints[:, 8:9, :, :-1]
    keypoints[:, 9:, :, -1] = 0
    pose = normalised(keypoints, layout)
    assert np.abs(pose[:, 11] - pose[:, 8]).max() < 0.2


def test_a_window_with_nobody_in_it_is_finite() -> None:
    layout = load_layout("kinect20")
    assert np.isfinite(normalised(np.zeros((1, FRAMES, 20, 4), np.float32), layout)).all()


def test_a_joint_of_low_confidence_hardly_counts() -> None:
    layout = load_layout("coco17")
    keypoints = random_pose(layout, 2)
    wild = keypoints.copy()
    wild[:, 5, 9] = (100, 100, THRESHOLD * 1e-4)
    np.testing.assert_allclose(normalised(wild, layout), normalised(keypoints, layout), atol=0.5)


@pytest.mark.parametrize("name", layout_names())
def test_streams_of_joints_bones_and_motion_agree_with_numpy(name: str) -> None:
    layout = load_layout(name)
    pose = normalised(random_pose(layout, 3), layout)
    joints, bones, slow, fast = compute_streams(tf.constant(pose), layout, ("joints", "bones", "slow", "fast"))

    def expected(values: np.ndarray) -> np.ndarray:
        """Reshape `[N, T, M, D]` to `[N, T, 1, D * M]`."""
        by_axis = np.moveaxis(values, 2, 3)
        return by_axis.reshape(*by_axis.shape[:2], 1, -1)

    root = pose[:, :, list(layout.root)].mean(axis=2, keepdims=True)
    np.testing.assert_allclose(joints, expected(np.concatenate([pose - root, root], axis=2)), atol=1e-4)
    parents, children = np.array(layout.bones).T
    np.testing.assert_allclose(bones, expected(pose[:, :, children] - pose[:, :, parents]), atol=1e-4)
    for motion, step in ((slow, 1), (fast, FAST_FRAMES)):
        moved = np.zeros_like(pose)
        moved[:, :-step] = pose[:, step:] - pose[:, :-step]
        np.testing.assert_allclose(motion, expected(moved), atol=1e-4)


@pytest.mark.parametrize("name", ["coco17", "kinect20"])
def test_streams_of_bone_motion_distances_and_angles_agree_with_numpy(name: str) -> None:
    layout = load_layout(name)
    pose = normalised(random_pose(layout, 3), layout)
    bones_slow, distances, angles = compute_streams(tf.constant(pose), layout, ("bones_slow", "distances", "angles"))
    parents, children = np.array(layout.bones).T
    bones = pose[:, :, children] - pose[:, :, parents]
    moved = np.moveaxis(np.diff(bones, axis=1), 2, 3).reshape(len(pose), pose.shape[1] - 1, 1, -1)
    np.testing.assert_allclose(bones_slow[:, :-1], moved, atol=1e-4)

    first, second = np.triu_indices(len(layout.joints), 1)
    expected = np.linalg.norm(pose[:, :, first] - pose[:, :, second], axis=-1)[:, :, np.newaxis]
    np.testing.assert_allclose(distances, expected, atol=2e-3)

    elbow, arm, forearm = (layout.index(f"left_{joint}") for joint in ("elbow", "shoulder", "wrist"))
    up, down = pose[:, :, arm] - pose[:, :, elbow], pose[:, :, forearm] - pose[:, :, elbow]
    cosine = (up * down).sum(axis=-1) / np.linalg.norm(up, axis=-1) / np.linalg.norm(down, axis=-1)
    assert np.abs(angles[:, :, 0] - cosine[:, :, np.newaxis]).max(axis=(0, 1)).min() < 1e-3, (
        "there is no angle at the elbow"
    )
    assert np.abs(angles).max() <= 1


@pytest.mark.parametrize("name", ["coco17", "kinect20"])
def test_the_streams_of_each_joint_agree_with_the_pose(name: str) -> None:
    layout = load_layout(name)
    pose = normalised(random_pose(layout, 3), layout)
    views = compute_joint_streams(tf.constant(pose), layout).numpy()
    from_root, bones, slow, _, path = np.split(views, 5, axis=-1)
    np.testing.assert_allclose(from_root + path, pose, atol=1e-4)
    np.testing.assert_allclose(slow[:, :-1], np.diff(pose, axis=1), atol=1e-4)
    for parent, child in layout.bones:
        np.testing.assert_allclose(bones[:, :, child], pose[:, :, child] - pose[:, :, parent], atol=1e-4)
