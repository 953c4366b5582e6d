"""Apple Vision body poses as JSON, as apps for Create ML's action classification save them.

Source: https://developer.apple.com/documentation/vision (`VNHumanBodyPoseObservation.JointName`): 19 joints, among them
`root` between the hips and `neck`; the keys in files are `left_shoulder_1_joint`, `left_forearm_joint` (the elbow),
`left_upLeg_joint` (the hip) and so on; nose, eyes and ears are `head_joint`, `left_eye_joint`, `left_ear_joint`.

A frame has one person or a list of people; a person is an object with a member for each joint, or a list of joints with
names, perhaps in a member `joints`, `keypoints`, `points` or `recognizedPoints`. Coordinates are fractions of image
width and height with y upwards from the lower edge; they are turned over. A joint with confidence 0 was not found, nor
one at 0, 0 without a confidence.
Joints become those of `openpose25`, of which Vision has no feet.
"""

import re
from collections.abc import Iterator
from typing import Any

from data.errors import InputError
from data.importers.clips.collector import Collector
from data.importers.clips.joints import order_by_name
from data.importers.clips.types import Format, Head, ImportOptions, ReaderOutput, Source
from data.importers.clips.vocabulary import is_confidence, simplified
from data.importers.readers.json_frames import read_frames
from data.importers.readers.json_points import as_points
from data.text import harmless, listed

_CENTRAL = {"head_joint": "nose", "neck_1_joint": "neck", "root": "mid_hip"}
_SIDED = {
    "eye_joint": "eye",
    "ear_joint": "ear",
    "shoulder_1_joint": "shoulder",
    "forearm_joint": "elbow",
    "hand_joint": "wrist",
    "upLeg_joint": "hip",
    "leg_joint": "knee",
    "foot_joint": "ankle",
}
JOINTS = _CENTRAL | {
    f"{side}_{name}": f"{side}_{joint}" for side in ("left", "right") for name, joint in _SIDED.items()
}
"""Name of each of Vision's joints in the layouts."""

_RAW = re.compile(r"VN\w+\(_?rawValue: (\w+)\)")
"""A name as Swift prints it, if its text is not asked for."""

_PEOPLE = ("people", "persons", "observations", "bodies", "poses", "results")
_MEMBERS = ("joints", "keypoints", "points", "recognizedpoints", "landmarks", "pose", "body")
_KEYS = (*_PEOPLE, *_MEMBERS, "joint", "joint name", "jointname", "key", "location", *map(simplified, JOINTS))


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clips of a file."""
    yield from read_frames(source, options, _parse, "fractions", (), _KEYS)


def _parse(frame: Any, frames: Collector, options: ImportOptions) -> None:
    people = frame
    if isinstance(frame, dict) and (name := _member(frame, _PEOPLE)) is not None:
        people = frame[name] or []
    if isinstance(people, list) and people and isinstance(people[0], dict) and _name_of(people[0]):
        people = [people]  # the joints of one person
    for person in people if isinstance(people, list) else [people]:
        _add(person, frames)


def _add(person: Any, frames: Collector) -> None:
    while isinstance(person, dict) and (name := _member(person, _MEMBERS)) is not None:
        person = person[name]
    if not person:
        return
    if isinstance(person, dict):
        person = {short: point for name, point in person.items() if (short := _RAW.sub(r"\1", name)) in JOINTS}
    points = as_points(person)
    names = [_RAW.sub(r"\1", point.get("name") or _name_of(point)) for point in points]
    if not names or (unknown := [name for name in names if name not in JOINTS]):
        shown = listed(unknown[:5]) if names else "none"
        raise InputError("the joints are not those of Vision", f"there are {shown}", "check the format")
    values = [value for point in points for value in _joint(point)]
    frames.pose(order_by_name(tuple(JOINTS[name] for name in names)), values, 2)


def _member(value: dict[str, Any], wanted: tuple[str, ...]) -> str | None:
    return next((name for name in value if simplified(name) in wanted and isinstance(value[name], (dict, list))), None)


def _name_of(point: dict[str, Any]) -> str:
    """Return the name of a joint in a list of joints."""
    texts = (_RAW.sub(r"\1", text) for text in point.values() if isinstance(text, str))
    return next((text for text in texts if text in JOINTS), "")


def _joint(point: dict[str, Any]) -> tuple[float, float, float]:
    place = point.get("location", point)
    place = dict(zip("xy", place, strict=False)) if isinstance(place, list) else place
    x, y = place["x"], place["y"]
    confidence = next((value for name, value in point.items() if is_confidence(name)), None)
    if confidence is None:
        confidence = 1.0 if x or y else 0.0
    if not isinstance(y, (int, float)):
        raise InputError(f"a coordinate is {harmless(y, 40)}", None, "write numbers")
    return (x, 1 - y, confidence) if confidence else (0.0, 0.0, 0.0)


def _detect(head: Head) -> bool:
    return bool(re.search(r'[" ](left|right)_(upLeg|forearm|shoulder_1)_joint[")]', head.text))


FORMAT = Format(
    name="vision",
    about="Apple Vision body poses JSON: 19 joints by Vision's names, y upwards",
    suffixes=(".json", ".jsonl", ".ndjson"),
    detect=_detect,
    read=read,
)
