import numpy as np
import pytest

from data.importers.clips.people import choose_person, trusted_tracks
from data.importers.clips.types import RawClip
from data.importers.clips.units import ImageSize
from data.layouts import load_layout

COCO = load_layout("coco17")


def person(x, y, size, confidence=0.8):
    """Return a pose in a square box of this size with its centre at x, y."""
    rng = np.random.default_rng(1)
    box = rng.uniform(-0.5, 0.5, (17, 2))
    box[:2] = [[-0.5, -0.5], [0.5, 0.5]]
    return np.c_[box * size + (x, y), np.full(17, confidence)].astype(np.float32)


def clip(*frames, tracks=None, **more):
    """Return a clip of frames, each a list of people."""
    poses = [pose for frame in frames for pose in frame]
    numbers = [number for number, frame in enumerate(frames) for _ in frame]
    return RawClip(
        name="clip",
        layout=COCO,
        poses=np.array(poses, np.float32).reshape(-1, 17, 3),
        frames=np.array(numbers, np.int64),
        count=len(frames),
        unit="pixels",
        tracks=None if tracks is None else np.array(tracks),
        **more,
    )


@pytest.mark.parametrize(
    ("mode", "index"), [("largest", 1), ("confident", 2), ("left", 3), ("right", 0), ("centre", 2)]
)
def test_each_frame_is_decided_by_the_rule(mode, index):
    people = [
        person(600, 240, 50),
        person(450, 240, 150),
        person(330, 240, 40, confidence=0.95),
        person(50, 240, 60),
        person(0, 0, 1, confidence=0),
    ]
    found = choose_person(clip(people, people[::-1], image=ImageSize(480, 640)), mode, 30, 1)
    assert found.tolist() == [index, 5 + 4 - index]


@pytest.mark.parametrize("mode", ["tracked", "largest", "confident", "left", "right", "centre"])
def test_one_person_alone_is_chosen_by_every_rule(mode):
    lonely = clip([person(10, 10, 5)], [], [person(0, 0, 9, confidence=0)], [person(600, 10, 5)])
    assert choose_person(lonely, mode, 30, 1).tolist() == [0, -1, -1, 2]
    assert choose_person(clip([], []), mode, 30, 1).tolist() == [-1, -1]


def test_a_person_is_followed_past_another_who_is_larger_for_a_while():
    walker = [person(100 + 10 * t, 240, 100) for t in range(40)]
    passer = [person(600 - 25 * t, 250, 140) for t in range(18)]
    frames = [[passer[t], walker[t]] if t < 18 else [walker[t]] for t in range(40)]
    chosen = choose_person(clip(*frames), "tracked", 30, 1)
    starts = np.cumsum([0, *map(len, frames)])
    assert chosen.tolist() == [start + len(frame) - 1 for start, frame in zip(starts, frames, strict=False)]


def test_the_order_of_detections_means_nothing():
    rng = np.random.default_rng(0)
    one = [person(200 + rng.normal(0, 3), 240, 100) for _ in range(30)]
    two = [person(420 + rng.normal(0, 3), 240, 90) for _ in range(30)]
    frames, expected = [], []
    for t in range(30):
        swapped = rng.random() < 0.5
        frames.append([two[t], one[t]] if swapped else [one[t], two[t]])
        expected.append(2 * t + swapped)
    assert choose_person(clip(*frames), "tracked", 30, 1).tolist() == expected


def test_somebody_who_hides_for_less_than_the_gap_is_found_again():
    frames = [[person(100, 240, 100), person(400, 240, 60)] for _ in range(10)]
    frames += [[person(400, 240, 60)]] * 10
    frames += [[person(400, 240, 60), person(110, 240, 100)] for _ in range(10)]
    chosen = choose_person(clip(*frames), "tracked", 30, max_gap=1)
    assert chosen.tolist() == [2 * t for t in range(10)] + [-1] * 10 + [30 + 2 * t + 1 for t in range(10)]


def test_the_files_own_numbers_go_before_places():
    near, far = person(200, 240, 100), person(205, 240, 90)
    frames = [[near, far]] * 6
    numbers = [1, 2, 1, 2, 2, 1, 2, 1, 1, 2, 1, 2]
    chosen = choose_person(clip(*frames, tracks=numbers), "tracked", 30, 1)
    assert [numbers[pose] for pose in chosen] == [1, 1, 1, 1, 1, 1] or [numbers[pose] for pose in chosen] == [2] * 6


def test_the_numbers_of_a_tracker_that_lost_somebody_are_joined_by_place():
    frames = [[person(200, 240, 100), person(500, 240, 70)] for _ in range(8)]
    numbers = [1, 2] * 4 + [9, 2] * 4
    assert choose_person(clip(*frames, tracks=numbers), "tracked", 30, 1).tolist() == [2 * t for t in range(8)]


@pytest.mark.parametrize("hiccups", [1, 20])
def test_a_number_that_rarely_occurs_twice_is_wrong_only_there(hiccups):
    near, far = person(200, 240, 100), person(205, 240, 90)
    numbers = [1 if second and t < hiccups else 1 + second for t in range(100) for second in (0, 1)]
    tracks, note = trusted_tracks(clip(*[[near, far]] * 100, tracks=numbers))
    expected = [
        -1 if t < hiccups or (second == 0 and hiccups > 5) else 1 + second for t in range(100) for second in (0, 1)
    ]
    assert tracks.tolist() == expected
    assert bool(note) == (hiccups > 5)
