"""The keys of a JSON document that nobody reads."""

from collections.abc import Collection
from typing import Any

from data.importers.clips.vocabulary import CONFIDENCES, field_of, simplified, time_unit_of

_AXES = ("x", "y", "z")
_DEPTH = 5
_EXPECTED = frozenset(
    (
        *(
            "frames",
            "poses",
            "instances",
            "pose",
            "keypoints",
            "keypoints3d",
            "landmarks",
            "people",
            "clips",
            "position",
        ),
        *("name", "part", "id", "index", "skeleton", "bones", "joints", "edges", "boxes", "bbox", "box", "area"),
        *("bboxscore", "keypointscores", "metadata", "metainfo", "meta", "info", "videoinfo", "version", "idx"),
        *("imageid", "categoryid", "category", "trackid", "score", "scores", "iscrowd", "numkeypoints", "segmentation"),
        *("center", "scale", "type", "boundingbox", "instanceinfo", "person", "personid", "rotation"),
    )
)
"""Names that are read by some reader, or that describe a pose in a second way."""


def unread_keys(value: Any, read: Collection[str] = (), depth: int = _DEPTH) -> list[str]:
    """Return the keys of a value that nobody reads, each once, as far as its first entries show them.

    Args:
        value: a frame, or another part of a document.
        read: further simplified names that are read.
        depth: number of levels below which nothing is looked at.
    """
    if isinstance(value, list):
        return unread_keys(value[0], read, depth - 1) if value and depth else []
    if not isinstance(value, dict) or not depth:
        return []
    if all(isinstance(item, (dict, list)) for item in value.values()) and len(value) > 4:
        return []  # a member for each joint or frame
    unread: dict[str, None] = {}
    for name, item in list(value.items())[:100]:
        if _is_known(name, read):
            unread |= dict.fromkeys(unread_keys(item, read, depth - 1))
        else:
            unread[name] = None
    return list(unread)


def _is_known(name: str, read: Collection[str]) -> bool:
    short = simplified(name)
    if short in _EXPECTED or short in read or short in CONFIDENCES or short in _AXES:
        return True
    return bool(time_unit_of(name) or field_of(name))
