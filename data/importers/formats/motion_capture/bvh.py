"""BVH: a skeleton with the rotations of its joints in each frame.

Source: https://research.cs.wisc.edu/graphics/Courses/cs-838-1999/Jeff/BVH.html: a HIERARCHY of joints with offsets and
channels, and MOTION with the number of frames, the time of a frame, and one row of channels per frame. Positions are
the sum of the rotated offsets on the way from the root.

The joints of Mixamo, CMU and Biped skeletons are found by name, with any prefix (`mixamorig:`), and become `kinect20`:
of the hands and feet one joint each, of the fingers none. Units are metres, centimetres or millimetres, by the length
of a torso; the axis along which bodies are upright is made y, upwards.
"""

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

import numpy as np

from data.errors import InputError
from data.importers.clips.faults import malformed_as_input_error
from data.importers.clips.types import Format, Head, ImportOptions, RawClip, ReaderOutput, Source
from data.importers.clips.upright import upright
from data.importers.clips.vocabulary import simplified, unread_note
from data.importers.readers.json_stream import open_text
from data.layouts import load_layout
from data.records import MAX_SEQUENCE_VALUES
from data.text import listed

MAX_BONES = 512
"""Largest number of joints of a skeleton."""

_LINE = 1 << 20
_CHUNK = 4096
_CHANNELS = re.compile(r"([XYZ])(position|rotation)", re.IGNORECASE)
_PREFIX = re.compile(r"^(?:.*[:|]|mixamorig\d*_?|bip\d*[ _]*|hp_|m_)", re.IGNORECASE)
_SIDES = (("left", "left"), ("right", "right"), ("l", "left"), ("r", "right"))

_CENTRAL = {
    "hip_center": ("hips", "hip", "pelvis", "root", "bip01"),
    "spine": ("spine1", "spine", "abdomen", "torso", "chest", "lowerback", "spine2"),
    "shoulder_center": ("neck", "neck1", "spine3", "upperchest"),
    "head": ("head",),
}
_SIDED = {
    "shoulder": ("arm", "upperarm", "uparm", "shldr", "shoulder"),
    "elbow": ("elbow", "forearm", "lowerarm", "lowarm"),
    "wrist": ("wrist", "hand"),
    "hand": ("hand",),
    "hip": ("upleg", "thigh", "hip", "upperleg", "hipjoint"),
    "knee": ("knee", "leg", "shin", "calf", "lowerleg", "lowleg"),
    "ankle": ("ankle", "foot"),
    "foot": ("toebase", "toe", "toe0", "ball", "toes", "foot"),
}
"""Simplified names of each joint, the first one that occurs and is no other joint is taken: some skeletons have a
collar named shoulder, and in most the foot begins at the ankle."""


@dataclass
class _Bone:
    """A joint of the skeleton.

    Attributes:
        name: its name; empty for the end of a limb.
        parent: position of its parent, -1 for the root.
        offset: its place relative to the parent.
        channels: (axis, whether it is a rotation) of each channel.
        first: position of its first channel in a row.
    """

    name: str
    parent: int
    offset: tuple[float, ...] = (0.0, 0.0, 0.0)
    channels: list[tuple[int, bool]] = field(default_factory=list)
    first: int = 0


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clip of a file."""
    with open_text(source.path, newline=None) as text, malformed_as_input_error("the file"):
        bones = _hierarchy(text)
        width = sum(len(bone.channels) for bone in bones)
        rows, fps = _motion(text, width)
    layout = load_layout("kinect20")
    found = _joints(bones, layout.joints)
    places = np.zeros((len(rows), len(layout.joints), 4), np.float32)
    for start in range(0, len(rows), _CHUNK):
        positions = _positions(bones, rows[start : start + _CHUNK])
        for joint, bone in found.items():
            places[start : start + _CHUNK, joint, :3] = positions[bone]
            places[start : start + _CHUNK, joint, 3] = 1
    places, notes = upright(places, layout.torso)
    used = set(found.values())
    yield RawClip(
        name=source.name,
        layout=layout,
        poses=places,
        frames=np.arange(len(rows)),
        count=len(rows),
        unit="room",
        fps=fps,
        notes=[
            *notes,
            *unread_note("joints", [bone.name for at, bone in enumerate(bones) if bone.name and at not in used]),
        ],
    )


def _hierarchy(text: TextIO) -> list[_Bone]:
    bones: list[_Bone] = []
    open_: list[int] = []
    while line := text.readline(_LINE):
        words = line.split()
        match [word.upper() for word in words[:1]]:
            case ["ROOT" | "JOINT" | "END"]:
                name = "" if words[0].upper() == "END" else " ".join(words[1:])
                bones.append(_Bone(name, open_[-1] if open_ else -1))
                if len(bones) > MAX_BONES:
                    raise InputError(f"there are over {MAX_BONES} joints", None, None)
            case ["{"]:
                open_.append(len(bones) - 1)
            case ["}"]:
                open_.pop()
            case ["OFFSET"]:
                bones[-1].offset = float(words[1]), float(words[2]), float(words[3])
            case ["CHANNELS"]:
                if bones[-1].channels:
                    raise InputError("a joint has CHANNELS twice", text.name, "write one line for each joint")
                bones[-1].first = sum(len(bone.channels) for bone in bones)
                bones[-1].channels = [_channel(word) for word in words[2 : 2 + int(words[1])]]
            case ["MOTION"]:
                if not bones:
                    break
                return bones
    raise InputError("there is no HIERARCHY of joints with MOTION", text.name, "check that this is a BVH file")


def _channel(word: str) -> tuple[int, bool]:
    match = _CHANNELS.fullmatch(word)
    if match is None:
        raise InputError(f"a joint has the channel {word[:40]!r}", None, "write Xposition or Xrotation and so on")
    return "XYZ".index(match[1].upper()), match[2].lower() == "rotation"


def _motion(text: TextIO, width: int) -> tuple[np.ndarray, float]:
    """Return the rows of channels, float64 `[T, width]`, and the frames per second."""
    fps, announced = 0.0, 0
    while not fps and (line := text.readline(_LINE)):
        name, _, value = line.partition(":")
        if name.strip().lower() == "frames":
            announced = int(value)
        elif name.strip().lower() == "frame time" and float(value) > 0:
            fps = 1 / float(value)
    numbers = array("d")
    limit = 2 * MAX_SEQUENCE_VALUES
    while line := text.readline(_LINE):
        numbers.extend(map(float, line.split()))
        if len(numbers) > limit:
            raise InputError("there are more frames than a sequence may have", None, "cut the recording")
    if not width or not fps or not numbers or len(numbers) % width or len(numbers) // width != announced:
        raise InputError(
            f"there are {len(numbers)} numbers for {announced} frames of {width} channels", text.name, "write it again"
        )
    return np.frombuffer(numbers).reshape(-1, width), fps


def _positions(bones: list[_Bone], rows: np.ndarray) -> list[np.ndarray]:
    """Return the positions of all bones, each float64 `[T, 3]`."""
    turns: list[np.ndarray] = []
    places: list[np.ndarray] = []
    for bone in bones:
        local = np.tile(np.array(bone.offset), (len(rows), 1))
        turn = np.broadcast_to(np.eye(3), (len(rows), 3, 3))
        for number, (axis, rotates) in enumerate(bone.channels):
            values = rows[:, bone.first + number]
            if rotates:
                turn = turn @ _rotation(axis, np.radians(values))
            else:
                local[:, axis] = values if bone.parent < 0 else bone.offset[axis] + values
        if bone.parent < 0:
            places.append(local)
            turns.append(turn)
        else:
            before = turns[bone.parent]
            places.append(places[bone.parent] + np.einsum("tij,tj->ti", before, local))
            turns.append(before @ turn)
    return places


def _rotation(axis: int, angles: np.ndarray) -> np.ndarray:
    """Return rotations about an axis, float64 `[T, 3, 3]`."""
    cos, sin = np.cos(angles), np.sin(angles)
    one, two = (axis + 1) % 3, (axis + 2) % 3
    turn = np.zeros((len(angles), 3, 3))
    turn[:, axis, axis] = 1
    turn[:, one, one] = turn[:, two, two] = cos
    turn[:, two, one], turn[:, one, two] = sin, -sin
    return turn


def _joints(bones: list[_Bone], joints: tuple[str, ...]) -> dict[int, int]:
    """Return the position of the bone for each joint of the layout that the skeleton has."""
    places = {_spelled(bone.name): at for at, bone in reversed(list(enumerate(bones))) if bone.name}
    wanted = {joint: [("", name) for name in names] for joint, names in _CENTRAL.items()}
    for side in ("left", "right"):
        wanted |= {f"{side}_{joint}": [(side, name) for name in names] for joint, names in _SIDED.items()}
    found: dict[int, int] = {}
    for joint, names in wanted.items():
        bone = next((places[name] for name in names if name in places and places[name] not in found.values()), None)
        if bone is not None:
            found[joints.index(joint)] = bone
    if len(found) < 10:
        raise InputError(
            f"the skeleton has {len(found)} joints of a person by name",
            listed([bone.name for bone in bones if bone.name][:40]),
            "name the joints as Mixamo does: Hips, LeftUpLeg, LeftLeg, LeftFoot, LeftArm and so on",
        )
    return found


def _spelled(name: str) -> tuple[str, str]:
    """Return side and simplified name of a bone: `mixamorig:LeftUpLeg` and `lThigh` are of the left side."""
    bare = _PREFIX.sub("", name)
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", bare)
    parts = [part.lower() for part in re.split(r"[\W_]+", words) if part]
    for mark, side in _SIDES:
        for place in (0, -1):
            if len(parts) > 1 and parts[place] == mark:
                rest = parts[1:] if place == 0 else parts[:-1]
                return side, "".join(rest)
    short = simplified(bare)
    for mark, side in _SIDES[:2]:
        if short.startswith(mark) and len(short) > len(mark):
            return side, short.removeprefix(mark)
    return "", short


def _detect(head: Head) -> bool:
    return head.text.lstrip().upper().startswith("HIERARCHY")


FORMAT = Format(
    name="bvh",
    about="BVH motion capture: Mixamo, CMU and Biped skeletons as Kinect's 20 joints",
    suffixes=(".bvh",),
    detect=_detect,
    read=read,
)
