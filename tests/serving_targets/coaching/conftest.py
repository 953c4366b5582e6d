"""A bundle with references, and recordings of arm raises that its model calls `right (old)`."""

import numpy as np
import pytest

from data.layouts import load_layout
from data.records import KeypointSequence
from data.store import write_span
from serving_targets.coach.coach import recorded_signal
from serving_targets.coach.form.references import Performances, build_references, cycle_of
from serving_targets.coach.movement.skeleton import JOINT
from tests.serving_targets.coach.conftest import raises, standing, still  # noqa: F401
from tests.serving_targets.conftest import coach_bundle

FPS = 30
LABEL = "right (old)"


def in_image(poses):
    """Return poses of kinect20 as coco17 in an image."""
    joints = load_layout("coco17").joints
    found = np.zeros((len(poses), 17, 3), np.float32)
    for index, name in enumerate(joints):
        if name in JOINT:
            found[:, index] = poses[:, JOINT[name]][:, [0, 1, 3]]
    found[:, joints.index("nose")] = poses[:, JOINT["head"]][:, [0, 1, 3]]
    found[..., 1] = 1.8 - found[..., 1]
    return found


@pytest.fixture(scope="session")
def arm_references(raises):  # noqa: F811
    """References of six people."""
    people = {}
    for person in range(6):
        poses = in_image(raises(5, degrees=80 + 4 * person, seed=person, size=0.9 + 0.04 * person))
        signal, _ = recorded_signal("coco17", poses, np.arange(len(poses)) / FPS)
        cycles = [cycle_of(signal, 20.0 * number, 20.0 * (number + 1)) for number in range(5)]
        people[str(person)] = Performances(np.nan_to_num(np.stack(cycles)), np.full(5, 2.0))
    return build_references({LABEL: people})


@pytest.fixture
def bundle(tflite_model, arm_references, tmp_path):
    """A bundle with everything that the coach uses."""
    texts = {"coach": "{}", "references": arm_references.model_dump_json()}
    return coach_bundle(tmp_path / "bundle", tflite_model.read_bytes(), **texts)


@pytest.fixture
def recording(raises):  # noqa: F811
    """Return a recording of six arm raises up to an angle."""

    def make(name="anna/1", degrees=90.0):
        poses = in_image(raises(6, degrees=degrees, seed=50))
        return KeypointSequence(name, "anna", "unknown", FPS, "coco17", poses)

    return make


@pytest.fixture
def data_folder(recording, tmp_path):
    """A data folder with a good and a bad recording."""
    write_span(tmp_path / "data", 1, [recording("good"), recording("<b>bad</b>", degrees=30.0)])
    return tmp_path / "data"
