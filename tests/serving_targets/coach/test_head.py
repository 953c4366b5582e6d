"""Heads: fitted to answers of a model, used by the recogniser."""

import numpy as np
import pytest
from pydantic import ValidationError

from data.errors import InputError
from serving_targets.coach.coach import Coach, follow_recording
from serving_targets.coach.head import Answered, Head, features, fit_heads
from serving_targets.coach.recognition import HOP_SECONDS, Model, Recogniser, answers_of
from serving_targets.coach.settings import CoachSettings, Duration
from serving_targets.coach.timeline import labels_at

FPS = 30.0
LENGTH = 30
SPANNED = 5


def _classify(window):
    """Answer how much the window is lifted: 1 for `low`, 2 for `high`; both contain the other one's lifts."""
    lifted = float(np.clip(window[..., 1].mean(), 0, 1))
    return np.array([1 - lifted, lifted])


def _session(seed):
    """Return poses and labels: `shake` is quick changes of height, `hold` is long ones, beyond a window."""
    random = np.random.default_rng(seed)
    heights, labels = [], []
    for number in range(8):
        label, seconds = (("shake", 1.0), ("hold", 4.0))[number % 2]
        for turn in range(round(random.integers(2, 4) * 8 / seconds)):
            heights += [turn % 2] * round(seconds * FPS)
            labels += [label] * round(seconds * FPS)
    poses = np.ones((len(heights), 20, 4), np.float32)
    poses[..., 1] = np.array(heights)[:, None]
    return poses, np.arange(len(heights)) / FPS, labels


@pytest.fixture(scope="module")
def heads():
    """Heads that are fitted to three sessions."""
    model = _model(CoachSettings())
    answered = []
    for seed in range(3):
        poses, times, labels = _session(seed)
        answers, middles = answers_of(model, poses, times)
        assert len(answers) == pytest.approx(times[-1] / HOP_SECONDS, abs=1)
        answered.append(Answered(answers, [labels[round(middle * FPS)] for middle in middles]))
    return fit_heads(answered, SPANNED)


def _model(settings):
    return Model(_classify, ("low", "high"), "kinect20", 4, LENGTH, FPS, settings)


@pytest.mark.parametrize("offline", [True, False])
def test_a_head_tells_movements_that_a_window_cannot(heads, offline):
    durations = {"shake": Duration(minimum=3, typical=20), "hold": Duration(minimum=3, typical=20)}
    poses, times, labels = _session(9)
    coach = Coach("kinect20", _model(CoachSettings(heads=heads, durations=durations)), offline=offline)
    found = labels_at(follow_recording(coach, poses, times).segments, times)
    assert np.mean([a == b for a, b in zip(found, labels, strict=True)]) > (0.9 if offline else 0.8)


def test_a_head_for_streams_decides_within_a_second(heads):
    poses, times, _ = _session(9)
    settings = CoachSettings(heads=heads)
    whole = follow_recording(Coach("kinect20", _model(settings)), poses, times).segments
    for cut in (500, 911, 1203):
        part = follow_recording(Coach("kinect20", _model(settings)), poses[:cut], times[:cut]).segments
        before = times[:cut][times[:cut] <= times[cut - 1] - 1.0]
        assert labels_at(part, before) == labels_at(whole, before)


def test_answers_beyond_the_ends_are_those_at_the_ends():
    answers = np.array([[1.0, 0.0], [0.25, 0.75]])
    assert features(answers, 0, (-3, 0, 9)).tolist() == [1, 0, 1, 0, 0.5, np.sqrt(0.75), 1]


def test_heads_of_another_model_are_refused(heads):
    model = Model(_classify, ("low", "high", "none"), "kinect20", 4, LENGTH, FPS, CoachSettings(heads=heads))
    with pytest.raises(InputError, match="do not fit"):
        Recogniser(model, offline=True)
    with pytest.raises(ValidationError, match="different lengths"):
        Head(offsets=(0,), weights={"a": (1.0, 2.0), "b": (1.0,)})
