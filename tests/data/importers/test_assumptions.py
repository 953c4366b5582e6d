"""What an importer assumes, finds doubtful or leaves out is read right, and noted."""

import json
import pickle
from datetime import datetime, timedelta

import h5py
import numpy as np
import pytest

from data.importers import ImageSize, ImportOptions, import_to_span
from data.importers.clips.types import TimedSegment
from data.importers.clips.units import Reach
from data.layouts import load_layout
from data.store import read_sequences

COCO = load_layout("coco17").joints
SIZE = ImageSize(480, 640)
TINY = {"rtol": 1e-5, "atol": 1e-5}


def heights(poses):
    return poses / (480, 480, 1)


def named(frame):
    """Return a pose as TF.js has it."""
    return [
        dict(zip(("x", "y", "score", "name"), (*joint, name), strict=True))
        for name, joint in zip(COCO, frame, strict=True)
    ]


def wide(poses, name="{joint}_{axis}", axes=("x", "y", "score"), before=(), rows=None):
    """Return a wide CSV of poses; `before` are names of columns, whose cells are in `rows`."""
    header = [*before, *(name.format(joint=joint, axis=axis) for joint in COCO for axis in axes)]
    cells = [
        [*(rows[t] if rows else ()), *map(repr, pose[:, : len(axes)].ravel().tolist())] for t, pose in enumerate(poses)
    ]
    return "\n".join(",".join(map(str, row)) for row in [header, *cells]) + "\n"


@pytest.mark.parametrize(
    "axis", ["prob", "probability", "Likelihood", "visibility_score", "conf", "inFrameLikelihood", "kp_score", "p"]
)
@pytest.mark.parametrize("name", ["{joint}_{axis}", "{joint}.{axis}", "{axis}_{joint}"])
def test_a_confidence_has_many_names(poses, take, dump, name, axis):
    given = poses()
    ((sequence,), _) = take(dump("a.csv", wide(given, name, ("x", "y", axis))), image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


def test_names_without_separators(poses, take, dump):
    given = poses()
    camel = {joint: joint.title().replace("_", "") for joint in COCO}
    text = wide(given)
    for joint in sorted(COCO, key=len, reverse=True):
        for axis in ("x", "y", "score"):
            text = text.replace(f"{joint}_{axis}", camel[joint][0].lower() + camel[joint][1:] + axis.title())
    ((sequence,), _) = take(dump("a.csv", text), image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


@pytest.mark.parametrize(
    ("column", "cells", "fps"),
    [
        ("Datetime", [f"2024-03-01 10:00:0{t}" for t in ("0.5", "1", "1.5", "2")], 2),
        ("timestamp", [f"2024-03-01T10:00:00.{t}Z" for t in ("00", "04", "08", "12")], 25),
        ("time", ["09:59:59.9", "10:00:00.0", "10:00:00.1", "10:00:00.2"], 10),
        ("date", [f"01/03/2024 10:00:00.{t}" for t in (0, 2, 4, 6)], 5),
        ("milliseconds", [0, 40, 80, 120], 25),
        ("time_ns", [0, 40_000_000, 80_000_000, 120_000_000], 25),
        ("elapsed", [0, 40_000, 80_000, 120_000], 25),
        ("epoch", [1_700_000_000_000, 1_700_000_000_040, 1_700_000_000_080, 1_700_000_000_120], 25),
        ("seconds", [0.0, 0.04, 0.08, 0.12], 25),
    ],
)  # fmt: skip
def test_times_have_many_names_and_forms(poses, take, dump, column, cells, fps):
    path = dump("a.csv", wide(poses(), before=[column], rows=[[cell] for cell in cells]))
    ((sequence,), quarantined) = take(path, image=SIZE)
    assert quarantined == []
    assert sequence.fps == pytest.approx(fps)
    times = sequence.frame_times - sequence.frame_times[0]
    np.testing.assert_allclose(times, np.arange(4) / fps, atol=1e-6)


@pytest.mark.parametrize("column", ["frame_counter", "Frame_No", "timestamp", "image_index"])
def test_counters_are_frame_numbers(poses, take, dump, column):
    path = dump("a.csv", wide(poses(), before=[column], rows=[[7 + t] for t in range(4)]))
    ((sequence,), _) = take(path, image=SIZE, fps=25)
    assert (sequence.fps, sequence.timestamps) == (25, None)


def test_times_that_count_are_seconds_unless_the_frame_rate_is_stated(poses, take, dump):
    path = dump("a.csv", wide(poses(), before=["time"], rows=[[t] for t in range(4)]))
    ((sequence,), _) = take(path, image=SIZE)
    assert sequence.fps == 1
    assert any("seconds, one frame per second" in note for note in take.notes)


@pytest.mark.parametrize("write", ["csv", "json"])
def test_a_time_of_day_goes_on_after_midnight(poses, take, dump, write):
    given = poses()
    cells = [["2024-03-01", "23:59:59.8"], ["2024-03-01", "23:59:59.9"], ["2024-03-02", "0:00:00.0"],
             ["2024-03-02", "0:00:00.1"]]  # fmt: skip
    if write == "csv":
        path = dump("a.csv", wide(given, before=["date", "time"], rows=cells))
    else:
        frames = zip(cells, given.tolist(), strict=True)
        path = dump("a.json", [{"time": time, "keypoints": named(f)} for (_, time), f in frames])
    ((sequence,), quarantined) = take(path, image=SIZE)
    assert quarantined == []
    np.testing.assert_allclose(np.diff(sequence.frame_times), 0.1, atol=1e-6)


def test_a_time_that_is_no_time_is_explained(poses, take, dump):
    _, (refused,) = take(dump("a.csv", wide(poses(), before=["time"], rows=[["soon"]] * 4)), image=SIZE)
    assert "'soon' is neither a number nor a date" in refused.detail


def test_a_clock_of_whole_seconds_is_spread_over_the_frames(poses, take, dump):
    rows = [[f"2024-03-01 10:00:{(t + 4) // 10:02}"] for t in range(40)]
    ((sequence,), _) = take(dump("a.csv", wide(poses(40), before=["datetime"], rows=rows)), image=SIZE)
    assert len(sequence.keypoints) == 40
    assert sequence.fps == pytest.approx(10)
    assert any("coarser" in note for note in take.notes)


@pytest.mark.parametrize("step", [1 / 30, 1])
@pytest.mark.parametrize("other", [200.0, 0.0])
@pytest.mark.parametrize("write", ["csv", "json"])
def test_several_poses_of_one_time_are_not_frames_of_one_person(poses, take, dump, step, other, write):
    given = poses(60, left=20)
    three = np.repeat(given, 3, axis=0)  # exact duplicates, or people next to each other
    three[1::3, :, 0] += other
    three[2::3, :, 0] += 2 * other
    times = np.repeat(np.arange(60) * step, 3).tolist()
    if write == "csv":
        path = dump("a.csv", wide(three, before=["timestamp"], rows=[[time] for time in times]))
    else:
        frames = [{"timestamp": t, "keypoints": named(f)} for t, f in zip(times, three.tolist(), strict=True)]
        path = dump("a.json", frames)
    ((sequence,), _) = take(path, image=SIZE)
    assert sequence.fps == pytest.approx(1 / step)
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


def test_columns_and_keys_that_nobody_reads_are_named(poses, take, dump):
    rows = [["72", "blue"]] * 4
    take(dump("a.csv", wide(poses(), before=["heart rate", "shirt"], rows=rows)), image=SIZE)
    assert "columns that are not read: heart rate, shirt" in take.notes
    frames = [{"keypoints": named(frame), "mood": "good"} for frame in poses().tolist()]
    take(
        dump("a.json", {"metadata": {"fps": 25, "camera": {"lens": 35}, "weather": "rain"}, "frames": frames}),
        image=SIZE,
    )
    (note,) = (note for note in take.notes if note.startswith("keys that are not read"))
    assert all(name in note for name in ("mood", "weather"))


@pytest.mark.parametrize("axes", [("x", "y"), ("x", "y", "score")])
def test_a_joint_at_the_origin_is_missing_only_if_there_are_no_confidences(poses, take, dump, axes):
    given = poses(6)
    given[:, -1, :2] = 0
    given[..., 2] = 1
    ((sequence,), _) = take(dump("a.csv", wide(given, axes=axes)), image=SIZE)
    assert sequence.keypoints[:, -1, 2].tolist() == [float("score" in axes)] * 6
    assert any("6 of 102 joints" in note for note in take.notes) == ("score" not in axes)


@pytest.mark.parametrize("centred", [True, False])
def test_the_joint_to_which_others_are_relative_is_not_missing(poses, take, dump, centred):
    given = poses(6)
    given[..., 2] = 1
    middle = given[:, 11:12, :2] if centred else 0
    given[..., :2] -= middle
    given[:, 11, :2] = 0
    take(dump("a.csv", wide(given, axes=("x", "y"))), image=SIZE)
    assert any("6 of 102 joints" in note for note in take.notes) == (not centred)


@pytest.mark.parametrize(
    ("x", "y", "height"),
    [
        (342, 400, 480), (760, 1640, 1920), (700, 1250, 1280), (1200, 600, 720), (1900, 1000, 1080), (500, 940, 960),
        (1279, 719, 720), (470, 630, 640), (1900, 2000, 2160), (9000, 300, 360), (100, 5000, 5000),
        (1935, 1070, 1080), (1285, 700, 720), (2040, 1075, 1080),
    ],
)  # fmt: skip
def test_a_height_is_guessed_from_both_sides_of_usual_video(x, y, height):
    assert Reach(x, y).height == height


def test_one_joint_far_beyond_the_edge_does_not_change_the_height(poses):
    given = poses(60)
    given[..., 0] += 600
    given[..., 1] *= 1.7
    given[7, 9, 0] = 1700
    assert Reach.of(given).height == 720


def test_a_clip_beyond_the_assumed_image_is_noted(poses, take, dump):
    given = poses()
    given[..., 1] += 600
    take(dump("a.csv", wide(given)), likely_image=ImageSize(480))
    assert any("beyond the assumed image height" in note for note in take.notes)


def test_numbers_that_are_places_in_a_list_identify_nobody(poses, take, dump):
    one, other = poses(12, seed=1, left=60), poses(12, seed=2, left=400)
    other[..., :2] *= 0.9
    rows = [["frame", "person", *(f"{joint}_{axis}" for joint in COCO for axis in ("x", "y", "score"))]]
    for t in range(12):
        pair = [one[t], other[t]][:: (-1) ** t]
        rows += [[t, number, *pose.ravel()] for number, pose in enumerate(pair)]
    path = dump("a.csv", "\n".join(",".join(map(str, row)) for row in rows))
    ((sequence,), _) = take(path, image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, heights(one), **TINY)
    assert any("change places" in note for note in take.notes)


def test_numbers_of_people_who_pass_each_other_are_kept(poses, take, dump):
    one, other = poses(30, seed=1, left=0), poses(30, seed=2, left=300)
    one[..., 0] += 10 * np.arange(30)[:, None]
    other[..., 0] -= 10 * np.arange(30)[:, None]
    other[..., :2] *= 0.9
    rows = [["frame", "person", *(f"{joint}_{axis}" for joint in COCO for axis in ("x", "y", "score"))]]
    rows += [[t, number, *pose.ravel()] for t in range(30) for number, pose in ((0, one[t]), (1, other[t]))]
    ((sequence,), _) = take(dump("a.csv", "\n".join(",".join(map(str, row)) for row in rows)), image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, heights(one), **TINY)
    assert not any("identifies nobody" in note for note in take.notes)


def test_labels_that_look_the_same_are_one(poses, tmp_path):
    for number, label in enumerate(("squat jump", "squat\u200b jump", " squat\xa0 jump", "squat jump\ufeff")):
        rows = [[label]] * 4
        (tmp_path / f"{number}.csv").write_text(wide(poses(seed=number), before=["label"], rows=rows))
    summary = import_to_span(None, tmp_path, tmp_path / "to", options=ImportOptions(image=SIZE))
    assert {sequence.label for sequence in read_sequences(summary.span_dir)} == {"squat jump"}


def test_labels_of_segments_in_a_sidecar_have_one_spelling(poses, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text(wide(poses(20)))
    parts = tuple(TimedSegment(at, at + 10, label, None, True) for at, label in ((0, "squat"), (10, "squat\u200b")))
    options = ImportOptions(image=SIZE, segments={"a": parts})
    summary = import_to_span(None, tmp_path / "in", tmp_path / "to", options=options)
    (sequence,) = read_sequences(summary.span_dir)
    assert [segment.label for segment in sequence.segments] == ["squat", "squat"]


def test_lists_of_x_and_y_that_are_read_as_y_and_x_are_noted(take, dump):
    body = np.stack([np.full(17, 0.5), np.linspace(0.1, 0.9, 17), np.full(17, 0.9)], axis=1)
    take(dump("a.json", [body.tolist()] * 4), image=SIZE)
    assert any("bodies lie along x" in note for note in take.notes)
    take(dump("b.json", [body[:, [1, 0, 2]].tolist()] * 4), image=SIZE)
    assert not any("bodies lie along x" in note for note in take.notes)


def test_joints_that_a_mapping_leaves_out_are_counted(take, tmp_path):
    from data.records import KeypointSequence
    from data.store import write_span

    keypoints = np.random.default_rng(0).random((3, 33, 3)).astype(np.float32)
    span = write_span(tmp_path, 1, [KeypointSequence("a", "s", "l", 30.0, "blazepose33", keypoints)])
    take(span, layout="coco17")
    (note,) = take.notes
    assert note.startswith("16 of 33 joints of blazepose33 are left out: ")


def test_joints_of_whole_body_models_that_are_left_out_are_counted(poses, take, dump):
    results = [
        {"image_id": f"{t}.jpg", "keypoints": frame.ravel().tolist(), "score": 1, "idx": 1}
        for t, frame in enumerate(poses(4, 133))
    ]
    take(dump("a.json", results), image=SIZE)
    assert any(note.startswith("116 of 133 joints are left out") for note in take.notes)


def test_one_note_stands_for_many_files(poses, tmp_path):
    for number in range(30):
        (tmp_path / f"{number}.csv").write_text(wide(poses(seed=number)))
    summary = import_to_span(None, tmp_path, tmp_path / "to", options=ImportOptions(image=SIZE, label="sit"))
    (note,) = (note for note in summary.notes if "frame rate" in note)
    assert note.startswith(f"{tmp_path / '0.csv'} and 29 more: ")


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(("count", "layout"), [(17, "coco17"), (33, "blazepose33")])
def test_numbered_joints_count_from_zero_or_one(poses, take, dump, first, count, layout):
    given = poses(4, count)
    frames = [
        {
            "keypoints": [
                {"id": j + first, "x": x, "y": y, "score": s} for j, (x, y, s) in enumerate(frame) if (j + t) % 5
            ]
        }
        for t, frame in enumerate(given.tolist())
    ]
    ((sequence,), _) = take(dump("a.json", frames), image=SIZE)
    frames_, joints = np.indices((4, count))
    expected = np.where(((frames_ + joints) % 5 > 0)[..., None], heights(given), 0)
    assert sequence.layout == layout
    np.testing.assert_allclose(sequence.keypoints, expected, **TINY)


@pytest.mark.parametrize("layout", ["blazepose33", "coco17", None])
def test_numbers_of_legs_or_arms_are_refused_unless_the_layout_is_given(poses, take, dump, layout):
    given = poses(4, 17)
    frames = [
        {"keypoints": [{"id": j, "x": x, "y": y, "score": s} for j, (x, y, s) in enumerate(frame) if 11 <= j <= 16]}
        for frame in given.tolist()
    ]
    sequences, quarantined = take(dump("a.json", frames), image=SIZE, layout=layout)
    if layout is None:
        assert sequences == []
        assert "--layout coco17 or blazepose33" in quarantined[0].detail
        return
    (sequence,) = sequences
    assert (sequence.layout, quarantined) == (layout, [])
    np.testing.assert_allclose(sequence.keypoints[:, 11:17], heights(given)[:, 11:17], **TINY)
    assert not sequence.keypoints[:, :11].any()


@pytest.mark.parametrize(
    "write",
    [
        lambda f: [[x, y, s] for x, y, s in f],
        lambda f: [v for joint in f for v in joint],
        lambda f: {name: [x, y, s] for name, (x, y, s) in zip(COCO, f, strict=True)},
        lambda f: {name: {"x": x, "y": y, "probability": s} for name, (x, y, s) in zip(COCO, f, strict=True)},
        lambda f: {str(n): {"x": x, "y": y, "visibility": s} for n, (x, y, s) in enumerate(f)},
    ],
)
def test_joints_are_written_in_many_ways(poses, take, dump, write):
    given = poses()
    frames = [{"keypoints": write(frame)} for frame in given.tolist()]
    ((sequence,), _) = take(dump("a.json", frames), "tfjs", image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


@pytest.mark.parametrize(
    ("stated", "fps"),
    [("60fps", 60), ("29.97 Hz", 29.97), ("30000/1001", 30000 / 1001), (25, 25), ("24 frames per second", 24)],
)
@pytest.mark.parametrize("size", ["640x480", [640, 480], {"width": 640, "height": 480}, "640 × 480 px"])
def test_metadata_are_read_in_many_forms(poses, take, dump, stated, fps, size):
    given = poses()
    frames = [[{"keypoints": named(frame)}] for frame in given.tolist()]
    metadata = {"action": "bow", "subject": "p1", "frame_rate": stated, "resolution": size}
    ((sequence,), _) = take(dump("a.json", {"metadata": metadata, "frames": frames}))
    assert (sequence.label, sequence.subject) == ("bow", "p1")
    assert sequence.fps == pytest.approx(fps)
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


def test_somebody_who_does_a_handstand_is_noted_and_somebody_who_lies_is_not(poses, take, dump):
    frames = np.zeros((5, 17, 3))
    frames[..., 2] = 1
    frames[..., 0] = 300 + 10 * np.arange(17)
    frames[..., 1] = 100 + 15 * np.arange(17)
    take(dump("a.csv", wide(frames)), image=SIZE)
    assert not any("--y-up" in note for note in take.notes)
    take(dump("b.csv", wide(frames * (1, -1, 1) + (0, 480, 0))), image=SIZE)
    assert any("5 of 5 frames" in note for note in take.notes)
    take(dump("c.csv", wide(frames[..., [1, 0, 2]])), image=SIZE)
    lying = frames.copy()
    lying[..., 0], lying[..., 1] = frames[..., 1], 300 - 0.1 * frames[..., 1]
    take(dump("d.csv", wide(lying)), image=SIZE)
    assert not any("--y-up" in note for note in take.notes)


@pytest.mark.parametrize("key", ["datetime", "time", "timestamp"])
def test_dates_in_json_are_times(poses, take, dump, key):
    given = poses()
    frames = [{key: f"2024-03-01T10:00:00.{t * 4:02}Z", "keypoints": named(f)} for t, f in enumerate(given.tolist())]
    ((sequence,), _) = take(dump("a.json", frames), image=SIZE)
    np.testing.assert_allclose(sequence.frame_times, np.arange(4) / 25, atol=1e-6)


def test_frames_by_number_in_an_object(poses, take, dump):
    given = poses(12)
    frames = {str(t): {"keypoints": named(frame)} for t, frame in enumerate(given.tolist())}
    shuffled = {name: frames[name] for name in sorted(frames)}
    ((sequence,), _) = take(dump("a.json", {"fps": 25, "frames": shuffled}), image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


def test_the_first_of_several_columns_counts_and_the_others_are_named(poses, take, dump):
    given = poses()
    header = [
        "frame",
        *(f"{joint}_{axis}" for joint in COCO for axis in ("presence", "x", "y", "visibility", "x_norm")),
    ]
    rows = [
        ",".join(map(repr, [t, *(v for x, y, s in pose for v in (0.1, x, y, s, x / 640))]))
        for t, pose in enumerate(given.tolist())
    ]
    ((sequence,), _) = take(dump("a.csv", "\n".join([",".join(header), *rows])), image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)
    assert any("nose_presence, nose_x_norm" in note for note in take.notes)


@pytest.mark.parametrize("name", ["visibility", "presence", "likelihood", "score"])
def test_landmarks_of_mediapipe_have_a_confidence_by_any_name(take, dump, name):
    given = np.random.default_rng(0).random((3, 33, 4))
    frames = [
        {"landmarks": [[dict(zip(("x", "y", "z", name), joint, strict=True)) for joint in f]]} for f in given.tolist()
    ]
    ((sequence,), _) = take(dump("a.json", frames), "mediapipe", image=ImageSize(100, 100))
    np.testing.assert_allclose(sequence.keypoints, given, **TINY)


def test_a_clip_that_is_no_image_does_not_change_the_height_of_the_others(poses, tmp_path):
    (tmp_path / "a.csv").write_text(wide(poses()))
    (tmp_path / "b.csv").write_text(wide(poses() * (1, 1e6, 1)))
    summary = import_to_span(None, tmp_path, tmp_path / "to")
    assert any("assuming 480 pixels" in note for note in summary.notes)
    assert any("beyond the assumed image height" in note for note in summary.notes)


@pytest.mark.parametrize("format_", ["alphapose", "coco", "npz", "pyskl"])
def test_what_is_not_read_is_named_in_all_formats(poses, take, tmp_path, format_):
    given = poses()
    entry = {"score": 1, "category_id": 1, "mood": "good"}
    if format_ in ("alphapose", "coco"):
        image = (lambda t: t) if format_ == "coco" else (lambda t: f"{t}.jpg")
        results = [{"image_id": image(t), "keypoints": f.ravel().tolist(), **entry} for t, f in enumerate(given)]
        path = tmp_path / "a.json"
        path.write_text(json.dumps(results))
    elif format_ == "npz":
        path = tmp_path / "a.npz"
        np.savez(path, frames=given, offsets=np.array([0, 4]), joint_names=np.array(COCO), mood=np.zeros(1))
    else:
        path = tmp_path / "a.pkl"
        path.write_bytes(pickle.dumps({"keypoint": given[None, ..., :2], "img_shape": (480, 640), "mood": 1}))
    sequences, quarantined = take(path, image=SIZE)
    assert (take.format, len(sequences), quarantined) == (format_, 1, [])
    assert any(note.endswith("not read: mood") for note in take.notes)


@pytest.mark.parametrize("write", ["csv", "json"])
def test_confidences_up_to_100_are_percentages(poses, take, dump, write):
    given = poses()
    percent = given * (1, 1, 100)
    path = (
        dump("a.csv", wide(percent))
        if write == "csv"
        else dump("a.json", [[{"keypoints": named(pose)}] for pose in percent])
    )
    ((sequence,), _) = take(path, image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)
    assert any("percentages" in note for note in take.notes)


def test_confidences_of_networks_that_exceed_1_are_no_percentages(poses, take, dump):
    ((sequence,), _) = take(dump("a.csv", wide(poses() * (1, 1, 6))), image=SIZE)
    assert sequence.keypoints[..., 2].min() == 1
    assert take.repairs["confidences clipped to 0..1"] > 0


def test_flags_of_a_table_are_confidences(poses, take, dump):
    given = poses()
    given[..., 2] = np.arange(17) % 3
    ((sequence,), _) = take(dump("a.csv", wide(given, axes=("x", "y", "visibility"))), image=SIZE)
    np.testing.assert_array_equal(sequence.keypoints[0, :3, 2], (0, 0.5, 1))


@pytest.mark.parametrize("write", ["csv", "tfjs", "ultralytics"])
def test_coordinates_around_0_are_no_fractions_of_an_image(poses, take, dump, write):
    given = (poses(left=250) - (320, 240, 0)) / (320, 240, 1)
    contents = {
        "csv": wide(given),
        "tfjs": [[{"keypoints": named(pose)}] for pose in given],
        "ultralytics": [
            [{"keypoints": dict(zip(("x", "y", "visible"), pose.T.tolist(), strict=True))}] for pose in given
        ],
    }
    _, (fault,) = take(dump(f"a.{'csv' if write == 'csv' else 'json'}", contents[write]), image=SIZE)
    assert "around 0" in fault.detail


def test_pixels_around_0_are_noted(poses, take, dump):
    take(dump("a.csv", wide(poses(left=250) - (320, 240, 0))), image=SIZE)
    assert any("around 0" in note for note in take.notes)


@pytest.mark.parametrize("write", ["csv", "json"])
@pytest.mark.parametrize(
    "form",
    ["%Y%m%d_%H%M%S_%f", "%Y%m%d-%H%M%S.%f", "%Y-%m-%d_%H-%M-%S_%f", "%Y%m%d%H%M%S%f", "%Y%m%d_%H%M%S", "%Y%m%d%H%M%S"],
)
def test_dates_without_separators_are_times(poses, take, dump, write, form):
    step = 0.04 if "%f" in form else 1
    start = datetime(2024, 3, 1, 10, 0, 59, 960_000 if "%f" in form else 0)
    times = [(start + timedelta(seconds=step * t)).strftime(form) for t in range(4)]
    times = [time[:-3] if "%f" in form else time for time in times]
    given = poses()
    if write == "csv":
        path = dump("a.csv", wide(given, before=["timestamp"], rows=[[time] for time in times]))
    else:
        frames = [
            {"timestamp": time, "poses": [{"keypoints": named(pose)}]} for time, pose in zip(times, given, strict=True)
        ]
        path = dump("a.json", frames)
    (sequence, *others), _ = take(path, image=SIZE)
    assert not others
    np.testing.assert_allclose(sequence.timestamps, step * np.arange(4), atol=0.005)


@pytest.mark.parametrize("write", ["csv", "json"])
@pytest.mark.parametrize(("date", "noted"), [("03/01/2024", True), ("13/01/2024", False), ("2024/03/01", False)])
def test_a_date_with_day_and_month_in_either_order_is_noted(poses, take, dump, write, date, noted):
    times = [f"{date} 10:00:0{second}" for second in range(4)]
    given = poses()
    if write == "csv":
        path = dump("a.csv", wide(given, before=["time"], rows=[[time] for time in times]))
    else:
        frames = [
            {"time": time, "poses": [{"keypoints": named(pose)}]} for time, pose in zip(times, given, strict=True)
        ]
        path = dump("a.json", frames)
    ((sequence,), _) = take(path, image=SIZE)
    np.testing.assert_allclose(sequence.timestamps, np.arange(4))
    assert any("day, month, year" in note for note in take.notes) == noted


@pytest.mark.parametrize(
    ("path", "label", "split", "subject"),
    [
        ("train/a", "unknown", "train", "unknown"),
        ("Validation/squat/a", "squat", "Validation", "unknown"),
        ("squat/test/a", "squat", "test", "unknown"),
        ("squat/json/a", "squat", None, "unknown"),
        ("keypoints/a", "unknown", None, "unknown"),
        ("squat/subject_01/a", "squat", None, "subject_01"),
        ("subject 2/squat/a", "squat", None, "subject 2"),
        ("squat/p1/a", "squat", None, "p1"),
        ("p1/a", "p1", None, "unknown"),
        ("squat/predict2/labels/a", "squat", None, "unknown"),
        ("pose1/a", "pose1", None, "unknown"),
    ],
)
def test_folders_of_splits_files_and_people_are_no_labels(poses, take, dump, tmp_path, path, label, split, subject):
    dump(f"in/{path}.csv", wide(poses()))
    ((sequence,), _) = take(tmp_path / "in", image=SIZE)
    assert (sequence.label, sequence.split, sequence.subject) == (label, split, subject)
    folders = [note for note in take.notes if "the folder" in note]
    assert bool(folders) == (path not in ("p1/a", "pose1/a"))


def test_a_folder_above_the_label_is_noted(poses, take, dump, tmp_path):
    dump("in/monday/squat/a.csv", wide(poses()))
    ((sequence,), _) = take(tmp_path / "in", image=SIZE)
    assert sequence.label == "squat"
    assert any("nearest folder" in note and "monday" in note for note in take.notes)


def two_people(poses):
    return {"p1": poses(left=100), "p2": poses(left=400, seed=1)}


@pytest.mark.parametrize("write", ["wide", "long", "no time", "json"])
def test_people_whose_rows_take_turns_are_a_sequence_each(poses, take, dump, write):
    people = two_people(poses)
    turns = [(t, who) for t in range(4) for who in people]
    match write:
        case "wide" | "no time":
            before = ["frame", "subject"] if write == "wide" else ["subject"]
            rows = [[t, who][-len(before) :] for t, who in turns]
            given = np.stack([people[who][t] for t, who in turns])
            path = dump("a.csv", wide(given, before=before, rows=rows))
        case "long":
            lines = [
                f"{t},{who},{joint},{x},{y},{c}"
                for t, who in turns
                for joint, (x, y, c) in zip(COCO, people[who][t], strict=True)
            ]
            path = dump("a.csv", "\n".join(["frame,subject,joint,x,y,score", *lines]))
        case _:
            frames = [{"frame": t, "subject": who, "keypoints": named(people[who][t])} for t, who in turns]
            path = dump("a.json", frames)
    sequences, _ = take(path, image=SIZE)
    assert [sequence.subject for sequence in sequences] == ["p1", "p2"]
    for sequence in sequences:
        np.testing.assert_allclose(sequence.keypoints, heights(people[sequence.subject]), **TINY)
    assert any("take turns" in note for note in take.notes)


def test_people_one_after_the_other_and_their_second_recordings_are_clips(poses, take, dump):
    people = two_people(poses)
    order = ["p1", "p2", "p1"]
    given = np.concatenate([people[who] for who in order])
    path = dump("a.csv", wide(given, before=["frame", "subject"], rows=[[t, who] for who in order for t in range(4)]))
    sequences, _ = take(path, image=SIZE)
    assert [(sequence.subject, len(sequence.keypoints)) for sequence in sequences] == [("p1", 4), ("p2", 4), ("p1", 4)]
    assert not any("take turns" in note for note in take.notes)


BODY = np.array(
    [
        *((320, 60), (328, 52), (312, 52), (338, 58), (302, 58), (360, 110), (280, 110), (385, 170), (255, 170)),
        *((395, 230), (245, 230), (345, 240), (295, 240), (350, 320), (290, 320), (352, 400), (288, 400)),
    ],
    float,
)
"""COCO's joints of somebody who stands, in pixels."""
ASIDE = np.array([200, 0, 0])


def standing(frames=20):
    """Return poses of somebody who stands and sways: `[T, 17, 3]` in pixels and scores."""
    given = np.repeat(np.c_[BODY, 0.5 + 0.02 * np.arange(17)][None], frames, axis=0)
    given[:, :, 0] += 3 * np.sin(np.arange(frames))[:, None]
    return given


@pytest.mark.parametrize(
    "write",
    [
        lambda p: p,
        lambda p: p.transpose(0, 2, 1),
        lambda p: p[..., :2],
        lambda p: p[..., :2].transpose(0, 2, 1),
        lambda p: p.reshape(len(p), -1),
        lambda p: p / (640, 480, 1) @ np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]]),
    ],
)
def test_arrays_without_names_are_read_and_noted(take, dump, write):
    given = standing()
    written = write(given)
    ((sequence,), _) = take(dump("a.json", written.tolist()), image=SIZE)
    np.testing.assert_allclose(sequence.keypoints[..., :2], heights(given)[..., :2], **TINY)
    scored = 3 in written.shape[1:] or written.shape[-1] == 51
    np.testing.assert_allclose(sequence.keypoints[..., 2], given[..., 2] if scored else 1, **TINY)
    assert any("names" in note or "y, x, score" in note for note in take.notes)


@pytest.mark.parametrize("write", [lambda frame: frame, lambda frame: frame.T])
def test_lists_of_numbers_in_frames_are_read_and_noted(take, dump, write):
    given = standing()
    frames = [{"keypoints": write(frame).tolist()} for frame in given]
    ((sequence,), _) = take(dump("a.json", {"fps": 25, "frames": frames}), image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)
    assert any("have no names" in note for note in take.notes)


def test_somebody_who_lies_in_an_array_is_noted(take, dump):
    lying = standing()[..., [1, 0, 2]]
    take(dump("a.json", lying.tolist()), image=SIZE)
    assert any("y, x, score" in note for note in take.notes)


def test_a_third_number_below_0_is_a_depth(take, dump):
    given = standing() / (640, 480, 1)
    given[..., 2] = -0.25
    frames = [{"keypoints": dict(zip(COCO, frame.tolist(), strict=True))} for frame in given]
    ((sequence,), _) = take(dump("a.json", frames), image=SIZE)
    np.testing.assert_allclose(sequence.keypoints[..., 2], -0.25 * 640 / 480, **TINY)
    np.testing.assert_array_equal(sequence.keypoints[..., 3], 1)
    assert any("a depth" in note for note in take.notes)


@pytest.mark.parametrize("write", ["json", "npz"])
def test_an_array_with_joints_before_frames_is_refused(take, dump, tmp_path, write):
    given = standing(17).transpose(1, 0, 2)
    path = dump("a.json", given.tolist()) if write == "json" else tmp_path / "a.npz"
    if write == "npz":
        np.savez(path, keypoints=given)
    _, (fault,) = take(path, image=SIZE)
    assert "first axis seems to be the joints" in fault.detail


@pytest.mark.parametrize(
    ("write", "clips"),
    [
        (lambda p: p.transpose(0, 2, 1), 1),
        (lambda p: p[:, None], 1),
        (lambda p: np.stack([p, p + ASIDE], axis=1), 2),
        (lambda p: np.stack([p, p + ASIDE]), 2),
    ],
)
def test_axes_of_an_archive_are_found(take, tmp_path, write, clips):
    given = standing()
    np.savez(tmp_path / "a.npz", keypoints=write(given))
    sequences, _ = take(tmp_path / "a.npz", image=SIZE)
    assert len(sequences) == clips
    for place, sequence in enumerate(sequences):
        np.testing.assert_allclose(sequence.keypoints, heights(given + place * ASIDE), **TINY)
    assert any("several clips or people" in note for note in take.notes) == (write(given).ndim == 4)


def test_numbers_of_landmarks_without_names(take, dump):
    landmarks = np.random.default_rng(0).uniform(0.3, 0.6, (4, 33, 4))
    ((sequence,), _) = take(dump("a.json", [{"landmarks": frame.tolist()} for frame in landmarks]), image=SIZE)
    assert take.format == "mediapipe"
    np.testing.assert_allclose(sequence.keypoints, landmarks * (4 / 3, 1, 4 / 3, 1), **TINY)


def test_videos_prepared_for_videopose3d_have_size_and_rate_but_no_person_and_action(take, tmp_path):
    given = standing()
    metadata = {"layout_name": "coco", "video_metadata": {"squat.mp4": {"w": 1280, "h": 960, "fps": 25}}}
    positions = {"squat.mp4": {"custom": [given[..., :2]]}}
    np.savez(tmp_path / "data_2d_custom.npz", positions_2d=positions, metadata=metadata)
    ((sequence,), _) = take(tmp_path / "data_2d_custom.npz")
    assert (sequence.sequence_id, sequence.subject, sequence.label, sequence.fps) == ("squat", "unknown", "unknown", 25)
    np.testing.assert_allclose(sequence.keypoints[..., :2], given[..., :2] / 960, **TINY)


def test_a_project_of_sleap_names_what_to_export(take, tmp_path):
    with h5py.File(tmp_path / "a.slp", "w") as file:
        file.create_group("metadata").attrs["json"] = b"{}"
        file["frames"] = np.zeros(3)
    _, (fault,) = take(tmp_path / "a.slp")
    assert "sleap-convert --format analysis" in fault.detail


@pytest.mark.parametrize("folder", ["", "squat", "train/squat", "squat/clip_7", "squat/p1"])
@pytest.mark.parametrize("write", ["pose", "MMPose", "landmarks"])
def test_files_of_one_frame_are_joined_by_their_numbers(take, dump, tmp_path, write, folder):
    given = standing(12)
    landmarks = np.random.default_rng(0).uniform(0.3, 0.6, (12, 33, 4))
    names = ("x", "y", "z", "visibility")
    for t, frame in enumerate(given):
        pose = {"keypoints": frame[:, :2].tolist(), "keypoint_scores": frame[:, 2].tolist(), "bbox_score": 0.9}
        content = {
            "pose": {"keypoints": named(frame), "score": 0.9},
            "MMPose": [pose],
            "landmarks": {"landmarks": [dict(zip(names, point, strict=True)) for point in landmarks[t].tolist()]},
        }
        dump(f"in/{folder}/img_{t if t < 9 else t + 1}.json", content[write] if t != 4 else [])
    ((sequence,), _) = take(tmp_path / "in", image=SIZE)
    wanted = landmarks * (4 / 3, 1, 4 / 3, 1) if write == "landmarks" else heights(given)
    assert len(sequence.keypoints) == 12
    np.testing.assert_allclose(np.delete(sequence.keypoints, 4, 0), np.delete(wanted, 4, 0), **TINY)
    np.testing.assert_allclose(sequence.timestamps[-3:], np.array([10, 11, 12]) / 30)
    assert sequence.label == ("squat" if folder else "unknown")
    assert any("joined to clips" in note for note in take.notes)


def test_files_of_one_frame_without_numbers_are_noted(poses, dump, tmp_path):
    for name, frame in zip("abcd", poses(), strict=True):
        dump(f"in/{name}.json", {"keypoints": named(frame)})
    summary = import_to_span(None, tmp_path / "in", tmp_path / "out")
    assert (summary.sequences, summary.frames) == (4, 4)
    assert any("4 of 4 sequences have one frame" in note for note in summary.notes)


def test_numbered_files_of_several_frames_stay_clips(poses, dump, take, tmp_path):
    for number in range(4):
        dump(f"in/squat_{number}.json", [[{"keypoints": named(frame)}] for frame in poses()])
    sequences, _ = take(tmp_path / "in", image=SIZE)
    assert [len(sequence.keypoints) for sequence in sequences] == [4] * 4


def test_a_bad_file_of_one_frame_is_quarantined_alone(poses, dump, take, tmp_path):
    for number, frame in enumerate(poses(6)):
        dump(f"in/squat_{number}.json", {"keypoints": named(frame)} if number != 3 else "{")
    ((sequence,), (fault,)) = take(tmp_path / "in", image=SIZE, fill_gap=0)
    assert fault.file.endswith("squat_3.json")
    np.testing.assert_array_equal(sequence.keypoints[..., 2].any(axis=1), np.arange(6) != 3)


def test_names_of_images_may_have_the_hash_of_roboflow(poses, dump, take, tmp_path):
    given = poses(4)
    for number, frame in enumerate(given):
        line = " ".join(f"{x / 640} {y / 480} 2" for x, y, _ in frame)
        dump(f"in/squat_mp4-{number:04d}_jpg.rf.{number * 7919:032x}.txt", f"0 0.5 0.5 0.2 0.6 {line}\n")
    images = [
        {"id": t, "file_name": f"squat_mp4-{t:04d}_png.rf.{t * 7919:032x}.jpg", "height": 480, "width": 640}
        for t in range(4)
    ]
    boxes = [
        {"id": t, "image_id": t, "category_id": 1, "keypoints": frame.ravel().tolist()} for t, frame in enumerate(given)
    ]
    coco = {"images": images, "annotations": boxes, "categories": [{"id": 1, "keypoints": COCO}]}
    for path in (tmp_path / "in", dump("a.json", coco)):
        ((sequence,), _) = take(path, image=SIZE)
        assert sequence.sequence_id == "squat_mp4"
        np.testing.assert_allclose(sequence.keypoints[..., :2], heights(given)[..., :2], **TINY)
