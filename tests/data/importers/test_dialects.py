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
