"""Files as they are found in public projects, and their right reading (`wild/` of the data folder)."""

from pathlib import Path

import numpy as np
import pytest

from data.importers import ImageSize, ImportOptions, import_to_span
from data.layouts import load_layout
from data.store import read_sequences
from tests.datasets import DATASETS

WILD = DATASETS / "wild"
JOINTS = load_layout("coco17").joints
CONFIDENCES = 0.5 + 0.02 * np.arange(17)

pytestmark = pytest.mark.skipif(not WILD.is_dir(), reason=f"the files of {WILD} are not on this machine")


@pytest.fixture
def wild(tmp_path):
    """Return a function that imports a file of `wild/` and returns (sequences, summary)."""

    def run(name: str, **options):
        summary = import_to_span(None, WILD / name, tmp_path, options=ImportOptions(**options), max_quarantined=1)
        return list(read_sequences(Path(summary.span_dir))), summary

    return run


def noted(summary, *words):
    """Return whether one note has all these words."""
    return any(all(word in note for word in words) for note in summary.notes)


def test_numbers_that_occur_twice_in_a_frame_identify_nobody(wild):
    (sequence,), summary = wild("untracked_ids")
    assert (len(sequence.keypoints), summary.people_left_out) == (20, 20)
    hips = sequence.keypoints[:, [JOINTS.index("left_hip"), JOINTS.index("right_hip")], 0].mean(axis=1)
    np.testing.assert_allclose(hips * 720, 300 + 2 * np.arange(20), atol=0.01)
    assert np.abs(np.diff(hips)).max() < 0.02
    assert noted(summary, "twice in a frame")
    assert noted(summary, "several people", "--person")


def test_one_height_contains_all_clips(wild):
    sequences, summary = wild("two_clips_heights")
    assert [len(sequence.keypoints) for sequence in sequences] == [12, 12]
    assert noted(summary, "960 pixels")
    assert max(sequence.keypoints[..., 1].max() for sequence in sequences) <= 1


def test_an_empty_clip_does_not_hide_the_height_of_the_others(wild):
    (sequence,), summary = wild("first_clip_empty")
    assert (sequence.sequence_id, sum(summary.quarantined.values())) == ("b", 1)
    np.testing.assert_allclose(sequence.keypoints[..., 1].max(), 740 / 768, rtol=1e-5)


def test_a_probability_is_a_confidence(wild):
    (sequence,), _ = wild("prob_column")
    np.testing.assert_allclose(sequence.keypoints[..., -1], np.tile(CONFIDENCES, (12, 1)), rtol=1e-5)


def test_dates_are_times(wild):
    (sequence,), _ = wild("datetime_column")
    assert sequence.fps == 2
    np.testing.assert_allclose(sequence.timestamps, np.arange(12) / 2, atol=1e-6)


def test_zeros_without_confidences_are_missing(wild):
    (sequence,), summary = wild("zeros_no_confidence")
    ankles = [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]
    assert not sequence.keypoints[:, ankles].any()
    others = np.delete(sequence.keypoints, ankles, axis=1)
    np.testing.assert_array_equal(others[..., -1], 1)
    np.testing.assert_allclose(others[3], (others[2] + others[4]) / 2, atol=1e-6)
    assert noted(summary, "39 of 204 joints")


def test_a_phone_is_held_upright(wild):
    (sequence,), summary = wild("portrait_phone")
    heights = sequence.keypoints[..., 1]
    np.testing.assert_allclose((heights.min(), heights.max()), (263 / 1920, 1640 / 1920), rtol=1e-5)
    assert noted(summary, "1920 pixels")


def test_people_who_are_upside_down_are_noticed(wild):
    (sequence,), summary = wild("y_up.csv")
    assert noted(summary, "12 of 12 frames", "--y-up")
    (turned,), summary = wild("y_up.csv", y_up=True)
    np.testing.assert_allclose(turned.keypoints[..., 1], 1 - sequence.keypoints[..., 1], atol=1e-6)
    assert not noted(summary, "--y-up")


def test_deeplabcut(wild):
    (sequence,), summary = wild("clipDLC_resnet50_humanJan1shuffle1_1000.csv", image=ImageSize(480))
    assert (summary.format, sequence.layout, len(sequence.keypoints)) == ("deeplabcut", "coco17", 12)
    np.testing.assert_allclose(sequence.keypoints[0, 0, :2] * 480, (320, 60), rtol=1e-5)
    np.testing.assert_allclose(sequence.keypoints[..., -1], np.tile(CONFIDENCES, (12, 1)), rtol=1e-5)


def test_training_data_of_ml5(wild):
    sequences, summary = wild("ml5_training.json", image=ImageSize(480))
    assert [(one.label, len(one.keypoints), one.layout) for one in sequences] == [
        ("y", 6, "coco17"),
        ("m", 6, "coco17"),
    ]
    np.testing.assert_allclose(sequences[0].keypoints[0, 0, :2] * 480, (320, 60), rtol=1e-5)
    assert summary.format == "ml5"


def test_joints_that_are_left_out_and_numbered(wild):
    (sequence,), summary = wild("sparse_numbered.json", image=ImageSize(480, 640))
    assert (sequence.layout, len(sequence.keypoints)) == ("coco17", 12)
    frames, joints = np.indices((12, 17))
    np.testing.assert_array_equal(sequence.keypoints[..., -1] == 0, (frames + joints) % 4 == 0)
    np.testing.assert_allclose(sequence.keypoints[0, 1, :2], (0.512 * 640 / 480, 0.128), rtol=1e-5)
    assert noted(summary, "numbers", "coco17")


def test_metadata_beside_the_frames(wild):
    (sequence,), _ = wild("metadata_and_frames.json")
    assert (sequence.label, sequence.subject, sequence.fps, len(sequence.keypoints)) == ("squat", "p1", 60, 12)
    np.testing.assert_allclose(sequence.keypoints[0, 0, :2] * 480, (320, 60), rtol=1e-5)


def test_columns_with_the_prefix_landmark(wild):
    (sequence,), _ = wild("landmark_prefix.csv", image=ImageSize(480, 640))
    assert (sequence.layout, len(sequence.keypoints)) == ("blazepose33", 4)
    np.testing.assert_allclose(sequence.keypoints[0, 1, :2], (0.512 * 640 / 480, 0.128), rtol=1e-5)


def test_the_frame_rate_that_is_assumed_is_noted(wild):
    _, summary = wild("prob_column")
    assert noted(summary, "30 frames per second", "--fps")
    _, summary = wild("prob_column", fps=25)
    assert not noted(summary, "--fps")
