"""Networks of poses: fitted to how people move, used by the recogniser next to the model."""

import numpy as np
import pytest
from pydantic import ValidationError

from components.coach_calibrator.pose_heads import fit_pose_heads, moved
from data.errors import InputError
from serving_targets.coach.coach import Coach, follow_recording
from serving_targets.coach.context import ROW, BodyRows, mirrored_rows, surroundings
from serving_targets.coach.network import Matrix, PoseHeads
from serving_targets.coach.recognition import Model, Recogniser
from serving_targets.coach.settings import CoachSettings, Duration
from serving_targets.coach.timeline import labels_at

FPS = 30.0
LABELS = ("slow", "fast", "none")
SECONDS = {"slow": 3.0, "fast": 1.0}


def clueless(_):
    """Answer as a model that knows nothing."""
    return np.full(len(LABELS), 1 / len(LABELS))


def model(**settings):
    durations = {label: Duration(minimum=1.5, typical=6) for label in LABELS}
    return Model(clueless, LABELS, "kinect20", 4, 30, FPS, CoachSettings(durations=durations, **settings))


@pytest.fixture(scope="module")
def session(raises, still):
    """Return poses, times and labels of a session of slow and fast raises of an arm, with standing still between."""

    def make(seed):
        random = np.random.default_rng(seed)
        parts, labels = [], []
        for number in range(6):
            label = ("slow", "fast")[number % 2]
            repetitions = round(6 / SECONDS[label])
            side = str(random.choice(["left", "right"]))
            parts += [still(2 + 2 * random.random()), raises(repetitions, SECONDS[label], side=side, seed=seed)]
            labels += ["none"] * len(parts[-2]) + [label] * len(parts[-1])
        poses = np.concatenate(parts).astype(np.float32)
        return poses, np.arange(len(poses)) / FPS, labels

    return make


@pytest.fixture(scope="module")
def networks(session):
    """Networks that are fitted to three sessions."""
    parts = [part for seed in range(3) for part in moved(model(), *session(seed))]
    return fit_pose_heads(parts, 0.9)


@pytest.mark.parametrize("offline", [True, False])
def test_a_network_tells_movements_that_the_model_does_not_know(networks, session, offline):
    poses, times, labels = session(9)
    coach = Coach("kinect20", model(poses=networks), offline=offline)
    found = labels_at(follow_recording(coach, poses, times).segments, times)
    assert np.mean([a == b for a, b in zip(found, labels, strict=True)]) > (0.9 if offline else 0.85)


def test_a_network_for_streams_decides_within_a_second(networks, session):
    poses, times, _ = session(9)
    whole = follow_recording(Coach("kinect20", model(poses=networks)), poses, times).segments
    for cut in (500, 811, 1203):
        part = follow_recording(Coach("kinect20", model(poses=networks)), poses[:cut], times[:cut]).segments
        before = times[:cut][times[:cut] <= times[cut - 1] - 1.0]
        assert labels_at(part, before) == labels_at(whole, before)


def test_networks_are_written_in_few_bytes_and_read_as_they_were(networks):
    text = networks.model_dump_json()
    assert len(text) < 60_000
    assert PoseHeads.model_validate_json(text) == networks


def test_a_row_is_the_same_for_every_place_size_and_direction_of_a_person(raises):
    poses = raises(1)
    turn = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    moved_away = poses.copy()
    moved_away[..., :3] = 1.7 * poses[..., :3] @ turn + (3, 0.5, -2)
    for one, other in zip(np.array_split(poses, 10), np.array_split(moved_away, 10), strict=True):
        np.testing.assert_allclose(BodyRows("kinect20").add(one), BodyRows("kinect20").add(other), atol=1e-3)


def test_a_pose_whose_feet_are_mistaken_does_not_turn_the_person_round(raises):
    steps = np.array_split(raises(1, noise=0), 10)
    backwards = steps[-1].copy()
    backwards[:, [15, 19], 2] = -0.15  # the feet
    right, mistaken = BodyRows("kinect20"), BodyRows("kinect20")
    for step in steps[:-1]:
        right.add(step)
        mistaken.add(step)
    np.testing.assert_allclose(mistaken.add(backwards), right.add(steps[-1]), atol=1e-6)


def test_a_row_of_a_mirror_image_is_the_mirrored_row(raises):
    left, right = (BodyRows("kinect20").add(raises(1, side=side, noise=0)[20:26]) for side in ("left", "right"))
    assert left.shape == (ROW,)
    np.testing.assert_allclose(mirrored_rows(left[None])[0], right, atol=1e-3)


def test_surroundings_beyond_the_ends_are_those_at_the_ends():
    rows = np.array([[1.0], [3.0], [8.0]])
    assert surroundings(rows, np.array([0, 2]), [(-1, 0), (1, 2)], [(0, 1)]).tolist() == [[1, 5.5, 1], [5.5, 8, 0]]


def test_a_matrix_keeps_values_to_a_hundredth_of_the_greatest_in_their_row():
    values = np.random.default_rng(0).normal(size=(5, 7)) * np.array([[1], [100], [0.01], [0], [3]])
    kept = Matrix.of(values).values
    assert (np.abs(kept - values) <= 0.005 * np.abs(values).max(axis=1, keepdims=True) + 1e-9).all()


def test_networks_of_another_model_are_refused(networks):
    other = Model(clueless, ("slow", "none"), "kinect20", 4, 30, FPS, CoachSettings(poses=networks))
    with pytest.raises(InputError, match="do not fit"):
        Recogniser(other, offline=True)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("axes", {"scales": (1.0,) * (ROW - 1)}),
        ("streaming", {"means": ()}),
        ("streaming", {"means": ((3, -3),)}),
        ("offline", {"output_bias": (0.0,)}),
        ("offline", {"hidden": {"scales": (1.0, 1.0), "levels": "!"}}),
    ],
)
def test_networks_that_do_not_fit_together_are_refused(networks, part, change):
    content = networks.model_dump()
    content[part] |= change
    with pytest.raises(ValidationError):
        PoseHeads.model_validate(content)
