"""C3D: the positions of markers on a body, in binary form.

Source: https://www.c3d.org/docs/C3D_User_Guide.pdf: blocks of 512 bytes with a header, parameters in groups
(`POINT:LABELS`, `POINT:RATE`, `POINT:UNITS`), and for each frame x, y, z and a residual of every point, then analog
samples, which are not read. Only files of Intel processors are read, which nearly all are. A negative residual marks a
point that was not seen.

Markers of the Plug-in Gait set, and points that are named like joints, become `kinect20`; a joint with several markers
is their mean. Names may have the subject before a colon. The axis along which bodies are upright is made y, upwards.

The package ezc3d is not used: it is not among the project's dependencies, and reads a hostile file in C++ without
limits. Here every length is compared with the size of the file before anything is read.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data.errors import InputError
from data.importers.clips.faults import malformed_as_input_error
from data.importers.clips.joints import joint_name
from data.importers.clips.to_sequence import check_size
from data.importers.clips.types import Format, Head, ImportOptions, RawClip, ReaderOutput, Source
from data.importers.clips.upright import upright
from data.importers.clips.vocabulary import unread_note
from data.layouts import load_layout
from data.text import listed

MAX_POINTS = 4096
"""Largest number of points in a frame."""

_BLOCK = 512
_INTEL = 84
_MARKERS = {
    "hip_center": ("LASI", "RASI", "LPSI", "RPSI", "SACR"),
    "spine": ("STRN", "T10"),
    "shoulder_center": ("CLAV", "C7"),
    "head": ("LFHD", "RFHD", "LBHD", "RBHD"),
}
_SIDED = {
    "shoulder": ("SHO",),
    "elbow": ("ELB", "ELBM"),
    "wrist": ("WRA", "WRB"),
    "hand": ("FIN",),
    "hip": ("ASI", "PSI"),
    "knee": ("KNE", "KNEM"),
    "ankle": ("ANK", "ANKM"),
    "foot": ("TOE",),
}
_JOINTS = _MARKERS | {
    f"{side}_{joint}": tuple(f"{side[0].upper()}{marker}" for marker in markers)
    for side in ("left", "right")
    for joint, markers in _SIDED.items()
}
"""Markers of the Plug-in Gait set, by joint."""

_ALIASES = {
    **dict.fromkeys(("pelvis", "mid_hip", "hips"), "hip_center"),
    **dict.fromkeys(("neck", "thorax", "mid_shoulder"), "shoulder_center"),
}
_MIDDLES = {"hip_center": ("left_hip", "right_hip"), "shoulder_center": ("left_shoulder", "right_shoulder")}
"""Joints in the middle of two others, for files that lack them."""

_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}
"""Metres of each unit that `POINT:UNITS` may state."""

_SMALLEST = 0.3
"""Size of the smallest person in metres, to recognise a wrong unit."""


@dataclass(frozen=True, slots=True)
class _Header:
    """The header and the parameters that are needed.

    Attributes:
        points: number of points in a frame.
        analog: number of analog samples in a frame.
        frames: number of frames.
        scale: factor of integers, negative if the numbers are floats.
        start: position of the first frame in the file.
        fps: frames per second.
        labels: names of the points.
        unit: unit of the positions as the file has it.
    """

    points: int
    analog: int
    frames: int
    scale: float
    start: int
    fps: float
    labels: list[str]
    unit: str


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clip of a file."""
    content = source.path.read_bytes()
    try:
        with malformed_as_input_error("the file"):
            header = _header(content)
            places = _places(content, header)
    except struct.error as error:
        raise InputError("the file is truncated", f"{source.path}: {error}", "copy it again") from error
    yield _clip(source.name, header, places)


def _header(content: bytes) -> _Header:
    block, key, points, analog, first, last = struct.unpack_from("<BBHHHH", content)
    scale, start = struct.unpack_from("<fH", content, 12)
    (fps,) = struct.unpack_from("<f", content, 20)
    at = (block - 1) * _BLOCK
    if key != 0x50 or block < 2 or content[at + 3] != _INTEL:
        raise InputError("the file is not of an Intel processor", None, "convert it with Mokka or ezc3d")
    found = _parameters(content, at + 4, at + content[at + 2] * _BLOCK)
    labels = [label for name in ("LABELS", "LABELS2", "LABELS3") for label in _texts(found.get(name))]
    unit = "".join(_texts(found.get("UNITS")))
    if points > MAX_POINTS:
        raise InputError(f"there are {points} points in a frame", None, f"the limit is {MAX_POINTS}")
    width = 4 if scale < 0 else 2
    size = (points * 4 + analog) * width
    # More than 65,535 frames do not fit into the header: the length of the file says how many there are.
    frames = last - first + 1 if last < 0xFFFF else (len(content) - (start - 1) * _BLOCK) // max(size, 1)
    return _Header(points, analog, frames, scale, (start - 1) * _BLOCK, fps, labels, unit)


def _parameters(content: bytes, at: int, end: int) -> dict[str, tuple[tuple[int, ...], bytes]]:
    """Return (dimensions, content) of the texts in the group POINT, by name."""
    groups: dict[int, str] = {}
    found: list[tuple[int, str, tuple[int, ...], bytes]] = []
    while at + 2 < min(end, len(content)):
        length, group = abs(struct.unpack_from("<b", content, at)[0]), struct.unpack_from("<b", content, at + 1)[0]
        if not length or not group:
            break
        name = content[at + 2 : at + 2 + length].decode("ascii", "replace").upper()
        place = at + 2 + length
        (step,) = struct.unpack_from("<H", content, place)
        if group < 0:
            groups[-group] = name
        else:
            kind, dimensions = struct.unpack_from("<bB", content, place + 2)
            sizes = tuple(content[place + 4 : place + 4 + dimensions])
            size = abs(kind) * int(np.prod(sizes, dtype=np.int64))
            start = place + 4 + dimensions
            if kind == -1:
                found.append((group, name, sizes, content[start : start + size]))
        if not step:
            break
        at = place + step
    return {name: (sizes, data) for group, name, sizes, data in found if groups.get(group) == "POINT"}


def _texts(parameter: tuple[tuple[int, ...], bytes] | None) -> list[str]:
    if parameter is None or not parameter[0]:
        return []
    width, data = parameter[0][0], parameter[1]
    return [data[at : at + width].decode("latin-1").strip() for at in range(0, len(data), max(width, 1))]


def _places(content: bytes, header: _Header) -> np.ndarray:
    """Return x, y, z and whether the point was seen: float32 `[T, points, 4]`."""
    check_size(header.frames, max(header.points, 1), 4)
    width = header.points * 4 + header.analog
    dtype = np.dtype("<f4" if header.scale < 0 else "<i2")
    if header.start < _BLOCK or header.start + header.frames * width * dtype.itemsize > len(content):
        raise InputError(
            f"the file has {len(content):,} bytes, too few for {header.frames} frames of {header.points} points",
            None,
            "copy it again, it is truncated",
        )
    rows = np.frombuffer(content, dtype, header.frames * width, header.start).reshape(header.frames, width)
    points = rows[:, : header.points * 4].reshape(header.frames, header.points, 4).astype(np.float32)
    if header.scale >= 0:
        points[..., :3] *= header.scale
    points[..., 3] = (points[..., 3] >= 0) & (points[..., :3] != 0).any(axis=-1) & np.isfinite(points).all(axis=-1)
    points[points[..., 3] == 0] = 0
    return points


def _clip(name: str, header: _Header, points: np.ndarray) -> RawClip:
    layout = load_layout("kinect20")
    labels = [label.rpartition(":")[2] for label in header.labels[: header.points]]
    members = _members(labels, layout.joints)
    poses = np.zeros((len(points), len(layout.joints), 4), np.float32)
    for joint, places in members.items():
        given = points[:, places]
        seen = given[..., 3:] > 0
        with np.errstate(invalid="ignore"):
            poses[:, joint, :3] = (given[..., :3] * seen).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
        poses[:, joint, 3] = seen[..., 0].any(axis=1)
    poses, notes = upright(_to_metres(poses, header.unit), layout.torso)
    used = {place for places in members.values() for place in places}
    notes += unread_note("points", [label for place, label in enumerate(labels) if place not in used and label])
    return RawClip(
        name=name,
        layout=layout,
        poses=poses,
        frames=np.arange(len(poses)),
        count=len(poses),
        unit="room",
        fps=header.fps if header.fps > 0 else None,
        notes=notes,
    )


def _members(labels: list[str], joints: tuple[str, ...]) -> dict[int, list[int]]:
    """Return the points of each joint of the layout that the file has."""
    markers = {label.upper(): place for place, label in reversed(list(enumerate(labels)))}
    spelled = (_ALIASES.get(joint_name(label), joint_name(label)) for label in labels)
    named = {name: place for place, name in reversed(list(enumerate(spelled)))}
    found: dict[int, list[int]] = {}
    for place, joint in enumerate(joints):
        if joint in named:
            found[place] = [named[joint]]
        elif members := [markers[marker] for marker in _JOINTS.get(joint, ()) if marker in markers]:
            found[place] = members
    if len(found) < 8:
        raise InputError(
            f"the points stand for {len(found)} joints of a person",
            listed(labels[:40]),
            "name them as in the Plug-in Gait set (LSHO, LELB), or as joints (left_shoulder)",
        )
    for centre, sides in _MIDDLES.items():
        middle = [place for side in sides for place in found.get(joints.index(side), [])]
        if len(middle) > 1:
            found.setdefault(joints.index(centre), middle)
    return found


def _to_metres(poses: np.ndarray, unit: str) -> np.ndarray:
    """Return poses in metres by the unit that the file states, unless people would be too small."""
    factor = _METRES.get(unit.strip().lower(), 1.0)
    seen = poses[..., :3][poses[..., 3] > 0]
    if not len(seen) or np.ptp(seen, axis=0).max() * factor < _SMALLEST:
        return poses
    return poses * np.array([factor, factor, factor, 1], np.float32)


def _detect(head: Head) -> bool:
    return head.data[1:2] == b"\x50" and 2 <= head.data[0] < 128


FORMAT = Format(
    name="c3d",
    about="C3D markers of the Plug-in Gait set, or points named like joints, as Kinect's 20 joints",
    suffixes=(".c3d",),
    detect=_detect,
    read=read,
)
