"""A movement that is followed in slices, next to one that is counted at once; and what a stream keeps."""

import gc
import sys
from types import FunctionType, ModuleType

import numpy as np
import pytest

from data.layouts import joint_mapping, load_layout
from serving_targets.coach.coach import Coach
from serving_targets.coach.form.references import Performances, References, build_references, cycle_of
from serving_targets.coach.form.scoring import cut_cycles, score
from serving_targets.coach.movement.counting import count_repetitions
from serving_targets.coach.movement.signals import body_signal, mirrored
from serving_targets.coach.recognition import Model
from serving_targets.coach.settings import CoachSettings, Duration
from serving_targets.coach.timeline import Segment
from serving_targets.coach.tracker import MOST_TICKS, MovementTracker


@pytest.fixture(scope="module")
def references(raises):
    """References of four people who raise the arm."""
    people = {}
    for person in range(4):
        signal = body_signal(raises(5, degrees=82 + 4 * person, seed=person, fps=10))
        cycles = [cycle_of(signal, 20.0 * number, 20.0 * (number + 1)) for number in range(5)]
        people[str(person)] = Performances(np.stack(cycles), np.full(5, 2.0))
    return build_references({"raise": people})


def track(tracker, poses):
    """Return the live counts at each tick."""
    counts = []
    for tick, pose in enumerate(poses):
        tracker.add(tick / 10, pose)
        counts.append(tracker.repetitions())
    return counts


def at_once(poses, movement):
    """Return repetitions and mean score of a performance, settled and counted without slices."""
    rows, settled, judged = movement.rows, 0, []

    def counted():
        signal = body_signal(np.stack(kept))
        return count_repetitions(signal, (rows, mirrored(rows)), movement.seconds), signal

    def judge(signal, boundaries):
        cycles = cut_cycles(signal, boundaries)
        judged.append((score(cycles, movement), len(cycles)))

    kept = []
    for pose in poses:
        kept.append(pose)
        if len(kept) > MOST_TICKS:
            count, signal = counted()
            ends = [end for end in count.boundaries[1:] if end <= MOST_TICKS / 2]
            judge(signal, count.boundaries[: len(ends) + 1])
            settled += len(ends)
            del kept[: round(ends[-1])]
    count, signal = counted()
    judge(signal, count.boundaries)
    scores, weights = zip(*judged, strict=True)
    return round(settled + count.repetitions, 2), round(float(np.average(scores, weights=weights)), 1)


@pytest.mark.parametrize("ticks", [70, 333, 401, 405, 950])
def test_a_movement_followed_in_slices_is_counted_and_scored_as_at_once(references, raises, ticks):
    poses = raises(50, seconds=2.1, degrees=75, fps=10, seed=4)[:ticks]
    tracker = MovementTracker("raise", references)
    track(tracker, poses)
    segment = tracker.close(0.0, ticks / 10)
    assert (segment.repetitions, segment.score) == at_once(poses, references.movements["raise"])


@pytest.mark.parametrize("known", [True, False])
def test_live_counts_are_even_and_right_all_along(references, raises, known):
    given = references if known else References(movements={}, alarm=1.0)
    counts = np.array(track(MovementTracker("raise", given), raises(50, seconds=2.0, fps=10)))
    assert np.abs(counts - np.arange(1, 1001) / 20)[60:].max() < 0.5
    assert np.abs(np.diff(counts)[60:]).max() < 0.5


def test_a_performance_without_a_pose_has_no_score(references):
    segment = MovementTracker("raise", references).close(1.0, 1.0)
    assert (segment.repetitions, segment.score, segment.corrections) == (0, None, ())


def held(root):
    """Return the bytes of everything that an object holds, without code, models and what it has found."""
    seen, waiting, total = set(), [root], 0
    while waiting:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, (type, ModuleType, FunctionType, Segment, Model, References)):
            continue
        seen.add(id(each))
        total += sys.getsizeof(each)
        waiting += gc.get_referents(each)
    return total


def test_a_stream_holds_no_more_after_ten_minutes_than_after_one(references, raises, still):
    # Practice with pauses; its model says `raise` while the left wrist moves.
    def classify(window):
        return np.array([0.9, 0.1] if np.ptp(window[:, 6, :3], axis=0).max() > 0.1 else [0.1, 0.9])

    settings = CoachSettings(durations={"raise": Duration(minimum=1.0, typical=10.0)})
    coach = Coach("kinect20", Model(classify, ("raise", "none"), "kinect20", 4, 10, 10.0, settings), references)
    minute = np.concatenate([raises(23, fps=10), still(4, fps=10), raises(4, fps=10), still(2, fps=10)])
    assert len(minute) == 600
    most = []
    for number in range(10):
        sizes = []
        for index, pose in enumerate(minute):
            coach.push(pose, 60 * number + index / 10)
            if index % 30 == 0:
                sizes.append(held(coach))
        most.append(max(sizes))
    assert len(coach.timeline("s").segments) == 20
    assert most[9] <= 1.02 * most[1]


@pytest.mark.parametrize("layout", ["coco17", "halpe26", "blazepose33"])
def test_poses_are_mapped_at_once_as_joint_by_joint(layout):
    mapping = joint_mapping(layout, "kinect20")
    poses = np.random.default_rng(0).random((5, len(load_layout(layout).joints), 4)).astype(np.float32)
    mapped = mapping.apply(poses)
    for joint, members in enumerate(mapping.members):
        given = poses[:, list(members)]
        if members:
            np.testing.assert_array_equal(mapped[:, joint, :3], given[..., :3].mean(axis=1))
            np.testing.assert_array_equal(mapped[:, joint, 3], given[..., 3].min(axis=1))
        else:
            assert not mapped[:, joint].any()
