"""The joints of a pose in the ways in which JSON files write them, as a list of objects with x and y."""

from collections.abc import Sequence
from typing import Any

from data.errors import InputError
from data.importers.clips.vocabulary import is_confidence, simplified
from data.text import listed

_JOINTS = ("keypoints", "keypoint", "joints", "points", "kps", "kpts", "keypoints2d", "posekeypoints")
_NUMBER = (
    *("id", "index", "idx", "number", "keypointid", "keypointindex", "keypoint", "jointid", "jointindex", "joint"),
    *("landmarkid", "landmarkindex", "landmark", "partid", "kp", "kpid"),
)
_SCORES = ("keypointscores", "keypointsscores", "keypointconfidences", "keypointsconf", "keypointsconfidence")
_FLAT = {34: 2, 51: 3, 52: 2, 66: 2, 99: 3, 132: 4}
_AXES = {2: ("x", "y"), 3: ("x", "y", "score"), 4: ("x", "y", "z", "score")}


def joints_of(pose: dict[str, Any]) -> Any:
    """Return the joints of a pose.

    Raises:
        InputError: if there are none under any usual name, with the names that there are.
    """
    if "keypoints" in pose:
        return pose["keypoints"]
    found = next((value for name, value in pose.items() if simplified(name) in _JOINTS), None)
    if found is None:
        raise InputError("there are no keypoints", f"the keys are {listed(list(pose)[:12])}", "check the format")
    return found


def has_names(joints: Any) -> bool:
    """Return whether the numbers of joints have names, such as x and y."""
    values = joints.values() if isinstance(joints, dict) else joints
    return isinstance(next(iter(values), {}), dict)


def as_points(joints: Any) -> list[dict[str, Any]]:
    """Return joints as objects with x, y, and a name or a number if the file has them.

    Args:
        joints: a list of objects or of rows of numbers, all numbers in one row, an object with a member per joint, or
            the same list or object the other way round, with a row for all x, one for all y and so on.
    """
    if isinstance(joints, dict):
        if all(name.isdecimal() for name in joints):
            return [_member(name, joints[name]) for name in sorted(joints, key=int)]
        by_axis = {name.lower(): row for name, row in joints.items() if isinstance(row, list)}
        if {"x", "y"} <= by_axis.keys():
            return [dict(zip(by_axis, row, strict=True)) for row in zip(*by_axis.values(), strict=True)]
        return [_member(name, point) for name, point in joints.items()]
    if not joints or isinstance(joints[0], dict):
        return list(joints)
    if isinstance(joints[0], list):
        return [dict(zip(_AXES[len(row)], row, strict=True)) for row in rows_of_joints(joints)]
    if len(joints) not in _FLAT:
        raise InputError(f"a pose has {len(joints)} numbers", None, "17 joints have 34 or 51 numbers")
    width = _FLAT[len(joints)]
    rows = [joints[at : at + width] for at in range(0, len(joints), width)]
    return [dict(zip(_AXES[width], row, strict=True)) for row in rows]


def with_scores(pose: dict[str, Any], points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return joints with the confidences that a pose states in a list of their own."""
    lists = (value for name, value in pose.items() if is_confidence(name) or simplified(name) in _SCORES)
    scores = next((value for value in lists if isinstance(value, list) and len(value) == len(points)), None)
    if scores is None or any(is_confidence(name) for name in points[0]):
        return points
    return [{**point, "score": score} for point, score in zip(points, scores, strict=True)]


def rows_of_joints(rows: Any) -> list[list[Any]]:
    """Return a row for each joint, also of rows that hold all x, all y and so on."""
    if len(rows) in _AXES and len(rows[0]) not in _AXES:
        return [list(row) for row in zip(*rows, strict=True)]
    return list(rows)


def numbers_of(points: Sequence[dict[str, Any]]) -> list[int] | None:
    """Return the numbers of joints that have a number instead of a name; None if they have none."""
    if not points or "name" in points[0] or "part" in points[0]:
        return None
    key = next((name for name in points[0] if simplified(name) in _NUMBER), None)
    if key is None:
        return None
    numbers = [int(point[key]) for point in points]
    if len(set(numbers)) < len(numbers):
        raise InputError("a joint has two positions in one pose", None, "number the joints")
    return numbers


def _member(name: str, point: Any) -> dict[str, Any]:
    which = {"id": int(name)} if name.isascii() and name.isdigit() and len(name) < 4 else {"name": name}
    if isinstance(point, dict):
        return {**point, **which}
    return {**dict(zip(_AXES[len(point)], point, strict=True)), **which}
