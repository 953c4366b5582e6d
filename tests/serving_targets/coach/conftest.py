"""A person who raises the left arm again and again, in the joints of kinect20."""

import numpy as np
import pytest

from data.layouts import load_layout
from serving_targets.coach.form.faults import bent
from serving_targets.coach.movement.skeleton import JOINT

STANDING = {
    "hip_center": (0, 1.0, 0),
    "spine": (0, 1.2, 0),
    "shoulder_center": (0, 1.5, 0),
    "head": (0, 1.7, 0),
    "left_shoulder": (0.2, 1.45, 0),
    "left_elbow": (0.25, 1.2, 0.02),
    "left_wrist": (0.27, 0.95, 0.06),
    "left_hand": (0.27, 0.87, 0.08),
    "left_hip": (0.1, 1.0, 0),
    "left_knee": (0.1, 0.55, 0.02),
    "left_ankle": (0.1, 0.1, 0),
    "left_foot": (0.1, 0.03, 0.15),
}


@pytest.fixture(scope="session")
def standing():
    """Coordinates `[20, 3]` of a person who stands, facing along z, the left side at positive x."""
    places = np.zeros((20, 3))
    for name, place in STANDING.items():
        places[JOINT[name]] = place
        if name.startswith("left_"):
            places[JOINT[name.replace("left", "right")]] = place * np.array([-1, 1, 1])
    return places


@pytest.fixture(scope="session")
def raises(standing):
    """Return poses `[T, 20, 4]` of arm raises: repetitions, seconds each, by how many degrees, on which side."""

    def make(repetitions, seconds=2.0, degrees=90.0, side="left", fps=30.0, noise=0.002, seed=0, size=1.0):
        frames = round(repetitions * seconds * fps)
        phase = np.arange(frames) / fps / seconds
        joints = np.repeat(standing[None], frames, axis=0) * size
        joints = bent(joints, f"{side}_shoulder", degrees * (1 - np.cos(2 * np.pi * phase)) / 2 + 1e-6)
        joints = joints + np.random.default_rng(seed).normal(0, noise, joints.shape)
        return np.concatenate([joints, np.ones((frames, 20, 1))], axis=-1)

    return make


@pytest.fixture(scope="session")
def still(standing):
    """Return poses `[T, 20, 4]` of a person who stands still."""

    def make(seconds, fps=30.0, noise=0.003, seed=1):
        frames = round(seconds * fps)
        joints = standing + np.random.default_rng(seed).normal(0, noise, (frames, 20, 3))
        return np.concatenate([joints, np.ones((frames, 20, 1))], axis=-1)

    return make


@pytest.fixture(scope="session")
def in_layout():
    """Return poses of kinect20 in another layout, by names; joints that kinect20 lacks are missing."""

    def convert(poses, layout):
        joints = load_layout(layout).joints
        result = np.zeros((len(poses), len(joints), 4))
        for index, name in enumerate(joints):
            if name in JOINT:
                result[:, index] = poses[:, JOINT[name]]
        return result

    return convert
