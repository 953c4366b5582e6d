"""Inputs for the fuzzer of the importers: valid files of every kind, and changes that make hostile ones of them."""

from __future__ import annotations

import io
import json
import pickle
import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzzing.tool_inputs import TOOL_INPUTS
from data.importers import FORMATS
from data.layouts import load_layout
from data.records import KeypointSequence

SIDECARS = ("labels", "segments", "elan")
"""Files of the user that an import reads next to its source."""

KINDS = (*FORMATS, *SIDECARS)
"""Kinds of files that are fuzzed."""

FRAMES = 4

_LAYOUTS = {
    "openpose": "openpose25",
    "mediapipe": "blazepose33",
    "ntu": "kinect25",
    "npz": "coco17",
}
_TOKENS = [
    *(b"null", b"NaN", b"-Infinity", b"1e999", b"-1", b"0", b"99999999999999999999", b"[]", b"{}", b'""', b'"../../x"'),
    *(b"[[[[", b"}}", b",", b"\n", b"\r\n\r\n", b"\xff\xfe", b"\xef\xbb\xbf", b"\x00\x00", b"\xff\xff\xff\x7f"),
    *(b"\x80\x05\x95", b"cos\nsystem\n", b"R.", b"inf", b"nan", b";", b"\t", b'"', b"true", b"25", b"1000000"),
    *(b"1e-9", b"1e308", b"2147483647", b"9" * 5000, "²".encode(), b"\\ud800", b"x" * 2000, b"\x1b]0;", b"&a;"),
]
_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1e-9, 1e300, 2**31, 2**63, 10**30, float("nan"), float("inf"), "", "²", "[/red]"),
    *("x" * 2000, [], {}, [[]], [None] * 3, {"a": {}}, "../../x", "1" * 400),
)


def make_seeds(folder: Path, names: list[str]) -> list[tuple[str, str, bytes]]:
    """Return (kind, suffix, content) of valid files, at least one for each kind."""
    folder.mkdir()
    seeds: list[tuple[str, str, bytes]] = []
    for name in names:
        format_ = FORMATS.get(name)
        if format_ is not None and format_.write is not None:
            layout = load_layout(_LAYOUTS.get(name, "coco17"))
            depth = 4 if name in ("mediapipe", "ntu") else 3
            keypoints = np.random.default_rng(0).random((FRAMES, len(layout.joints), depth)).astype(np.float32)
            sequence = KeypointSequence("a", "s", "l", 30.0, layout.name, keypoints)
            place = folder / name
            path = place if name in ("openpose", "ntu", "parquet") else place / f"x{format_.suffixes[0]}"
            place.mkdir()
            format_.write([sequence], path)
            file = next(path for path in sorted(place.rglob("*")) if path.is_file())
            seeds.append((name, file.suffix, file.read_bytes()))
        seeds += [(name, suffix, content) for suffix, content in _BY_HAND.get(name, lambda _: [])(folder)]
        seeds += [(name, suffix, content) for suffix, content in TOOL_INPUTS.get(name, list)()]
    return seeds


def change(name: str, content: bytes, draw: random.Random) -> bytes:
    """Return a changed file of a kind: mostly one that is still well-formed, else one with changed bytes."""
    if draw.random() < 0.6:
        with suppress(Exception):  # it is not well-formed any more
            if name == "npz":
                return _change_zip(content, draw)
            if name == "parquet":
                return _change_parquet(content, draw)
            if name in ("openpose", "mediapipe", "alphapose", "coco", "tfjs", "ml5", "ultralytics", "vision"):
                return _change_json(content, draw)
    return mutate(content, draw)


def mutate(content: bytes, draw: random.Random) -> bytes:
    """Return the content with one to eight random changes."""
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 8))):
        if not changed:
            break
        at = draw.randrange(len(changed))
        length = min(draw.choice((1, 1, 2, 4, 16, 200)), len(changed) - at)
        match draw.randrange(8):
            case 0:
                changed[at] = draw.randrange(256)
            case 1:
                changed[at] ^= 1 << draw.randrange(8)
            case 2:
                del changed[at : at + length]
            case 3:
                changed[at:at] = changed[at : at + length] * draw.choice((1, 2, 50))
            case 4:
                changed[at : at + length] = draw.choice(_TOKENS)
            case 5:
                changed[at:at] = draw.choice(_TOKENS)
            case 6:
                other = draw.randrange(len(changed))
                changed[at : at + length] = changed[other : other + length]
            case 7 if draw.random() < 0.3:
                del changed[at:]
            case _:
                changed[at] = ord(draw.choice('0123456789-.e,:[]{}"\n'))
    return bytes(changed)


def _change_json(content: bytes, draw: random.Random) -> bytes:
    """Replace some values of a JSON document, by hostile ones or by other values of it."""
    root = [json.loads(content)]
    places: list[tuple[Any, Any]] = []
    waiting: list[Any] = [root]
    while waiting and len(places) < 10_000:
        one = waiting.pop()
        keys = one if isinstance(one, dict) else range(len(one))
        places += [(one, key) for key in keys]
        waiting += [one[key] for key in keys if isinstance(one[key], (dict, list))]
    for _ in range(draw.choice((1, 1, 2, 3))):
        holder, key = draw.choice(places)
        match draw.randrange(5):
            case 0 if isinstance(holder, list):
                holder[key:key] = [holder[key]] * draw.choice((1, 2, 70))
            case 1 if isinstance(holder, dict):
                holder[draw.choice([*holder, "frames", "fps", "height", "keypoints", "time"])] = holder.pop(key)
            case 2:
                other, at = draw.choice(places)
                with suppress(KeyError, IndexError):
                    holder[key] = json.loads(json.dumps(other[at]))
            case _:
                holder[key] = draw.choice(_VALUES)
    return json.dumps(root[0]).encode()


def _change_zip(content: bytes, draw: random.Random) -> bytes:
    """Change one member of an archive: its header, its values, its name, or its compression."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist() if info.file_size < 1 << 20}
    name = draw.choice(list(members))
    array = np.load(io.BytesIO(members[name]), allow_pickle=False)
    match draw.randrange(6):
        case 0:
            array = array.astype(draw.choice(["U3", "S3", "f2", "f8", "i1", "u8", "?", "c8", "M8[s]", "m8[s]", "V4"]))
        case 1:
            array = draw.choice((array[None], array.ravel(), array[:0], array[..., :1], np.asfortranarray(array)))
        case 2 if array.size:
            array = array.copy()
            numbers = (-1, 0, 2**31 - 1, 127, 1)
            array.flat[draw.randrange(array.size)] = draw.choice(
                (*numbers, np.nan, np.inf, 1e-9, 1e38) if array.dtype.kind == "f" else numbers
            )
        case 3:
            shape = str(tuple(draw.choice((0, 1, 3, 17, 2**31, 2**40)) for _ in range(draw.randrange(4))))
            members[name] = members[name].replace(str(array.shape).encode(), shape.encode(), 1)
        case 4:
            members[name] = mutate(members[name], draw)
        case _:
            members[draw.choice(("fps", "labels", "units", "image_size", "seg_session")) + ".npy"] = members.pop(name)
    file = io.BytesIO()
    if name in members:
        written = io.BytesIO()
        np.save(written, array, allow_pickle=False)
        members[name] = written.getvalue() if draw.random() < 0.7 else members[name]
    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2)
    with zipfile.ZipFile(file, "w", draw.choice(kinds)) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return file.getvalue()


def _change_parquet(content: bytes, draw: random.Random) -> bytes:
    """Change one value of a Parquet file, and write it in another way."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    rows = table.to_pylist()
    row, name = draw.choice(rows), draw.choice(table.column_names)
    given = row[name]
    if isinstance(given, str) or pa.types.is_string(table.schema.field(name).type):
        row[name] = draw.choice(("", "x" * 2000, "coco17", "session", "a\x1bb", None))
    elif isinstance(given, list):
        row[name] = draw.choice(([], given[:-1], given * 2, given[::-1], [0.0] * 1_000_000, None))
    else:
        row[name] = draw.choice((0, -1, 1, 2**31 - 1, 17, 4, None))
    rows += draw.choice(([], [], rows))
    file = io.BytesIO()
    schema = pa.schema([field.with_nullable(True) for field in table.schema])
    pq.write_table(
        pa.Table.from_pylist(rows, schema).cast(table.schema, safe=False)
        if draw.random() < 0.5
        else pa.Table.from_pylist(rows, schema),
        file,
        compression=draw.choice(("none", "zstd", "snappy", "gzip")),
        use_dictionary=draw.random() < 0.5,
        row_group_size=draw.choice((1, 10, 1000)),
    )
    return file.getvalue()


def _npz(folder: Path) -> list[tuple[str, bytes]]:
    layout, rng = load_layout("coco17"), np.random.default_rng(0)
    path = folder / "x.npz"
    np.savez(
        path,
        frames=rng.random((FRAMES * 2, 17, 3)).astype(np.float32),
        offsets=np.array([0, FRAMES, FRAMES * 2]),
        joint_names=np.array(layout.joints),
        labels=np.zeros(2, np.int16),
        label_names=np.array(["a"]),
        fps=np.float32(30),
        frame_number=np.arange(FRAMES * 2),
    )
    return [(".npz", path.read_bytes())]


def _tfjs(_: Path) -> list[tuple[str, bytes]]:
    points = [{"position": {"x": 10.5 * n, "y": 9}, "score": 0.5, "part": p} for n, p in enumerate(_PARTS)]
    frames = [{"timestamp": 33.3 * t, "poses": [{"keypoints": points, "id": n} for n in range(2)]} for t in range(2)]
    tensors = [[[[[0.5, 0.25, 0.9]] * 17]]] * 3
    instances = [
        {"frame_id": t, "instances": [{"keypoints": [[9.5, 8]] * 17, "keypoint_scores": [0.5] * 17}]} for t in range(2)
    ]
    clip = {"fps": 30, "width": 640, "frames": frames}
    return [(".json", json.dumps(content).encode()) for content in (clip, tensors, {"instance_info": instances})]


def _mediapipe(_: Path) -> list[tuple[str, bytes]]:
    point = {"x": 0.5, "y": 0.25, "z": -0.1, "visibility": 0.9}
    frames = [{"poseLandmarks": [point] * 33, "timestampMs": 33 * t} for t in range(2)]
    header = ",".join(["class", "time", *(f"{axis}{n}" for n in range(1, 34) for axis in "xyzv")])
    rows = [f"sit,{t / 30}," + ",".join(["0.5,0.5,0.1,1"] * 33) for t in range(3)]
    return [(".json", json.dumps(frames).encode()), (".csv", "\n".join([header, *rows]).encode())]


def _coco(_: Path) -> list[tuple[str, bytes]]:
    results = [{"image_id": t, "category_id": 1, "keypoints": [9.5, 8, 2] * 17, "score": 1} for t in range(3)]
    return [(".json", json.dumps(results).encode())]


def _alphapose(_: Path) -> list[tuple[str, bytes]]:
    entry = {"category_id": 1, "keypoints": [9.5, 8, 0.7] * 26, "score": 3, "box": [1, 2, 3, 4]}
    results = [{"image_id": f"v/{t}.jpg", **entry, "idx": [n]} for t in range(2) for n in range(2)]
    bodies = {f"{t}.png": {"version": 0.1, "bodies": [{"joints": [1.5] * 54}]} for t in range(2)}
    people = {f"{t}.png": {"people": [{"pose_keypoints_2d": [1.5] * 54}]} for t in range(2)}
    return [(".json", json.dumps(content).encode()) for content in (results, bodies, people)]


def _pyskl(_: Path) -> list[tuple[str, bytes]]:
    keypoint = np.random.default_rng(0).random((2, FRAMES, 17, 2)).astype(np.float16) * 400
    annotation = {"frame_dir": "v", "label": np.int64(1), "img_shape": (480, 640), "keypoint": keypoint}
    content = {"split": {"train": ["v"]}, "annotations": [annotation | {"keypoint_score": keypoint[..., 0] / 400}]}
    return [(".pkl", pickle.dumps(content, protocol)) for protocol in (0, 2, 4, 5)]


def _csv(_: Path) -> list[tuple[str, bytes]]:
    names = load_layout("coco17").joints
    header = ";".join(["timestamp_ms", "track_id", *(f"{n}_{axis}" for n in names for axis in ("x", "y", "score"))])
    rows = [f"{33 * t};{n};" + ";".join(["5.5;8;0.5"] * 17) for t in range(3) for n in range(2)]
    return [(".csv", "\n".join([header, *rows]).encode())]


def _labels(_: Path) -> list[tuple[str, bytes]]:
    return [(".csv", b"sequence,label,subject,quality\na,sit,p1,0.5\nb,stand,p2,\n")]


def _segments(_: Path) -> list[tuple[str, bytes]]:
    by_time = b"sequence,label,start,end,repetitions\na,sit,0.5,2,8\n"
    return [(".csv", by_time), (".csv", b"sequence,label,start_frame,end_frame\na,sit,5,20\n")]


def _elan(_: Path) -> list[tuple[str, bytes]]:
    slots = "".join(f'<TIME_SLOT TIME_SLOT_ID="t{n}" TIME_VALUE="{500 * n}"/>' for n in range(2))
    annotation = '<ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="t0" TIME_SLOT_REF2="t1">'
    value = "<ANNOTATION_VALUE>sit x 8</ANNOTATION_VALUE>"
    tier = f'<TIER TIER_ID="t"><ANNOTATION>{annotation}{value}</ALIGNABLE_ANNOTATION></ANNOTATION></TIER>'
    document = f'<?xml version="1.0"?><ANNOTATION_DOCUMENT><TIME_ORDER>{slots}</TIME_ORDER>{tier}</ANNOTATION_DOCUMENT>'
    return [(".eaf", document.encode())]


_PARTS = ["nose", "leftEye", "rightEye", "leftEar", "rightEar", "leftShoulder", "rightShoulder", "leftElbow"]
_BY_HAND: dict[str, Callable[[Path], list[tuple[str, bytes]]]] = {
    "npz": _npz,
    "tfjs": _tfjs,
    "mediapipe": _mediapipe,
    "coco": _coco,
    "alphapose": _alphapose,
    "pyskl": _pyskl,
    "csv": _csv,
    "labels": _labels,
    "segments": _segments,
    "elan": _elan,
}
