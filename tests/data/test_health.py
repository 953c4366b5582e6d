from pathlib import Path

import numpy as np
import pytest

from data.health import FIGURES, WORDS, window_health
from data.layouts import load_layout
from data.records import KeypointSequence
from data.store import read_sequences
from data.windows import Window, WindowSpec, cut_windows
from tests.datasets import DATASETS

COCO, KINECT = load_layout("coco17"), load_layout("kinect20")
FRAMES = 20


def person(channels=3):
    """Return a moving person who faces the camera, with a torso of length 1: float32 `[FRAMES, J, C]`."""
    rng = np.random.default_rng(1)
    layout = COCO if channels == 3 else KINECT
    pose = np.zeros((len(layout.joints), channels), np.float32)
    up = -1 if layout.y_down else 1
    # Faces the camera: in a picture the left is on the right; in Kinect's space, whose z points away, at negative x.
    left = 1 if layout.y_down else -1
    heights = {"shoulder": 1, "elbow": 0.6, "wrist": 0.2, "hand": 0.1, "hip": 0, "knee": -0.8, "ankle": -1.6}
    heights |= {"foot": -1.6, "nose": 1.4, "eye": 1.5, "ear": 1.5, "head": 1.5, "spine": 0.5}
    for number, (name, side) in enumerate(zip(layout.joints, layout.sides, strict=True)):
        height = next((heights[part] for part in name.split("_") if part in heights), 0)
        pose[number, 0] = {"left": left * 0.3, "right": -left * 0.3, "centre": 0}[side]
        pose[number, 1] = up * (1 if name == "shoulder_center" else 0 if name == "hip_center" else height)
        if "foot" in name:
            pose[number, 2] = -0.4
    frames = np.repeat(pose[None], FRAMES, 0)
    frames[..., :-1] += 0.1 * np.sin(np.arange(FRAMES) / 3)[:, None, None]
    frames[..., :-1] += rng.normal(0, 0.01, frames[..., :-1].shape)
    frames[..., :-1] += 5
    frames[..., -1] = 1
    return frames.astype(np.float32)


def health(keypoints, frames=None, layout=None):
    layout = layout or (COCO if keypoints.shape[-1] == 3 else KINECT)
    window = Window(keypoints, 0, frames or len(keypoints), 1 / 30, 24.0)
    found = window_health([window], layout)
    flat = keypoints.shape[-1] == 3
    assert list(found) == [name for name in (*FIGURES, *WORDS) if name != "centre_z" or not flat]
    return {name: values[0] for name, values in found.items()}


def swapped(keypoints, layout):
    return np.ascontiguousarray(keypoints[:, list(layout.mirror)])


@pytest.mark.parametrize("channels", [3, 4])
def test_figures_of_a_sound_window(channels):
    found = health(person(channels))
    assert found["missing_share"] == 0
    assert found["mean_confidence"] == 1
    assert found["torso_length"] == pytest.approx(1, abs=0.05)
    assert 0 < found["limb_variation"] < 0.1
    assert found["extent"] == pytest.approx(3.1, abs=0.1)
    assert (found["fps"], found["window_fill"], found["stillness"]) == (24, 1, 0)
    assert found["centre_x"] == pytest.approx(5, abs=0.1)
    assert (found["broken_joint"], found["sides"]) == ("none", "as_named")


def test_padding_is_left_out():
    keypoints = person()
    keypoints[15:] = 0
    short, whole = health(keypoints, frames=15), health(person()[:15])
    assert short.pop("window_fill") == 0.75
    assert whole.pop("window_fill") == 1
    assert short == whole


def test_missing_joints_are_counted_and_named():
    keypoints = person()
    keypoints[:10, 4] = 0
    assert health(keypoints)["missing_share"] == pytest.approx(10 / (FRAMES * 17))
    assert health(keypoints)["broken_joint"] == "none"
    keypoints[:, 4] = 0
    assert health(keypoints)["broken_joint"] == "right_ear missing"


def test_a_window_without_a_person():
    keypoints = person()
    keypoints[..., -1] = 0
    found = health(keypoints)
    assert (found["missing_share"], found["torso_length"], found["extent"], found["stillness"]) == (1, 0, 0, 0)
    assert (found["broken_joint"], found["sides"]) == ("none", "unclear")


def test_a_person_who_stands_still_is_not_broken():
    still = np.repeat(person()[:1], FRAMES, 0)
    assert health(still)["stillness"] == 1
    assert health(still)["broken_joint"] == "none"


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("place", ["held", "origin"])
def test_a_joint_that_does_not_move_is_named(channels, place):
    keypoints = person(channels)
    elbow = (COCO if channels == 3 else KINECT).index("left_elbow")
    keypoints[:, elbow, :-1] = keypoints[0, elbow, :-1] if place == "held" else 0
    assert health(keypoints)["broken_joint"] == "left_elbow frozen"


def test_a_joint_that_jumps_or_flies_off_is_named():
    keypoints = person()
    keypoints[::2, 9, 0] += 1
    assert health(keypoints)["broken_joint"] == "left_wrist jumping"
    keypoints = person()
    keypoints[:, 16, 1] += 6
    assert health(keypoints)["broken_joint"] == "right_ankle far"


@pytest.mark.parametrize("channels", [3, 4])
def test_swapped_sides_are_seen(channels):
    layout = COCO if channels == 3 else KINECT
    assert health(swapped(person(channels), layout))["sides"] == "swapped"


def test_in_three_dimensions_the_direction_of_a_person_does_not_matter():
    keypoints = person(4)
    turned = keypoints.copy()
    turned[..., 0], turned[..., 2] = -keypoints[..., 0], -keypoints[..., 2]
    assert health(turned)["sides"] == "as_named"
    turned[..., 0], turned[..., 2] = keypoints[..., 2], -keypoints[..., 0]
    assert health(turned)["sides"] == "as_named"
    assert health(swapped(turned, KINECT))["sides"] == "swapped"


def test_arms_on_the_wrong_side_are_crossed():
    keypoints = person()
    keypoints[:, [5, 6]] = keypoints[:, [6, 5]]
    assert health(keypoints)["sides"] == "crossed"


def test_sides_are_unclear_from_the_side():
    keypoints = person()
    keypoints[..., 0] = keypoints[..., 0].mean()
    assert health(keypoints)["sides"] == "unclear"


def test_many_windows_are_the_single_ones():
    rng = np.random.default_rng(0)
    keypoints = rng.random((700, 17, 3), dtype=np.float32)
    keypoints[rng.random((700, 17)) < 0.1] = 0
    windows = list(
        cut_windows(KeypointSequence("s", "p", "a", 30.0, "coco17", keypoints), WindowSpec(length=30, stride=2))
    )
    together = window_health(windows, COCO)
    for number in range(0, len(windows), 50):
        for name, (alone,) in window_health(windows[number : number + 1], COCO).items():
            assert together[name][number] == alone, name


def test_the_sample_is_sound_and_swapping_it_is_seen():
    sample = Path(__file__).parents[2] / "data" / "sample" / "span-1"
    windows = [
        window
        for number, sequence in enumerate(read_sequences(sample))
        if number % 8 == 0
        for window in cut_windows(sequence, WindowSpec(length=64, fps=15, stride=64))
    ]
    found = window_health(windows, COCO)
    assert (found["sides"] == "as_named").mean() > 0.95
    assert (found["broken_joint"] == "none").mean() > 0.9
    other = window_health([w._replace(keypoints=swapped(w.keypoints, COCO)) for w in windows], COCO)
    assert (other["sides"] == "swapped").mean() > 0.95


@pytest.mark.skipif(not DATASETS.is_dir(), reason="the recorded data sets are not on this machine")
@pytest.mark.parametrize(
    ("file", "layout"), [("nw_ucla/nw_ucla.npz", "kinect20"), ("upper5/upper5_train.npz", "openpose15")]
)
def test_recorded_people_have_their_sides(tmp_path, file, layout):
    from data.importers import import_to_span
    from data.store import read_sequences

    table = load_layout(layout)
    records = list(read_sequences(import_to_span("npz", DATASETS / file, tmp_path).span_dir))
    windows = [
        window for record in records[::9] for window in cut_windows(record, WindowSpec(length=48, fit="stretch"))
    ]
    assert (window_health(windows, table)["sides"] == "as_named").mean() > 0.95
    other = window_health([w._replace(keypoints=swapped(w.keypoints, table)) for w in windows], table)
    assert (other["sides"] == "swapped").mean() > 0.95
