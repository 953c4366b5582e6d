"""Resampling of a stream, and decoding of labels with a fixed delay."""

import itertools

import numpy as np
import pytest

from data.windows import resample
from serving_targets.coach.decoding import DurationDecoder
from serving_targets.coach.stream import Resampler


def recording(times, joints=4, seed=0):
    random = np.random.default_rng(seed)
    poses = random.uniform(0, 1, (len(times), joints, 3)).astype(np.float32)
    poses[..., 2] = random.choice([0, 0.6, 1.0], poses.shape[:2], p=[0.1, 0.3, 0.6])
    poses[:, 0, 2] = 1
    poses[poses[..., 2] == 0] = 0
    return poses


@pytest.mark.parametrize("fps", [5, 24, 240])
def test_a_stream_is_resampled_as_windows_are(fps):
    times = np.arange(3 * fps) / fps + np.random.default_rng(1).uniform(0, 0.3 / fps, 3 * fps)
    poses = recording(times)
    stream = Resampler(30.0, (4, 3))
    ticks = [tick for pose, time in zip(poses, times, strict=True) for tick in stream.push(pose, time + 1000.0)]
    times = times - times[0]
    targets = np.arange(int(times[-1] * 30 + 1e-6) + 1) / 30
    np.testing.assert_allclose([tick.time for tick in ticks], targets, atol=1e-6)
    np.testing.assert_allclose([tick.pose for tick in ticks], resample(poses, times, targets), atol=1e-4)
    assert [tick.returned for tick in ticks] == [True] + [False] * (len(ticks) - 1)


def test_what_cannot_be_used_is_ignored_and_counted():
    stream = Resampler(10.0, (4, 3))
    good = recording([0.0])[0]
    assert len(list(stream.push(good, 5.0))) == 1
    for pose, time in [
        (good, 4.0),
        (good, 5.0),
        (good, np.nan),
        (good, np.inf),
        (good, 1e300),
        (good[:2], 5.1),
        (None, 5.1),
        (np.full((4, 3), np.nan), 5.1),
        (np.zeros((4, 3)), 5.1),
    ]:
        assert list(stream.push(pose, time)) == []
    assert stream.ignored == {
        "time stamp is not later than the one before": 2,
        "time stamp is not a time": 3,
        "pose has another shape": 1,
        "nobody is seen": 3,
    }
    assert len(list(stream.push(good, 5.2))) == 2


def test_nothing_is_invented_while_nobody_is_there():
    stream = Resampler(10.0, (4, 3))
    pose = recording([0.0])[0]
    ticks = [tick for time in (0.0, 0.1, 60.0, 60.1) for tick in stream.push(pose, time)]
    assert [round(tick.time, 6) for tick in ticks] == [0.0, 0.1, 60.0, 60.1]
    assert [tick.returned for tick in ticks] == [True, False, True, False]


def decoder(minimum, typical, lag):
    return DurationDecoder(np.array(minimum), np.array(typical, float), lag)


def answers(labels, certain=0.8, classes=2):
    probabilities = np.full((len(labels), classes), (1 - certain) / (classes - 1))
    probabilities[np.arange(len(labels)), labels] = certain
    return np.log(probabilities)


def test_a_flicker_shorter_than_the_minimum_is_ignored():
    shown = [0] * 8 + [1] * 2 + [0] * 8 + [1] * 8
    decoding = decoder([4, 4], [8, 8], None)
    assert [decoding.push(each) for each in answers(shown)] == [None] * 26
    assert decoding.finish() == [0] * 18 + [1] * 8


def test_labels_are_those_of_the_best_sequence_of_all():
    evidence = np.log(np.random.default_rng(3).dirichlet([1, 1, 1], 7))
    minimum, typical = np.array([2, 1, 2]), np.array([3.0, 4.0, 3.0])

    def chance(labels):
        total, before, lasted = 0.0, None, 0
        for step, label in enumerate(labels):
            total += evidence[step, label]
            stay = 1 - 1 / max(typical[label] - minimum[label] + 1, 1.5)
            if label == before:
                lasted += 1
                total += np.log(stay) if lasted > minimum[label] else 0.0
            else:
                if before is not None:
                    if lasted < minimum[before]:
                        return -np.inf
                    left = 1 - 1 / max(typical[before] - minimum[before] + 1, 1.5)
                    total += np.log(1 - left)
                total += np.log(1 / 3)
                before, lasted = label, 1
        return total

    decoding = decoder(minimum, typical, None)
    for each in evidence:
        decoding.push(each)
    decoded = decoding.finish()
    # The first run may have begun before the stream, so its minimum need not be reached.
    best = max(itertools.product(range(3), repeat=7), key=chance)
    assert chance(decoded) == pytest.approx(chance(best)) or decoded[0] != decoded[1]


def test_a_decision_needs_no_more_than_the_lag_and_is_never_revised():
    shown = answers(np.random.default_rng(7).integers(0, 2, 200), 0.7)
    whole, cut = decoder([3, 3], [9, 9], 4), decoder([3, 3], [9, 9], 4)
    first = [whole.push(each) for each in shown]
    second = [cut.push(each) for each in shown[:100]]
    assert first[:100] == second
    assert first[:4] == [None] * 4
    assert None not in first[4:]
    assert len(whole.finish()) == 4


def test_a_decoder_remembers_only_the_lag():
    decoding = decoder([3, 3], [9, 9], 5)
    for each in answers([0, 1] * 500):
        decoding.push(each)
    assert len(decoding._back) == 5
    decoding.reset()
    assert decoding.finish() == []
