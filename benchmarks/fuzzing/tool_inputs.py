"""Valid files of formats that Poseline reads but does not write, for the fuzzer of the importers."""

from __future__ import annotations

import io
import json
import pickle
import struct
from collections.abc import Callable

import numpy as np

from data.layouts import load_layout

_JOINTS = load_layout("coco17").joints
_FRAMES = 4


def _deeplabcut() -> list[tuple[str, bytes]]:
    single = [
        ",".join(["scorer", *["net"] * 51]),
        ",".join(["bodyparts", *(joint for joint in _JOINTS for _ in range(3))]),
        ",".join(["coords", *["x", "y", "likelihood"] * 17]),
    ]
    several = [
        ",".join(["scorer", *["net"] * 102]),
        ",".join(["individuals", *["a"] * 51, *["b"] * 51]),
        ",".join(["bodyparts", *(joint for joint in _JOINTS * 2 for _ in range(3))]),
        ",".join(["coords", *["x", "y", "likelihood"] * 34]),
    ]
    rows = [",".join([str(frame), *["9.5", "8", "0.5"] * 17]) for frame in range(_FRAMES)]
    wide = [",".join([str(frame), *["9.5", "8", "0.5"] * 17, *["", "", ""] * 17]) for frame in range(_FRAMES)]
    tables = [(".csv", "\n".join(lines).encode()) for lines in ([*single, *rows], [*several, *wide])]
    return tables + _deeplabcut_hdf5()


def _ml5() -> list[tuple[str, bytes]]:
    samples = [
        {"xs": {str(place): 9.5 * place for place in range(34)}, "ys": {"0": label}} for label in ("sit", "sit", "bow")
    ]
    return [(".json", json.dumps({"data": samples}).encode())]


def _ultralytics() -> list[tuple[str, bytes]]:
    points = {"x": [9.5] * 17, "y": [8.0] * 17, "visible": [0.5] * 17}
    detection = {"name": "person", "class": 0, "confidence": 0.9, "box": {"x1": 1.0}, "keypoints": points}
    frames = [[{**detection, "track_id": number} for number in (1, 2)] for _ in range(_FRAMES)]
    by_number = [{**detection, "frame": frame} for frame in range(_FRAMES)]
    return [(".json", json.dumps(content).encode()) for content in (frames, by_number)]


def _yolo() -> list[tuple[str, bytes]]:
    person = " ".join(["0", "0.5", "0.5", "0.25", "0.5", *["0.5", "0.25", "2"] * 17])
    return [(".txt", f"{person}\n{person} 0.9 3\n".encode())]


def _vision() -> list[tuple[str, bytes]]:
    joints = ("head_joint", "neck_1_joint", "root", "left_upLeg_joint", "right_shoulder_1_joint")
    frames = [{"time": frame / 30, "joints": {joint: [0.5, 0.25, 0.9] for joint in joints}} for frame in range(_FRAMES)]
    named = [[{"joint": joint, "x": 0.5, "y": 0.25, "confidence": 0.9} for joint in joints] for _ in range(_FRAMES)]
    return [(".json", json.dumps(content).encode()) for content in (frames, named)]


def _bvh() -> list[tuple[str, bytes]]:
    limbs = (("UpLeg", "Leg", "Foot"), ("Arm", "ForeArm", "Hand"))
    joints = ["CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"]
    for side in ("Left", "Right"):
        for limb in limbs:
            for bone in limb:
                joints += [f"JOINT {side}{bone}", "{", "OFFSET 1 -10 2", "CHANNELS 3 Zrotation Xrotation Yrotation"]
            joints += ["End Site", "{", "OFFSET 0 -5 0", "}", *["}"] * 3]
    row = " ".join(["5.5"] * (6 + 12 * 3))
    lines = ["HIERARCHY", "ROOT Hips", "{", "OFFSET 0 0 0", *joints, "}"]
    lines += ["MOTION", f"Frames: {_FRAMES}", "Frame Time: 0.0333", *[row] * _FRAMES]
    return [(".bvh", "\n".join(lines).encode())]


def _sleap() -> list[tuple[str, bytes]]:
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["tracks"] = np.full((2, 2, 17, _FRAMES), 9.5)
        file["point_scores"] = np.full((2, 17, _FRAMES), 0.5)
        file["node_names"] = np.array([joint.encode() for joint in _JOINTS])
    return [(".h5", content.getvalue())]


def _deeplabcut_hdf5() -> list[tuple[str, bytes]]:
    import h5py

    names = [("net", joint, kind) for joint in _JOINTS for kind in ("x", "y", "likelihood")]
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        table = np.zeros(_FRAMES, [("index", "<i8"), ("values_block_0", "<f8", (len(names),))])
        dataset = file.create_dataset("df_with_missing/table", data=table)
        dataset.attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(names, 0))
    return [(".h5", content.getvalue())]


def _human36m() -> list[tuple[str, bytes]]:
    poses = np.random.default_rng(0).random((_FRAMES, 17, 3)).astype(np.float32)
    nested = np.array({"S1": {"Walking 1": poses, "Eating": [poses, poses]}}, dtype=object)
    files = []
    for arrays in ({"positions_3d": nested}, {"kpts": poses[..., :2]}):
        content = io.BytesIO()
        np.savez(content, **arrays)
        files.append((".npz", content.getvalue()))
    return files


def _c3d() -> list[tuple[str, bytes]]:
    labels = ("LASI", "RASI", "LSHO", "RSHO", "LELB", "RELB", "LKNE", "RKNE", "LANK", "RANK")
    data = struct.pack("<bBBB", -1, 2, 4, len(labels)) + "".join(labels).encode() + b"\x00"
    group = b"\x05\xffPOINT" + struct.pack("<H", 3) + b"\x00"
    label = b"\x06\x01LABELS" + struct.pack("<H", len(data) + 2) + data
    parameters = (bytes((1, 80, 1, 84)) + group + label).ljust(512, b"\x00")
    header = struct.pack("<BBHHHHHfHHf", 2, 80, len(labels), 0, 1, _FRAMES, 0, -1.0, 3, 0, 100.0).ljust(512, b"\x00")
    points = np.random.default_rng(0).random((_FRAMES, len(labels), 4)).astype("<f4")
    return [(".c3d", header + parameters + points.tobytes())]


TOOL_INPUTS: dict[str, Callable[[], list[tuple[str, bytes]]]] = {
    "deeplabcut": _deeplabcut,
    "ml5": _ml5,
    "ultralytics": _ultralytics,
    "yolo": _yolo,
    "vision": _vision,
    "bvh": _bvh,
    "sleap": _sleap,
    "human36m": _human36m,
    "c3d": _c3d,
}
"""Function that makes (suffix, content) of valid files, by format."""
