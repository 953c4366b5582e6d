"""Poses that are told image by image: which images are the frames of one clip."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.clips.collector import Collector
from data.importers.clips.joints import JointOrder, order_by_count
from data.importers.clips.types import RawClip
from data.importers.clips.units import ImageSize

COUNTS = ((17, "coco17"), (26, "halpe26"), (136, "halpe26"), (133, "coco17"), (18, "openpose18"), (33, "blazepose33"))
"""Joints of the field's models; the body's come first in those of the whole body."""

OCCLUDED = 0.5
"""Confidence of an annotated joint that is hidden (visibility 1 of 2)."""

_FRAME = re.compile(r"(.*?)[_\-. ]*(\d+)(?:\.[A-Za-z]\w*)?")


def clip_and_frame(image: Any) -> tuple[str, int]:
    """Return the clip that an image belongs to, and its frame there, by the image's number or name.

    The digits at the end of a name are the frame, what stands before them and the folders are the clip.
    """
    if isinstance(image, (int, float)):
        return "", frame_number(image)
    folder, _, name = str(image).replace("\\", "/").rpartition("/")
    match = _FRAME.fullmatch(name)
    if match is None or len(match[2]) > 15:
        raise InputError("the name of an image has no number", str(image)[:100], "number the frames of a clip")
    return f"{folder}/{match[1]}".strip("/"), int(match[2])


def frame_number(value: Any) -> int:
    """Return the number of a frame.

    Raises:
        ValueError: if it is no whole number that one could count to.
    """
    number = int(value)
    if number != value or abs(number) >= 1 << 53:
        raise ValueError(f"{str(value)[:30]} is no number of a frame")
    return number


@dataclass(slots=True)
class Annotated:
    """The poses of one clip: frames in any order, people of a frame together or not."""

    image: ImageSize | None = None
    fps: float | None = None
    told: dict[str, str] = field(default_factory=dict)
    frames: set[int] = field(default_factory=set)
    numbers: list[int] = field(default_factory=list)
    poses: Collector = field(default_factory=Collector)

    def add(self, frame: int, keypoints: list[float], order: JointOrder | None, track: Any) -> None:
        """Add a person: x, y, confidence of each joint in a row."""
        order = order or order_by_count(len(keypoints) // 3, COUNTS)
        self.poses.pose(order, keypoints, 2, _track_number(track))
        self.numbers.append(frame)
        self.frames.add(frame)

    def clip(self, name: str, record: int) -> RawClip:
        """Return the clip, its frames in order.

        Raises:
            InputError: if there is no pose.
        """
        clip = self.poses.clip(name, "pixels", self.image, self.fps, self.told)
        clip.record = record
        numbers = np.array(sorted(self.frames), np.int64)
        order = np.argsort(np.array(self.numbers), kind="stable")
        clip.poses = _with_confidences(clip.poses[order])
        clip.frames = np.searchsorted(numbers, np.array(self.numbers)[order])
        clip.count = len(numbers)
        clip.tracks = None if clip.tracks is None else clip.tracks[order]
        clip.times, clip.time_unit = numbers.astype(np.float64), "frames"
        return clip


def clips_of(annotated: dict[str, Annotated], only: str) -> Iterator[RawClip | tuple[str, InputError]]:
    """Yield the clips of a file, or the name and the fault of one; a clip without a name gets `only`."""
    for record, (name, one) in enumerate(annotated.items()):
        try:
            yield one.clip(name or only, record)
        except InputError as error:
            yield name or only, error


def new_table() -> dict[str, Annotated]:
    """Return an empty table of clips that makes them as they are asked for."""
    return defaultdict(Annotated)


def triples(pose: np.ndarray, pixels: float) -> list[float]:
    """Return a canonical pose as x, y, confidence in a row, for an image of so many pixels."""
    return (pose * (pixels, pixels, 1)).ravel().tolist()


def _with_confidences(poses: np.ndarray) -> np.ndarray:
    """Read COCO's visibility flags, 0, 1 and 2, as confidences; a clip that has no 2 has confidences already."""
    flags = poses[..., -1]
    if not ((flags == 2).any() and np.isin(flags, (0, 1, 2)).all()):
        return poses
    poses = poses.copy()
    poses[..., -1] = np.choose(flags.astype(int), (0.0, OCCLUDED, 1.0))
    return poses


def _track_number(track: Any) -> int:
    while isinstance(track, (list, tuple)) and track:
        track = track[0]
    return int(track) if isinstance(track, (int, float)) and 0 <= track < 1 << 53 else -1


def names_of(values: Iterable[Any]) -> tuple[str, ...]:
    """Return names as text."""
    return tuple(map(str, values))
