"""Files as tutorials and apps write them, with the names and the nesting of their own."""

import numpy as np
import pytest

from data.errors import InputError
from data.importers import ImageSize
from data.layouts import load_layout

COCO = load_layout("coco17").joints
BLAZE = load_layout("blazepose33").joints
SIZE = ImageSize(480, 640)
TINY = {"rtol": 1e-5, "atol": 1e-5}


def flat(frame):
    return frame.ravel().tolist()


def instance(frame, **more):
    return {"keypoints": frame[:, :2].tolist(), "keypoint_scores": frame[:, 2].tolist(), "bbox": [[0, 0, 9, 9]], **more}


def camel(frame):
    return [
        {"name": name, "x": x, "y": y, "score": score} for name, (x, y, score) in zip(COCO, frame.tolist(), strict=True)
    ]


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.json", lambda p: [{"version": 1.3, "people": [{"pose_keypoints_2d": flat(frame)}]} for frame in p]),
        ("a.json", lambda p: {"frames": [{"people": [{"pose_keypoints_2d": flat(frame)}]} for frame in p]}),
        ("a.json", lambda p: {"frames": [{"persons": [{"id": 1, "keypoints": frame.tolist()}]} for frame in p]}),
        ("a.json", lambda p: [{"ts": 7e8 + t / 30, "pose": camel(frame)} for t, frame in enumerate(p)]),
        (
            "a.json",
            lambda p: [
                {"frame": t, "keypoints": f[:, :2].tolist(), "confidence": f[:, 2].tolist()} for t, f in enumerate(p)
            ],
        ),
        (
            "a.json",
            lambda p: [
                {"keypoints": dict(zip(["x", "score", "y"], f[:, [0, 2, 1]].T.tolist(), strict=True))} for f in p
            ],
        ),
        (
            "a.json",
            lambda p: [{"keypoints": {str(k): point for k, point in reversed(list(enumerate(f.tolist())))}} for f in p],
        ),
        ("a.json", lambda p: {"resolution": [640, 480], "data": [{"keypoints": camel(frame)} for frame in p]}),
    ],
)
def test_people_and_joints_in_other_members(poses, take, dump, name, write):
    given = poses(joints=18 if "pose_keypoints_2d" in str(write(poses(1))) else 17)
    ((sequence,), _) = take(dump(name, write(given)), image=None if "resolution" in str(write(given)) else SIZE)
    np.testing.assert_allclose(sequence.keypoints, given / (480, 480, 1), **TINY)
    assert not any("not read" in note for note in take.notes)


def test_people_of_one_image_are_no_frames(poses, take, dump):
    people = [poses(1, left=left)[0] for left in (20, 420)]
    ((sequence,), _) = take(dump("a.json", [instance(person) for person in people]), image=SIZE)
    assert (len(sequence.keypoints), take.repairs["poses of other people left out"]) == (1, 1)
    assert any("one image" in note for note in take.notes)
    ((sequence,), _) = take(dump("b.json", [instance(frame) for frame in poses(5)]), image=SIZE)
    assert len(sequence.keypoints) == 5


def test_lifted_poses_of_mmpose_are_explained(poses, take, dump):
    frames = [{"frame_id": 0, "instances": [{"keypoints": poses(1)[0].tolist(), "keypoint_scores": [1] * 17}]}]
    _, (fault,) = take(dump("a.json", frames))
    assert "lifted to 3-D" in fault.detail


@pytest.mark.parametrize(
    "write",
    [
        lambda frame: {"landmarks": {str(k): point for k, point in reversed(list(enumerate(frame)))}},
        lambda frame: {"pose": {"landmarks": frame}},
        lambda frame: {"landmarks": [{"id": k, **point} for k, point in enumerate(frame)]},
        lambda frame: {"pose_landmarks": dict(zip(BLAZE, frame, strict=True))},
    ],
)
def test_landmarks_in_other_members(take, dump, write):
    given = np.random.default_rng(0).uniform(0.3, 0.6, (4, 33, 4))
    names = ("x", "y", "z", "visibility")
    frames = [write([dict(zip(names, point, strict=True)) for point in frame]) for frame in given.tolist()]
    ((sequence,), _) = take(dump("a.json", {"fps": 24, "width": 640, "height": 480, "frames": frames}))
    assert (take.format, sequence.fps) == ("mediapipe", 24)
    np.testing.assert_allclose(sequence.keypoints, given * (4 / 3, 1, 4 / 3, 1), **TINY)


def test_names_of_vision_as_swift_prints_them(take, dump):
    names = ["left_shoulder_1_joint", "right_shoulder_1_joint", "left_upLeg_joint", "right_upLeg_joint"]
    joints = [
        {"name": f"VNHumanBodyPoseObservationJointName(_rawValue: {name})", "x": 0.4, "y": 0.7, "confidence": 0.9}
        for name in names
    ]
    ((sequence,), _) = take(dump("a.json", [{"joints": joints}] * 3), image=SIZE)
    assert take.format == "vision"
    place = load_layout(sequence.layout).joints.index("left_hip")
    np.testing.assert_allclose(sequence.keypoints[0, place], (0.4 * 4 / 3, 0.3, 0.9), **TINY)


def test_joints_of_kinect_by_type(take, dump):
    joints = ["SpineBase", "SpineMid", "SpineShoulder", "Head", "HipLeft", "HipRight"]
    rows = [f"{t},{joint},0.1,{0.2 * k},2.5" for t in range(3) for k, joint in enumerate(joints)]
    ((sequence,), _) = take(dump("a.csv", "\n".join(["Frame,JointType,X,Y,Z", *rows])))
    assert sequence.layout == "kinect25"


def test_an_array_of_numpy_is_described(take, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((20, 17, 3)))
    with pytest.raises(InputError, match=r"one array \(float64 \[20, 17, 3\]\)") as raised:
        take(tmp_path / "a.npy")
    assert "numpy.savez" in raised.value.remedy


def table(poses, column, cells):
    header = [column, *(f"{joint}_{axis}" for joint in COCO for axis in ("x", "y", "score"))]
    rows = [[cell, *map(repr, flat(frame))] for cell, frame in zip(cells, poses, strict=True)]
    return "\n".join(",".join(row) for row in [header, *rows])


@pytest.mark.parametrize("column", ["file", "file_name", "video_path", "clip_name"])
def test_a_column_of_files_tells_clips_apart(poses, take, dump, column):
    cells = ["a.mp4"] * 3 + ["b.mp4"] * 2
    sequences, _ = take(dump("a.csv", table(poses(5), column, cells)), image=SIZE)
    assert [(sequence.sequence_id, len(sequence.keypoints)) for sequence in sequences] == [("a.mp4", 3), ("b.mp4", 2)]


@pytest.mark.parametrize("column", ["file_name", "image"])
def test_a_column_of_numbered_images_is_that_of_the_frames(poses, take, dump, column):
    cells = [f"squat/img_{t:03d}.JPG" for t in (3, 2, 5)]
    given = poses(3)
    ((sequence,), _) = take(dump("a.csv", table(given, column, cells)), image=SIZE, fps=10)
    np.testing.assert_allclose(sequence.timestamps, (0, 0.1, 0.3))
    np.testing.assert_allclose(sequence.keypoints, given[[1, 0, 2]] / (480, 480, 1), **TINY)


def test_numbered_images_of_several_recordings_are_several_clips(poses, take, dump):
    cells = [f"guy{who}_squat{t:03d}.jpg" for who in (1, 2) for t in range(3)]
    sequences, _ = take(dump("a.csv", table(poses(6), "file_name", cells)), image=SIZE)
    assert [(one.sequence_id, len(one.keypoints)) for one in sequences] == [("guy1_squat", 3), ("guy2_squat", 3)]


@pytest.mark.parametrize("names", [("clip_1", "clip_2"), ("squat_01.mp4", "lunge_01.mp4")])
def test_members_with_frames_are_clips(poses, take, dump, names):
    given = [poses(4), poses(3, seed=1)]
    content = {name: [{"keypoints": camel(frame)} for frame in clip] for name, clip in zip(names, given, strict=True)}
    sequences, _ = take(dump("a.json", content), image=SIZE)
    assert [sequence.sequence_id for sequence in sequences] == [f"a/{name}" for name in names]
    for sequence, clip in zip(sequences, given, strict=True):
        np.testing.assert_allclose(sequence.keypoints, clip / (480, 480, 1), **TINY)
    assert any("each member" in note for note in take.notes)


def test_numbered_joints_of_all_clips_of_a_file_are_those_of_one_layout(poses, take, dump):
    frames = [
        {
            "label": label,
            "keypoints": [{"id": k, "x": x, "y": y, "score": s} for k, (x, y, s) in enumerate(frame.tolist())],
        }
        for label in ("up", "down")
        for frame in poses()
    ]
    sequences, _ = take(dump("a.json", frames), image=SIZE)
    assert [(sequence.label, sequence.layout) for sequence in sequences] == [("up", "coco17"), ("down", "coco17")]


def test_frames_without_keypoints_have_nobody(poses, take, dump):
    frames = [{"frame": t, "keypoints": camel(frame) if t else None} for t, frame in enumerate(poses())]
    ((sequence,), _) = take(dump("a.json", frames), image=SIZE)
    np.testing.assert_array_equal(sequence.keypoints[..., 2].any(axis=1), (0, 1, 1, 1))


def test_sizes_and_names_in_metadata(poses, take, dump):
    meta = {"subjectId": "S07", "activity": "squat", "frameRate": 59.94, "imageSize": {"w": 640, "h": 480}}
    given = poses()
    ((sequence,), _) = take(dump("a.json", {"meta": meta, "frames": [{"keypoints": camel(f)} for f in given]}))
    assert (sequence.subject, sequence.label, sequence.fps) == ("S07", "squat", 59.94)
    np.testing.assert_allclose(sequence.keypoints, given / (480, 480, 1), **TINY)


@pytest.mark.parametrize("write", ["yolo", "ultralytics", "coco"])
def test_classes_of_detectors_that_are_not_read_are_noted(poses, take, dump, tmp_path, write):
    given = poses()
    match write:
        case "yolo":
            for t, frame in enumerate(given):
                dump(f"in/a_{t}.txt", f"{t // 2} 0.5 0.5 0.2 0.6 " + " ".join(map(str, flat(frame / (640, 480, 1)))))
            path = tmp_path / "in"
        case "ultralytics":
            path = dump(
                "a.json",
                [
                    [{"name": "squat", "keypoints": dict(zip(("x", "y", "visible"), frame.T.tolist(), strict=True))}]
                    for frame in given
                ],
            )
        case _:
            images = [{"id": t, "file_name": f"a_{t}.jpg", "height": 480} for t in range(4)]
            poses_ = [{"image_id": t, "category_id": t // 2, "keypoints": flat(given[t])} for t in range(4)]
            categories = [{"id": k, "name": name} for k, name in enumerate(("squat", "lunge"))]
            path = dump("a.json", {"images": images, "annotations": poses_, "categories": categories})
    take(path, image=SIZE)
    assert any("not read" in note for note in take.notes)


def test_rooms_with_z_upwards_are_noted(take, dump):
    joints = load_layout("kinect20").joints
    heights = dict.fromkeys(joints, 0.5) | {"shoulder_center": 1.5, "hip_center": 1.0}
    heights |= {"left_shoulder": 1.4, "right_shoulder": 1.4, "left_hip": 0.9, "right_hip": 0.9}
    header = ["frame", *(f"{joint}_{axis}" for joint in joints for axis in "xyz")]
    rows = [[t, *(v for joint in joints for v in (0.1, 2.5, heights[joint]))] for t in range(3)]
    take(dump("a.csv", "\n".join(",".join(map(str, row)) for row in [header, *rows])))
    assert any("upright along z" in note for note in take.notes)


def test_clips_that_are_taken_for_frames_are_refused(poses, take, dump):
    clips = [[{"keypoints": camel(frame)} for frame in poses(8, seed=seed)] for seed in range(3)]
    _, (fault,) = take(dump("a.json", clips), image=SIZE)
    assert "one person in as many frames" in fault.detail


def test_many_people_in_a_frame_are_people(poses, take, dump):
    frames = [[{"keypoints": camel(poses(1, left=90 * who)[0])} for who in range(7)]] * 3
    ((sequence,), _) = take(dump("a.json", frames), image=SIZE)
    assert len(sequence.keypoints) == 3
