"""Windows of whole sessions, and which label stands for the background."""

from dataclasses import replace

import numpy as np
import pytest

from data.records import KeypointSequence, Segment
from data.sessions.background import background_of
from data.sessions.windows import as_background, cut_session, session_clips
from data.windows import WindowSpec
from serving_targets.session_evaluation import true_labels

SEGMENTS = (Segment(30, 60, "bow"), Segment(60, 90, "lift"), Segment(120, 150, "rest"))


@pytest.fixture
def session():
    poses = np.random.default_rng(0).random((200, 17, 3), dtype=np.float32)
    return KeypointSequence("s", "p", "session", 30.0, "coco17", poses, segments=SEGMENTS)


def test_one_label_of_a_schema_stands_for_the_background():
    assert background_of(["bow", "rest"]) == "rest"
    assert background_of(["bow", "lift"]) is None


def test_a_session_consists_of_its_segments_and_the_background_between_them(session):
    parts = {clip.sequence_id: (clip.label, len(clip.keypoints)) for clip in session_clips(session, "none")}
    assert parts == {
        "s#0": ("none", 30),
        "s#30": ("bow", 30),
        "s#60": ("lift", 30),
        "s#90": ("none", 30),
        "s#120": ("none", 30),
        "s#150": ("none", 50),
    }


def test_a_window_has_the_label_of_its_middle(session):
    cut = list(cut_session(session, WindowSpec(length=20, stride=5, fps=30), "none"))
    true = true_labels(session)
    assert len(cut) == 37
    for clip, window in cut:
        assert clip.label == true[window.start_frame + 10]
    assert {clip.sequence_id for clip, _ in cut} == {clip.sequence_id for clip in session_clips(session, "none")}


def test_overlapping_segments_leave_no_frame_without_label_and_none_twice(session):
    overlapping = (Segment(0, 80, "bow"), Segment(50, 60, "lift"), Segment(100, 200, "bow"))
    session = replace(session, segments=overlapping)
    clips = session_clips(session, "none")
    assert [(clip.sequence_id, clip.label) for clip in clips] == [
        ("s#0", "bow"),
        ("s#50", "lift"),
        ("s#100", "bow"),
        ("s#80", "none"),
    ]
    cut = cut_session(session, WindowSpec(length=2, stride=1, fps=30), "none")
    assert [clip.label for clip, _ in cut] == true_labels(session)[1:]


def test_other_words_for_background_become_the_schemas(session):
    resting = KeypointSequence("r", "p", "rest", 30.0, "coco17", session.keypoints)
    assert as_background(resting, "none").label == "none"
    assert as_background(resting, "rest") is resting
