"""The coach of a bundle, live and offline."""

import json
import tracemalloc

import numpy as np
import pytest

from data.errors import InputError
from data.layouts import load_layout
from serving_targets.coach.coach import Coach, follow_recording, recorded_signal
from serving_targets.coach.form.references import Performances, build_references, cycle_of
from serving_targets.coach.recognition import Model
from serving_targets.coach.settings import CoachSettings, Duration
from serving_targets.coach.timeline import labels_at, runs
from tests.serving_targets.conftest import LABELS, coach_bundle

FPS = 30


@pytest.fixture(scope="module")
def references(raises):
    """References of six people who raise the arm by 80 to 100 degrees."""
    people = {}
    for person in range(6):
        poses = raises(5, degrees=80 + 4 * person, seed=person, size=0.9 + 0.04 * person)
        signal, _ = recorded_signal("kinect20", poses, np.arange(len(poses)) / FPS)
        cycles = [cycle_of(signal, 20.0 * number, 20.0 * (number + 1)) for number in range(5)]
        people[str(person)] = Performances(np.stack(cycles), np.full(5, 2.0))
    return build_references({"raise": people})


@pytest.fixture(scope="module")
def model():
    """A classifier that says `raise` while the left wrist moves, or else `none`; its windows last a second."""

    def classify(window):
        moved = np.ptp(window[window[:, 6, 3] > 0, 6, :3], axis=0).max() if (window[:, 6, 3] > 0).any() else 0.0
        return np.array([0.9, 0.1] if moved > 0.1 else [0.1, 0.9])

    settings = CoachSettings(durations={"raise": Duration(minimum=1.0, typical=10.0)})
    return Model(classify, ("raise", "none"), "kinect20", 4, 30, 30.0, settings)


@pytest.fixture(scope="module")
def session(raises, still):
    """Eight repetitions with stillness before and after."""
    return np.concatenate([still(4), raises(8, degrees=90, seed=77), still(5, seed=3)])


def follow(coach, poses, fps=FPS):
    return follow_recording(coach, poses, np.arange(len(poses)) / fps, "s")


@pytest.mark.parametrize("offline", [True, False])
def test_a_session_is_recognised_counted_and_scored(model, references, session, offline):
    timeline = follow(Coach("kinect20", model, references, offline=offline), session)
    (segment,) = timeline.segments
    assert segment.label == "raise"
    assert (segment.start, segment.end) == pytest.approx((4, 20), abs=1.2)
    assert segment.repetitions == pytest.approx(8, abs=0.5)
    assert segment.score >= 70
    assert segment.corrections == ()
    assert timeline.fps == pytest.approx(30, abs=0.01)


def test_events_come_in_order_and_counts_grow(model, references, session):
    coach = Coach("kinect20", model, references)
    late, events = [], []
    for number, pose in enumerate(session):
        for event in coach.push(pose, number / FPS):
            late.append(number / FPS - event.time)
            events.append(event)
    events += coach.finish()
    assert [events[0].kind, events[-1].kind] == ["started", "ended"]
    assert events[-1].segment == coach.timeline("s").segments[0]
    counts = [event.repetitions for event in events if event.kind == "counted"]
    assert len(counts) >= 20
    assert counts[len(counts) // 2] == pytest.approx(4, abs=1)
    assert max(late) <= 1.01


def test_a_live_decision_does_not_change_when_the_session_goes_on(model, references, session):
    whole = follow(Coach("kinect20", model, references), session)
    for seconds in (6.3, 12.0, 21.0):
        cut = follow(Coach("kinect20", model, references), session[: round(seconds * FPS)])
        times = np.arange(0, seconds - 1, 1 / FPS)
        assert labels_at(cut.segments, times) == labels_at(whole.segments, times)


@pytest.mark.parametrize("layout", ["kinect25", "halpe26", "openpose25"])
def test_poses_of_another_layout_are_mapped_by_names(model, references, session, in_layout, layout):
    timeline = follow(Coach(layout, model, references), in_layout(session, layout))
    assert timeline.repetitions >= 0
    if layout == "kinect25":
        assert timeline.repetitions == pytest.approx(8, abs=1)


def test_a_movement_that_is_known_needs_no_classifier(references, session):
    timeline = follow(Coach("kinect20", None, references, label="raise"), session)
    assert timeline.repetitions == pytest.approx(8, abs=0.5)
    shallow = follow(Coach("kinect20", None, None, label="raise"), session)
    assert (shallow.repetitions, shallow.score) == (pytest.approx(8, abs=0.5), None)


def test_a_person_who_leaves_and_returns_starts_anew(model, references, session):
    coach = Coach("kinect20", model, references)
    times = np.concatenate([np.arange(360) / FPS, 600 + np.arange(len(session) - 360) / FPS])
    for pose, time in zip(session, times, strict=True):
        coach.push(pose, time)
    for step in range(30):
        assert coach.push(None, 700 + step) == []
    coach.finish()
    first, second = coach.timeline("s").segments
    assert first.end < 13
    assert second.start >= 600
    assert first.repetitions + second.repetitions == pytest.approx(8, abs=1)
    assert coach.ignored == {"nobody is seen": 30}


def test_garbage_is_ignored_and_counted(model, references, session):
    random = np.random.default_rng(0)
    coach = Coach("kinect20", model, references)
    clean = Coach("kinect20", model, references)
    for number, pose in enumerate(session):
        clean.push(pose, number / FPS)
        coach.push(pose, number / FPS)
        coach.push(np.full((20, 4), np.nan), number / FPS + 0.001)
        coach.push(pose, number / FPS - 3)
        coach.push(random.normal(size=(7, 4)), number / FPS + 0.002)
        coach.push(pose, float(random.choice([np.nan, np.inf, -np.inf])))
        coach.push(None, number / FPS + 0.003)
    coach.finish()
    clean.finish()
    assert coach.timeline("s").segments == clean.timeline("s").segments
    assert sum(coach.ignored.values()) == 5 * len(session)


def test_poses_without_sense_raise_nothing(model, references):
    random = np.random.default_rng(4)
    coach = Coach("kinect20", model, references)
    for number in range(600):
        pose = random.normal(0, 10.0 ** random.integers(-3, 6), (20, 4))
        pose[random.random(20) < 0.3] = random.choice([np.nan, np.inf, 0, 1e38])
        coach.push(pose, number * random.uniform(0.001, 0.4))
    for event in coach.finish():
        assert np.isfinite(event.repetitions)


def test_two_people_who_swap_raise_nothing(model, references, session):
    coach = Coach("kinect20", model, references)
    other = session.copy()
    other[..., 0] += 3
    for number in range(len(session)):
        coach.push((session, other)[number // 7 % 2][number], number / FPS)
    coach.finish()
    assert all(segment.label == "raise" for segment in coach.timeline("s").segments)


@pytest.mark.parametrize("fps", [5, 240])
def test_the_rate_of_the_camera_does_not_matter(references, raises, fps):
    timeline = follow(Coach("kinect20", None, references, label="raise"), raises(6, seconds=2.4, fps=fps), fps)
    assert timeline.repetitions == pytest.approx(6, abs=0.6)


def test_an_endless_movement_takes_no_more_memory(references, raises):
    coach = Coach("kinect20", None, references, label="raise", offline=True)
    block = raises(10, fps=10)
    sizes = []
    tracemalloc.start()
    try:
        for number in range(5):
            for index, pose in enumerate(block):
                coach.push(pose, (number * len(block) + index) / 10)
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[4] < sizes[2] + 60_000
    coach.finish()
    assert coach.timeline("s").repetitions == pytest.approx(50, abs=2)


@pytest.fixture
def shown():
    """Poses of coco17 for which the bundle's model says one label after the other, 4 seconds each."""
    poses = np.zeros((0, 17, 3))
    for label in LABELS:
        part = np.zeros((40, 17, 3))
        part[..., 2] = 0.9
        part[:, 5 + LABELS.index(label), 0] = 1
        poses = np.concatenate([poses, part])
    return poses


def test_a_bundle_without_files_of_the_coach_is_used_as_it_is(tflite_model, shown, tmp_path):
    folder = coach_bundle(tmp_path / "1", tflite_model.read_bytes())
    timeline = follow(Coach.load(folder), shown, 10)
    names = [label for label, _, _ in runs(labels_at(timeline.segments, np.arange(120) / 10)) if label != "none"]
    assert names == ["left (old)", "middle (old)", "right (old)"]
    assert timeline.score is None


def test_settings_and_references_of_a_bundle_are_used(tflite_model, references, shown, tmp_path):
    settings = json.dumps({"durations": {"middle (old)": {"minimum": 8, "typical": 20}}})
    folder = coach_bundle(
        tmp_path / "1", tflite_model.read_bytes(), coach=settings, references=references.model_dump_json()
    )
    timeline = follow(Coach.load(folder, "kinect20", offline=True), np.zeros((3, 20, 4)), 10)
    assert timeline.segments == ()
    labels = [segment.label for segment in follow(Coach.load(folder, offline=True), shown, 10).segments]
    assert "middle (old)" not in labels


@pytest.mark.parametrize("text", ["{", '{"temperature": 0}', '{"unknown": 1}', "[" * 100_000])
def test_damaged_settings_are_explained(tflite_model, tmp_path, text):
    folder = coach_bundle(tmp_path / "1", tflite_model.read_bytes(), coach=text)
    with pytest.raises(InputError, match="cannot be used") as caught:
        Coach.load(folder)
    assert "coach.json" in caught.value.where


def test_an_unknown_layout_is_explained(tflite_model, tmp_path):
    folder = coach_bundle(tmp_path / "1", tflite_model.read_bytes())
    with pytest.raises(InputError, match="layout"):
        Coach.load(folder, "octopus8")
    assert load_layout("coco17").joints
