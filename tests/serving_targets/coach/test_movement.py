"""Skeleton, angles, signal and counting."""

import numpy as np
import pytest

from data.layouts import layout_names, load_layout
from serving_targets.coach.form.faults import bent
from serving_targets.coach.movement.angles import ANGLES, direction, joint_angles
from serving_targets.coach.movement.counting import RATE, count_repetitions, moving_part
from serving_targets.coach.movement.signals import CHANNELS, body_signal, mirrored, resampled, without_gaps
from serving_targets.coach.movement.skeleton import JOINT, LAYOUT, SkeletonReader, body_poses
from serving_targets.coach.movement.skeleton import mirrored as mirrored_body


def angle(joints, name):
    return joint_angles(joints[None])[0, ANGLES.index(name)]


def signal_of(poses, fps=30):
    """Return the signal at the rate of the counting."""
    step = round(fps / RATE)
    return body_signal(poses[: len(poses) // step * step].reshape(-1, step, 20, 4).mean(axis=1))


def test_the_angles_of_a_standing_person(standing):
    assert angle(standing, "left_knee") == pytest.approx(175, abs=5)
    assert angle(standing, "right_hip") == pytest.approx(177, abs=4)
    assert angle(standing, "left_shoulder") == pytest.approx(12, abs=2)
    assert angle(standing, "trunk") == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", ANGLES)
@pytest.mark.parametrize("degrees", [-25.0, 25.0])
def test_a_bend_changes_its_angle_by_what_was_asked(standing, name, degrees):
    joints = bent(standing[None], name, np.array([degrees]))
    straight, hanging = name.endswith(("knee", "elbow", "hip")), name.endswith("shoulder")
    if (straight and degrees > 0) or (hanging and degrees < 0):  # they are at the end of their range
        assert joints is None
    else:
        assert angle(joints[0], name) - angle(standing, name) == pytest.approx(degrees, abs=1.0)


def test_leaning_is_forward_where_the_feet_point_even_in_a_left_handed_world(standing):
    leaning = bent(standing[None], "trunk", np.array([20.0]))
    assert leaning[0, JOINT["head"], 2] > 0.1
    assert angle(leaning[0] * (1, 1, -1), "trunk") == pytest.approx(20, abs=1)


def test_an_image_does_not_show_the_lean(standing):
    flat = standing * (1, 1, 0)
    assert np.isnan(angle(flat, "trunk"))
    assert np.isfinite([angle(flat, name) for name in ANGLES if name != "trunk"]).all()


def test_directions_are_what_makes_an_angle_larger_or_smaller():
    assert [direction("left_elbow", +1), direction("right_hip", -1)] == ["straighten", "bend"]
    assert [direction("left_shoulder", +1), direction("trunk", -1)] == ["raise", "lean_back"]


@pytest.mark.parametrize("layout", layout_names())
def test_every_layout_is_read_by_the_names_of_its_joints(layout):
    joints = load_layout(layout).joints
    pose = np.full((len(joints), 3), 0.5)
    pose[:, 2] = 0.9
    read = SkeletonReader(layout).read(pose)
    assert read.shape == (20, 4)
    assert (read[[JOINT["left_elbow"], JOINT["right_wrist"]], 3] > 0.8).all()
    assert read[JOINT["left_elbow"], 1] == pytest.approx(-0.5 if load_layout(layout).y_down else 0.5)


def test_what_is_not_a_number_is_a_missing_joint():
    pose = np.ones((20, 4))
    pose[3, 1], pose[4, 0], pose[5, 2] = np.nan, np.inf, 1e30
    read = SkeletonReader(LAYOUT).read(pose)
    assert np.flatnonzero(read[:, 3] == 0).tolist() == [3, 4, 5]
    assert np.isfinite(read).all()


def test_the_bodys_axes_do_not_depend_on_place_size_and_facing(raises):
    poses = raises(1, noise=0)
    turned = poses.copy()
    turn = np.array([[np.cos(1), 0, np.sin(1)], [0, 1, 0], [-np.sin(1), 0, np.cos(1)]])
    turned[..., :3] = 1.3 * poses[..., :3] @ turn + (4, 1, -2)
    np.testing.assert_allclose(body_poses(turned), body_poses(poses), atol=1e-9)


def test_a_mirror_image_is_the_other_side(raises):
    left, right = (body_signal(raises(1, side=side, noise=0)) for side in ("left", "right"))
    np.testing.assert_allclose(mirrored(left), right, atol=1e-6)
    np.testing.assert_allclose(mirrored(mirrored(left)), left)
    body = body_poses(raises(1, noise=0))
    np.testing.assert_allclose(mirrored_body(mirrored_body(body)), body)


def test_missing_joints_are_missing_in_the_signal_and_can_be_filled(raises):
    poses = raises(1)
    poses[10:20, JOINT["left_wrist"], 3] = 0
    signal = body_signal(poses)
    assert signal.shape == (60, CHANNELS)
    assert np.isnan(signal[10:20, ANGLES.index("left_elbow")]).all()
    assert np.isfinite(without_gaps(signal)).all()
    poses[:, JOINT["left_wrist"], 3] = 0
    assert (without_gaps(body_signal(poses))[:, ANGLES.index("left_elbow")] == 0).all()


def test_resampling_ends_before_the_end():
    assert resampled(np.arange(8.0)[:, None], 4).ravel().tolist() == [0, 2, 4, 6]
    assert resampled(np.arange(8.0)[:, None], 2, 1.5, 3.5).ravel().tolist() == [1.5, 2.5]


@pytest.mark.parametrize("repetitions", [3, 5, 10, 7.5])
@pytest.mark.parametrize("seconds", [1.2, 3.0])
def test_repetitions_are_counted_as_a_fraction(raises, repetitions, seconds):
    count = count_repetitions(signal_of(raises(repetitions, seconds)))
    assert count.repetitions == pytest.approx(repetitions, abs=0.3)
    assert count.period == pytest.approx(seconds * RATE, abs=2)


def test_standing_still_around_an_exercise_is_not_counted(raises, still):
    poses = np.concatenate([still(4), raises(6), still(5, seed=2)])
    assert count_repetitions(signal_of(poses)).repetitions == pytest.approx(6, abs=0.3)
    first, last = moving_part(signal_of(poses))
    assert (first, last) == pytest.approx((40, 160), abs=4)


def test_nobody_who_stands_still_repeats_anything(still):
    assert count_repetitions(signal_of(still(20))).repetitions == 0
    assert count_repetitions(signal_of(still(0.2))).repetitions == 0


def test_a_movement_that_never_returns_is_not_a_repetition(standing):
    poses = np.concatenate([np.repeat(standing[None], 300, axis=0), np.ones((300, 20, 1))], axis=-1)
    poses[:, JOINT["left_wrist"], 1] += np.linspace(0, 0.8, 300)
    assert count_repetitions(signal_of(poses)).repetitions < 1.5


def test_a_single_repetition_repeats_nothing_but_returns(raises, still):
    there_and_back = np.concatenate([still(2), raises(1, seconds=4), still(2, seed=8)])
    assert count_repetitions(signal_of(there_and_back)).repetitions == 1
    only_there = there_and_back[: (4 * 30)]
    assert count_repetitions(signal_of(only_there)).repetitions == 0


def test_a_known_movement_is_counted_from_its_first_repetition(raises):
    cycle = resampled(body_signal(raises(1, noise=0)), 24)
    for done in (1.0, 1.5):
        signal = signal_of(raises(done, seconds=3.0))
        count = count_repetitions(signal, (cycle, mirrored(cycle)), seconds=2.0)
        assert count.repetitions == pytest.approx(done, abs=0.35)


@pytest.mark.parametrize("seed", range(4))
def test_scratching_is_not_a_known_movement(standing, raises, seed):
    cycle = body_signal(raises(1, seconds=2.4))[::3]
    joints, random = np.repeat(standing[None], 600, axis=0), np.random.default_rng(seed)
    for name in ("left_elbow", "right_elbow", "left_knee"):
        path = np.convolve(np.cumsum(random.normal(0, 1, 660)), np.hanning(61) / 30, "valid")
        bend = 60 * (path - path.min()) / np.ptp(path) + 1e-6
        joints = bent(joints, name, -bend)
    poses = np.concatenate([joints, np.ones((600, 20, 1))], axis=-1)
    known = (cycle, mirrored(cycle))
    assert count_repetitions(body_signal(poses)[::3], known, 2.4).repetitions < 1


def test_the_boundaries_of_repetitions_are_where_they_begin(raises, still):
    cycle = resampled(body_signal(raises(1, noise=0)), 24)
    signal = signal_of(np.concatenate([still(3), raises(4, seconds=2.5)]))
    count = count_repetitions(signal, (cycle,), seconds=2.5)
    np.testing.assert_allclose(count.boundaries, [30, 55, 80, 105, 130], atol=4)
