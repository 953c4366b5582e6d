"""Heads are shipped only if they recognise sessions better that they were not fitted to."""

import numpy as np
import pytest

from components.coach_calibrator.heads import with_heads
from components.coach_calibrator.replay import Replay, score
from data.records import SESSION_LABEL, KeypointSequence, Segment
from serving_targets.coach.recognition import Model
from serving_targets.coach.settings import CoachSettings, Duration

FPS = 30.0
LENGTH = 30
DURATIONS = {label: Duration(minimum=3, typical=20) for label in ("shake", "hold")}


def session(person, seconds):
    """Return a session of movements that change the height after some seconds: `shake` quickly, `hold` slowly."""
    heights, segments = [], []
    random = np.random.default_rng(person)
    for number in range(8):
        label = ("shake", "hold")[number % 2]
        turns = round(random.integers(2, 4) * 8 / seconds[label])
        before = len(heights)
        heights += np.repeat(np.arange(turns) % 2, round(seconds[label] * FPS)).tolist()
        segments.append(Segment(before, len(heights), label))
    poses = np.ones((len(heights), 20, 4), np.float32)
    poses[..., 1] = np.array(heights)[:, None]
    name = f"session {person}"
    return KeypointSequence(name, f"p{person}", SESSION_LABEL, FPS, "kinect20", poses, segments=tuple(segments))


def changing(window):
    """Answer how sure it is that the height changed, which it does in many windows of both movements."""
    shaken = 0.1 + 0.8 * float(np.ptp(window[:, 0, 1]) > 0)
    return np.array([shaken, 1 - shaken])


def model(classify):
    return Model(classify, ("shake", "hold"), "kinect20", 4, LENGTH, FPS, CoachSettings(durations=DURATIONS))


def choose(classify, people, seconds):
    used = model(classify)
    replays = [Replay.of(used, session(person, seconds)) for person in people]
    best = score(replays, used.settings)
    chosen, reason = with_heads(used, replays, used.settings, best)
    return (chosen.settings, chosen.score, reason), best


def test_heads_that_recognise_better_are_shipped():
    (settings, found, reason), best = choose(changing, range(4), {"shake": 0.8, "hold": 1.6})
    assert reason is None
    assert found > best + 0.05
    assert set(settings.heads.offline.weights) == {"shake", "hold"}


def test_heads_that_are_not_better_are_left_out():
    (settings, found, reason), best = choose(changing, range(3), {"shake": 0.5, "hold": 8.0})
    assert settings.heads is None
    assert found == best
    assert "not better" in reason


@pytest.mark.parametrize(("people", "why"), [([1], "a single session"), ([1, 1], "a single session")])
def test_heads_need_sessions_that_they_are_not_fitted_to(people, why):
    (settings, _, reason), _ = choose(changing, people, {"shake": 0.8, "hold": 1.6})
    assert settings.heads is None
    assert why in reason


def test_heads_need_every_label():
    used = Model(changing, ("shake", "wave"), "kinect20", 4, LENGTH, FPS, CoachSettings())
    replays = [Replay.of(used, session(person, {"shake": 0.8, "hold": 1.6})) for person in range(2)]
    chosen, reason = with_heads(used, replays, used.settings, 0.0)
    assert chosen.settings.heads is None
    assert reason == "no session of the eval split has wave"
