"""Files of motion capture."""

import struct

import numpy as np
import pytest

from data.layouts import load_layout

KINECT = load_layout("kinect20").joints
TINY = {"rtol": 1e-4, "atol": 1e-4}


def bvh(rows, prefix="", unit=1.0):
    """Return a BVH file of a person whose arms hang down; channels are those of the root and of the left arm."""

    def bone(kind, name, offset, inner, channels="3 Zrotation Xrotation Yrotation"):
        place = " ".join(str(value * unit) for value in offset)
        return [f"{kind} {prefix}{name}", "{", f"OFFSET {place}", f"CHANNELS {channels}", *inner, "}"]

    def fixed(name, offset, inner):
        place = " ".join(str(value * unit) for value in offset)
        return [f"JOINT {prefix}{name}", "{", f"OFFSET {place}", "CHANNELS 0", *inner, "}"]

    end = ["End Site", "{", "OFFSET 0 -5 0", "}"]

    def leg(side, x):
        foot = fixed(f"{side}Foot", (0, -40, 0), end)
        return fixed(f"{side}UpLeg", (x, 0, 0), fixed(f"{side}Leg", (0, -40, 0), foot))

    def forearm(side):
        return fixed(f"{side}ForeArm", (0, -30, 0), fixed(f"{side}Hand", (0, -25, 0), end))

    left = bone("JOINT", "LeftArm", (20, 45, 0), forearm("Left"))
    right = fixed("RightArm", (-20, 45, 0), forearm("Right"))
    neck = fixed("Neck", (0, 50, 0), fixed("Head", (0, 10, 0), end))
    inner = [*leg("Left", 10), *leg("Right", -10), *neck, *left, *right]
    root = bone("ROOT", "Hips", (0, 0, 0), inner, "6 Xposition Yposition Zposition Zrotation Xrotation Yrotation")
    motion = ["MOTION", f"Frames: {len(rows)}", "Frame Time: 0.04", *(" ".join(map(str, row)) for row in rows)]
    return "\n".join(["HIERARCHY", *root, *motion]) + "\n"


@pytest.mark.parametrize("prefix", ["", "mixamorig:"])
@pytest.mark.parametrize("unit", [1, 0.01, 10])
def test_bvh_rotates_offsets_in_the_order_of_the_channels(take, dump, prefix, unit):
    still = [0, 90 * unit, 0, 0, 0, 0]
    rows = [[*still, 0, 0, 0], [*still, 90, 0, 0], [*still, 90, 90, 0], [0, 90 * unit, 0, 0, 0, 90, 90, 0, 0]]
    ((sequence,), quarantined) = take(dump("wave.bvh", bvh(rows, prefix, unit)))
    assert (take.format, quarantined, sequence.fps, sequence.layout) == ("bvh", [], 25, "kinect20")
    places = dict(zip(KINECT, sequence.keypoints.transpose(1, 0, 2), strict=True))
    np.testing.assert_allclose(places["left_ankle"][:3, :3], [[0.1, 0.1, 0]] * 3, **TINY)
    np.testing.assert_allclose(places["left_shoulder"][:3, :3], [[0.2, 1.35, 0]] * 3, **TINY)
    # Down, then to the side about z; the x axis of a turned arm is y; a turn of the body takes the arm with it.
    np.testing.assert_allclose(
        places["left_wrist"][:, :3], [[0.2, 0.8, 0], [0.75, 1.35, 0], [0.2, 1.35, -0.55], [0, 1.35, -0.75]], **TINY
    )
    assert places["left_hand"].max() == 0


def test_a_bvh_with_z_up_is_turned_upright(take, dump):
    rows = [[0, 90, 0, 0, 0, 0, 90, 0, 0], [0, 90, 0, 0, 0, 30, 90, 90, 0]]
    ((straight,), _) = take(dump("a.bvh", bvh(rows)))
    assert not any("upright along" in note for note in take.notes)
    turned = [[0, 0, 90, 0, 90, 0, 90, 0, 0], [0, 0, 90, 0, 90, 30, 90, 90, 0]]
    ((sequence,), _) = take(dump("b.bvh", bvh(turned)))
    np.testing.assert_allclose(sequence.keypoints, straight.keypoints, **TINY)
    assert "bodies are upright along +z, which is taken as up" in take.notes


@pytest.mark.parametrize("explicit", [True, False])
def test_wrists_and_hands_ankles_and_feet_are_not_confused(take, dump, explicit):
    limbs = ["Hip", "Knee", "Ankle", "Foot", "Shoulder", "Elbow", "Wrist", "Hand"]
    limbs = [limb for limb in limbs if explicit or limb not in ("Ankle", "Wrist")]
    lines = ["HIERARCHY", "ROOT Pelvis", "{", "OFFSET 0 0 0", "CHANNELS 3 Xposition Yposition Zposition"]
    for place, name in enumerate(["Neck", *(f"{side}_{limb}" for side in "LR" for limb in limbs)]):
        lines += [f"JOINT {name}", "{", f"OFFSET {place} 50 0", "CHANNELS 0", "}"]
    path = dump("a.bvh", "\n".join([*lines, "}", "MOTION", "Frames: 2", "Frame Time: 0.04", "0 0 0", "0 0 0"]))
    ((sequence,), _) = take(path)
    joints = load_layout("kinect20").joints
    across = {joint: float(sequence.keypoints[0, joints.index(joint), 0]) for joint in joints}
    wanted = {"hip": "Hip", "knee": "Knee", "elbow": "Elbow"}
    wanted |= {"ankle": "Ankle", "foot": "Foot", "wrist": "Wrist", "hand": "Hand"} if explicit else {}
    wanted |= {} if explicit else {"ankle": "Foot", "wrist": "Hand"}
    for joint, limb in wanted.items():
        np.testing.assert_allclose(across[f"left_{joint}"], (limbs.index(limb) + 1) / 100, atol=1e-5)
    assert any(sequence.keypoints[0, joints.index("left_foot"), 3:]) == explicit


def test_a_bvh_without_a_person_and_one_that_is_cut_are_explained(take, dump):
    text = bvh([[0] * 9] * 2)
    _, (refused,) = take(dump("a.bvh", text.replace("Arm", "Wing").replace("Leg", "Claw")))
    assert "by name" in refused.detail
    _, (refused,) = take(dump("b.bvh", text[:-4]))
    assert "2 frames of 9 channels" in refused.detail


H36M = (
    *("hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "spine", "neck", "nose"),
    *("head", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist"),
)
BODY = np.array(
    [
        *((0, 1, 0), (-0.1, 1, 0), (-0.1, 0.5, 0), (-0.1, 0.1, 0), (0.1, 1, 0), (0.1, 0.5, 0), (0.1, 0.1, 0)),
        *((0, 1.25, 0), (0, 1.5, 0), (0, 1.6, 0.1), (0, 1.75, 0)),
        *((0.2, 1.5, 0), (0.25, 1.2, 0), (0.25, 0.95, 0), (-0.2, 1.5, 0), (-0.25, 1.2, 0), (-0.25, 0.95, 0)),
    ]
)


def standing(frames=5):
    """Return a person who stands and moves a little: metres, y up."""
    return BODY + np.random.default_rng(0).normal(0, 0.01, (frames, 17, 3))


AXES = {
    "y up": lambda p: p,
    "z up": lambda p: np.stack([p[..., 0], -p[..., 2], p[..., 1]], axis=-1),
    "y down": lambda p: p * (1, -1, -1),
    "x up": lambda p: np.stack([p[..., 1], -p[..., 0], p[..., 2]], axis=-1),
}


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("unit", [1, 1000])
@pytest.mark.parametrize("batch", [False, True])
def test_human36m_in_rooms_is_turned_upright(take, tmp_path, axes, unit, batch):
    given = standing()
    turned = AXES[axes](given) * unit
    np.savez(tmp_path / "a.npz", reconstruction=turned[None] if batch else turned)
    ((sequence,), quarantined) = take(tmp_path / "a.npz")
    assert (take.format, quarantined, sequence.layout) == ("human36m", [], "kinect20")
    for joint in ("left_wrist", "right_ankle", "head"):
        np.testing.assert_allclose(sequence.keypoints[:, KINECT.index(joint), :3], given[:, H36M.index(joint)], **TINY)
    assert any("upright along" in note for note in take.notes) == (axes != "y up")


@pytest.mark.parametrize("scores", [False, True])
def test_human36m_and_coco_in_images_are_told_apart(poses, take, tmp_path, scores):
    from data.importers import ImageSize

    given = standing()[..., :2] * (200, -200) + (300, 400)
    confidences = np.random.default_rng(1).uniform(0.3, 1, (5, 17, 1))
    np.savez(tmp_path / "a.npz", keypoints=np.concatenate([given, confidences], axis=2) if scores else given)
    ((sequence,), _) = take(tmp_path / "a.npz", image=ImageSize(480))
    halpe = load_layout("halpe26").joints
    assert sequence.layout == "halpe26"
    wrist = sequence.keypoints[:, halpe.index("left_wrist")]
    np.testing.assert_allclose(wrist[:, :2] * 480, given[:, H36M.index("left_wrist")], **TINY)
    np.testing.assert_allclose(wrist[:, 2], confidences[:, H36M.index("left_wrist"), 0] if scores else 1, **TINY)
    coco = poses(5)
    np.savez(tmp_path / "b.npz", kpts=coco)
    ((sequence,), _) = take(tmp_path / "b.npz", image=ImageSize(480))
    assert sequence.layout == "coco17"
    np.testing.assert_allclose(sequence.keypoints, coco / (480, 480, 1), **TINY)


def coco_fractions(frames=60):
    """Return a person in COCO's order who stands: x, y as fractions of the image, and confidences."""
    order = ("nose", *["head"] * 4, *(f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee",
             "ankle") for side in ("left", "right")))  # fmt: skip
    body = BODY[[H36M.index(joint) for joint in order]][:, :2] * (0.3, -0.45) + (0.5, 0.9)
    rng = np.random.default_rng(0)
    places = body + rng.normal(0, 0.004, (frames, 17, 2))
    return np.concatenate([places, rng.uniform(0.6, 1, (frames, 17, 1))], axis=2)


@pytest.mark.parametrize("bent", [False, True])
def test_fractions_with_confidences_are_not_a_room(take, tmp_path, bent):
    from data.importers import ImageSize

    given = coco_fractions()
    if bent:  # the right elbow is between the left hip and the right knee, as joint 8 of Human3.6M would be
        given[:, 8, :2] = (given[:, 11, :2] + given[:, 14, :2]) / 2
        given[:, 10, :2] += given[:, 8, :2] - given[:, 6, :2]
    np.savez(tmp_path / "a.npz", keypoints=given)
    ((sequence,), _) = take(tmp_path / "a.npz", image=ImageSize(720, 1280))
    assert sequence.layout == "coco17"
    np.testing.assert_allclose(sequence.keypoints, given * (1280 / 720, 1, 1), **TINY)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p[..., [1, 0, 2]], "y were before x"),
        (lambda p: p * (2, 2, 1) - (1, 1, 0), "a depth or a confidence"),
        (lambda p: p * (3, 3, 3), "not in the order of Human3.6M"),
        (lambda p: p * (1280, 720, 2000), "not in the order of Human3.6M"),
        (lambda p: np.concatenate([p, p[:, :15]], axis=1) * (1000, 1000, 1), "not in the order of Human3.6M"),
    ],
)
def test_joints_that_could_be_read_in_two_ways_are_refused(take, tmp_path, change, words):
    from data.importers import ImageSize

    np.savez(tmp_path / "a.npz", keypoints=change(coco_fractions()))
    sequences, (refused,) = take(tmp_path / "a.npz", image=ImageSize(720, 1280))
    assert sequences == []
    assert words in f"{refused.reason} {refused.detail}"


def test_subjects_and_actions_of_human36m(take, tmp_path):
    given = standing()
    wide = np.zeros((5, 32, 3))
    wide[:, [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]] = AXES["z up"](given)
    content = {"S1": {"Walking 1": wide.astype(np.float32)}, "S5": {"Eating": wide, "Broken": wide[:, :9]}}
    np.savez_compressed(tmp_path / "data_3d_h36m.npz", positions_3d=np.array(content, dtype=object))
    sequences, quarantined = take(tmp_path / "data_3d_h36m.npz")
    assert [(one.subject, one.label) for one in sequences] == [("S1", "Walking"), ("S5", "Eating")]
    assert len(quarantined) == 1
    np.testing.assert_allclose(sequences[0].keypoints[:, KINECT.index("left_wrist"), :3], given[:, 13], **TINY)
    image = given[..., :2] * (200, -200) + (300, 400)
    content = {"S1": {"Walking 1": [image, image + 5]}}
    np.savez(
        tmp_path / "data_2d_h36m_gt.npz", positions_2d=np.array(content, dtype=object), metadata=np.array({"a": 1})
    )
    sequences, quarantined = take(tmp_path / "data_2d_h36m_gt.npz", likely_image=None, image=None)
    assert {one.reason for one in quarantined} == {"coordinates are pixels, but the image height is unknown"}
    assert len(quarantined) == 2


class Runs:
    """An object whose pickle runs code when it is loaded."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


def test_no_code_in_an_archive_is_run(take, tmp_path):
    content = {"S1": {"Walking": Runs(tmp_path / "ran")}}
    np.savez(tmp_path / "a.npz", positions_3d=np.array(content, dtype=object))
    sequences, (refused,) = take(tmp_path / "a.npz")
    assert sequences == []
    assert "rejected" in refused.detail
    assert not (tmp_path / "ran").exists()


def c3d(labels, points, fps=100.0, scale=-1.0, analog=3, unit=""):
    """Return a C3D file of points `[T, N, 4]`, in which a negative fourth number marks a point that was not seen."""
    width = max(map(len, labels))
    texts = b"".join(label.ljust(width).encode() for label in labels)
    data = struct.pack("<bBBB", -1, 2, width, len(labels)) + texts + b"\x00"
    parameters = b"\x05\xffPOINT" + struct.pack("<H", 3) + b"\x00"
    parameters += b"\x06\x01LABELS" + struct.pack("<H", len(data) + 2) + data
    if unit:
        data = struct.pack("<bBB", -1, 1, len(unit)) + unit.encode() + b"\x00"
        parameters += b"\x05\x01UNITS" + struct.pack("<H", len(data) + 2) + data
    parameters += b"\x00\x00"
    parameters = bytes((1, 80, 0, 84)) + parameters
    blocks = -(-len(parameters) // 512)
    parameters = (parameters[:2] + bytes((blocks,)) + parameters[3:]).ljust(blocks * 512, b"\x00")
    frames, count, _ = points.shape
    header = struct.pack("<BBHHHHHfHHf", 2, 80, count, analog, 1, frames, 10, scale, 2 + blocks, 1, fps).ljust(
        512, b"\x00"
    )
    values = points.copy()
    values[..., :3] /= abs(scale) if scale > 0 else 1
    rows = np.concatenate([values.reshape(frames, -1), np.full((frames, analog), 7)], axis=1)
    return header + parameters + rows.astype("<f4" if scale < 0 else "<i2").tobytes()


PLUG_IN = {
    **dict.fromkeys(("LASI", "LPSI"), "left_hip"), **dict.fromkeys(("RASI", "RPSI"), "right_hip"),
    "LSHO": "left_shoulder", "RSHO": "right_shoulder", "CLAV": "neck", "C7": "neck", "LFHD": "head", "RFHD": "head",
    "LELB": "left_elbow", "LWRA": "left_wrist", "LWRB": "left_wrist", "RELB": "right_elbow", "LKNE": "left_knee",
    "RKNE": "right_knee", "LANK": "left_ankle", "RANK": "right_ankle", "LTHI": "left_knee",
}  # fmt: skip


@pytest.mark.parametrize("scale", [-1.0, 0.1])
@pytest.mark.parametrize("subject", ["", "anna:"])
def test_c3d_of_markers(take, tmp_path, scale, subject):
    body = standing()
    places = np.stack([body[:, H36M.index(joint)] for joint in PLUG_IN.values()], axis=1)
    points = np.concatenate([AXES["z up"](places) * 1000, np.zeros((5, len(PLUG_IN), 1))], axis=2)
    points[2, list(PLUG_IN).index("LKNE"), 3] = -1
    path = tmp_path / "walk.c3d"
    path.write_bytes(c3d([subject + name for name in PLUG_IN], points, scale=scale))
    ((sequence,), quarantined) = take(path)
    assert (take.format, quarantined, sequence.fps, sequence.layout) == ("c3d", [], 100, "kinect20")
    for joint in ("left_wrist", "right_ankle", "head", "left_hip"):
        found = sequence.keypoints[:, KINECT.index(joint)]
        np.testing.assert_allclose(found[:, :3], body[:, H36M.index(joint)], atol=2e-4)
        np.testing.assert_array_equal(found[:, 3], 1)
    knee = sequence.keypoints[:, KINECT.index("left_knee")]
    assert knee[:, 3].tolist() == [1, 1, 0, 1, 1]
    assert any("LTHI" in note for note in take.notes)


@pytest.mark.parametrize(("middle", "unit"), [(["thorax"], ""), ([], ""), ([], "mm")])
def test_c3d_of_joints_with_points_that_are_not_finite(take, tmp_path, middle, unit):
    body = standing()
    if unit:  # without a torso, the size follows from the stated unit alone
        sides = ["right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_elbow", "right_elbow"]
        joints = [*sides, "right_shoulder", "head"]
    else:
        joints = [joint for joint in H36M if joint in KINECT and joint not in ("hip_center", "shoulder_center")]
    places = np.stack([body[:, H36M.index(joint)] for joint in [*joints, *(["neck"] * len(middle))]], axis=1)
    points = np.concatenate([AXES["z up"](places) * 1000, np.zeros((5, places.shape[1], 1))], axis=2)
    points[2, 3, 1] = np.nan
    path = tmp_path / "walk.c3d"
    path.write_bytes(c3d([*joints, *middle], points, unit=unit))
    ((sequence,), quarantined) = take(path)
    assert not quarantined
    pose = sequence.keypoints[0]
    np.testing.assert_allclose(np.ptp(pose[pose[:, 3] > 0, :3], axis=0).max(), np.ptp(places[0, :, 1]), atol=2e-3)
    assert sequence.keypoints[:, KINECT.index(joints[3]), 3].tolist() == [1, 1, 0, 1, 1]
    centre = sequence.keypoints[:, KINECT.index("shoulder_center")]
    assert centre[:, 3].all() == (not unit)


def test_a_c3d_that_is_cut_and_one_of_a_tool_are_explained(take, tmp_path):
    content = c3d(list(PLUG_IN), np.ones((5, len(PLUG_IN), 4)))
    (tmp_path / "a.c3d").write_bytes(content[:-40])
    _, (refused,) = take(tmp_path / "a.c3d")
    assert "too few for 5 frames" in refused.detail
    (tmp_path / "b.c3d").write_bytes(c3d([f"M{n}" for n in range(12)], np.ones((5, 12, 4))))
    _, (refused,) = take(tmp_path / "b.c3d")
    assert "M0, M1" in refused.detail


def test_an_array_of_objects_that_claims_to_be_longer_than_the_file_is_refused(take, tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, positions_3d={"S1": {"Walking": [np.zeros((3, 17, 3))]}})
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 20 : entry + 24] = (600 << 20).to_bytes(4, "little")  # the compressed size in the directory
    path.write_bytes(content)
    _, (fault,) = take(path)
    assert "longer than the file" in fault.detail


def test_a_bvh_whose_last_joint_has_channels_twice_is_refused(take, dump):
    text = bvh([[0] * 9] * 2)
    channels = "CHANNELS 3 Zrotation Xrotation Yrotation"
    _, (refused,) = take(dump("a.bvh", text.replace(channels, f"{channels}\n{channels}")))
    assert refused.reason == "a joint has CHANNELS twice"
