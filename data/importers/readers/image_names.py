"""Clips of formats that list poses image by image: the image names give clip and frame."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.clips.collector import Collector
from data.importers.clips.confidence import with_confidences
from data.importers.clips.joints import JointOrder, order_by_count
from data.importers.clips.types import RawClip
from data.importers.clips.units import ImageSize
from data.importers.clips.vocabulary import text_of
from data.importers.readers.numbered_files import HASHED
from data.records import MAX_TEXT

COUNTS = ((17, "coco17"), (26, "halpe26"), (136, "halpe26"), (133, "coco17"), (18, "openpose18"), (33, "blazepose33"))
"""Number of joints and layout of common models; whole-body models list the joints of the body first."""

_FRAME = re.compile(rf"(.*?)[_\-. ]*(\d+)(?:{HASHED})?(?:\.[A-Za-z]\w*)?")


def clip_and_frame(image: Any) -> tuple[str, int]:
    """Return the clip of an image and its frame, by the image's number or name.

    The digits at the end of a name are the frame; the folders and the rest of the name are the clip.
    """
    if isinstance(image, (int, float)):
        return "", frame_number(image)
    path = text_of(image, "the name of an image")
    if len(path) > MAX_TEXT:
        raise InputError("the name of an image is too long", path[:100], f"write at most {MAX_TEXT} characters")
    folder, _, name = path.replace("\\", "/").rpartition("/")
    match = _FRAME.fullmatch(name)
    if match is None or len(match[2]) > 15:
        raise InputError("the name of an image has no number", path[:100], "number the frames of a clip")
    return f"{folder}/{match[1]}".strip("/"), int(match[2])


def frame_number(value: Any) -> int:
    """Return the number of a frame.

    Raises:
        ValueError: if it is not a whole number or is too large.
    """
    number = int(value)
    if number != value or abs(number) >= 1 << 53:
        raise ValueError(f"{str(value)[:30]} is not the number of a frame")
    return number


@dataclass(slots=True)
class Annotated:
    """The poses of one clip while it is read; frames and people may come in any order.

    Attributes:
        image: size of the images, if known.
        fps: frames per second, if known.
        fields: label, subject and other fields, as far as known.
        frames: numbers of all frames, including those without a pose.
        numbers: frame of each pose.
        poses: the poses.
    """

    image: ImageSize | None = None
    fps: float | None = None
    fields: dict[str, str] = field(default_factory=dict)
    frames: set[int] = field(default_factory=set)
    numbers: list[int] = field(default_factory=list)
    poses: Collector = field(default_factory=Collector)

    def add(self, frame: int, keypoints: list[float], order: JointOrder | None, track: Any) -> None:
        """Add a person.

        Args:
            frame: number of the frame.
            keypoints: x, y and confidence of each joint, all in one row.
            order: order of the joints; None to find it by how many there are.
            track: the file's number for the person, if it has one.
        """
        order = order or order_by_count(len(keypoints) // 3, COUNTS)
        self.poses.pose(order, keypoints, 2, _track_number(track))
        self.numbers.append(frame)
        self.frames.add(frame)

    def clip(self, name: str, record: int) -> RawClip:
        """Return the clip, its frames in order.

        Raises:
            InputError: if there is no pose.
        """
        clip = self.poses.clip(name, "pixels", self.image, self.fps, self.fields)
        clip.record = record
        numbers = np.array(sorted(self.frames), np.int64)
        order = np.argsort(np.array(self.numbers), kind="stable")
        clip.poses = with_confidences(clip.poses[order])
        clip.frames = np.searchsorted(numbers, np.array(self.numbers)[order])
        clip.count = len(numbers)
        clip.tracks = None if clip.tracks is None else clip.tracks[order]
        clip.times, clip.time_unit = numbers.astype(np.float64), "frames"
        return clip


def clips_of(annotated: dict[str, Annotated], only: str) -> Iterator[RawClip | tuple[str, InputError]]:
    """Yield the clips of a file, or (name, error) for a clip that is unusable.

    Args:
        annotated: the clips, by name.
        only: name for a clip without one.
    """
    for record, (name, one) in enumerate(annotated.items()):
        try:
            yield one.clip(name or only, record)
        except InputError as error:
            yield name or only, error


def new_table() -> dict[str, Annotated]:
    """Return an empty table of clips, which adds a clip when its name is first used."""
    return defaultdict(Annotated)


def triples(pose: np.ndarray, pixels: float) -> list[float]:
    """Return a canonical pose as x, y and confidence of each joint in one row, for an image height of `pixels`."""
    return (pose * (pixels, pixels, 1)).ravel().tolist()


def _track_number(track: Any) -> int:
    # AlphaPose writes a list of lists for boxes that it merged.
    while isinstance(track, (list, tuple)) and track:
        if any(other != track[0] for other in track):
            return -1
        track = track[0]
    return int(track) if isinstance(track, (int, float)) and 0 <= track < 1 << 53 else -1


def names_of(values: Iterable[Any]) -> tuple[str, ...]:
    """Return names as text."""
    return tuple(text_of(value, "the name of a joint") for value in values)
