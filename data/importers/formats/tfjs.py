"""TF.js pose-detection, MoveNet and PoseNet: named keypoints of one or more poses per frame, as JSON.

Sources: `Pose` and `Keypoint` of https://github.com/tensorflow/tfjs-models/tree/master/pose-detection (x, y in pixels
of the input, z for BlazePose, `score`, `name`; `keypoints3D` in metres; `id` of the tracker) and PoseNet's
`{position: {x, y}, part, score}` of https://github.com/tensorflow/tfjs-models/tree/master/posenet.

A frame is a pose, a list of poses, or an object with `poses` and a time (`timestamp`, `time_ms`, `frame` and others).
Frames are in the outermost array or in a member of the outermost object, whose other members may state `fps`, `width`,
`height`, `label`, `subject` and more. A file may have several clips: entries with `frames` of their own. Joints are
found by name; without names by their number (`id`, `index`), so that a file may leave out some, or by how many there
are, 17 of COCO or 33 of BlazePose; if all numbers are those of COCO's legs or of BlazePose's arms, `--layout` decides.
Coordinates up to 2 are fractions of image width and height (the detectors' normalised output), others are pixels.
`--space world` reads `keypoints3D`.

Related formats are read too: MoveNet's own tensors (y, x, score of 17 joints for each frame), ml5.js (`confidence`;
`pose` next to `skeleton`), the predictions of MMPose's inferencer (`instances` with `keypoint_scores`), frames of
OpenPose that somebody joined to one file (`people` with `pose_keypoints_2d`), and arrays of numbers, whose axes are
noted.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.clips.axes import check_frames_first, with_depth
from data.importers.clips.clock import movements
from data.importers.clips.collector import Collector
from data.importers.clips.confidence import mark_unseen
from data.importers.clips.faults import quarantined
from data.importers.clips.joints import JointOrder, order_by_count, order_by_name
from data.importers.clips.types import Format, Head, ImportOptions, RawClip, ReaderOutput, Source
from data.importers.clips.units import Unit, pixels_or_fractions
from data.importers.clips.upright import Y_BEFORE_X, lies_along_x
from data.importers.clips.vocabulary import is_confidence, time_unit_of
from data.importers.formats.openpose import COUNTS as OPENPOSE_COUNTS
from data.importers.formats.writing import PIXELS, frame_times, needs_image
from data.importers.readers.image_names import COUNTS as IMAGE_COUNTS
from data.importers.readers.json_frames import MISSING, flattened, read_frames
from data.importers.readers.json_points import as_points, has_names, joints_of, numbers_of, rows_of_joints, with_scores
from data.layouts import load_layout
from data.records import KeypointSequence

_USUAL = {2: itemgetter("x", "y", "score"), 3: itemgetter("x", "y", "z", "score")}
_NAME = itemgetter("name")
_NUMBER = r"\s*-?\d[\d.eE+-]*\s*"
_TENSOR = re.compile(rf"\s*\[(?:\s*\[){{2,4}}{_NUMBER}(?:,{_NUMBER})+\]|\s*\[\s*\[{_NUMBER}(?:,{_NUMBER}){{33,}}\]")
_TENSOR_SHAPE = (17, 3)
_OTHER = ("metainfo",)
_KEYS = (
    *("keypoints3d", "keypointscores", "persons", "bodies", "posekeypoints2d", "posekeypoints3d"),
    *("facekeypoints2d", "facekeypoints3d", "handleftkeypoints2d", "handrightkeypoints2d"),
    *("handleftkeypoints3d", "handrightkeypoints3d"),
)
_PEOPLE = ("poses", "instances", "people", "persons", "bodies")
_AWAY = 0.4
"""Mean distance of the joints, in heights of a person, from which the next pose is another person's."""

_COUNT = 33
_NUMBERED = JointOrder(load_layout("blazepose33"), tuple(range(_COUNT)))
"""Order of joints that have numbers; whether they are COCO's 17 is known at the end of a clip."""

_COUNTS = ((17, "coco17"), (33, "blazepose33"))
_LAYOUTS = tuple(name for _, name in _COUNTS)
_LEGS_OR_ARMS = 11
"""Lowest number, up to which everybody has a face: COCO's left hip, BlazePose's left shoulder."""


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clips of a file."""
    unit: Unit | None = "metres" if options.space == "world" else None
    for record, found in enumerate(read_frames(source, options, _parse, unit, _OTHER, _KEYS)):
        try:
            if isinstance(found, RawClip):
                found.reader.finish(found, options)
            yield found
        except InputError as error:
            yield quarantined(error, str(source.path), record, found if isinstance(found, RawClip) else None)


def _parse(frame: Any, frames: Collector, options: ImportOptions) -> None:
    frames.reader = frames.reader or _Reader()
    frames.reader.parse(frame, frames, options)


class _Reader:
    """Reads the frames of one clip, and keeps in mind what their keypoints lack.

    Attributes:
        scored: whether a keypoint has a confidence.
        tensors: whether frames are tensors of MoveNet, with y before x.
        unnamed: whether the numbers of a keypoint have no names.
        instances: number of frames that are one instance of MMPose, without a time.
        numbers: lowest and highest number of a keypoint; None if keypoints have no numbers.
    """

    def __init__(self) -> None:
        self.scored = self.tensors = self.unnamed = False
        self.instances = 0
        self.numbers: tuple[int, int] | None = None

    def parse(self, frame: Any, frames: Collector, options: ImportOptions) -> None:
        """Add the people of a frame."""
        if isinstance(frame, list) and frame and not isinstance(frame[0], dict) and frame[0] is not None:
            self._add_numbers(frame, frames, options)
            return
        poses = frame
        if isinstance(frame, dict):
            name = next((name for name in _PEOPLE if isinstance(frame.get(name), (list, dict))), None)
            poses = frame if name is None else frame[name]
            self.instances += name is None and _is_instance(frame)
        for pose in poses if isinstance(poses, list) else [poses]:
            if pose is not None:
                inner = pose.get("pose", pose)
                self._add({"keypoints": inner} if isinstance(inner, list) else inner, frames, options)

    def _add(self, pose: dict[str, Any], frames: Collector, options: ImportOptions) -> None:
        world = options.space == "world"
        if world and "keypoints3D" not in pose:
            raise InputError("the poses have no keypoints3D", None, "import them with --space image")
        if flat := pose.get("pose_keypoints_2d"):
            frames.pose(order_by_count(len(flat) // 3, OPENPOSE_COUNTS), flat, 2)
            self.scored = True
            return
        keypoints = pose["keypoints3D"] if world else joints_of(pose)
        if keypoints is None:
            return  # nobody was found
        number = pose.get("id")
        track = number if isinstance(number, int) else -1
        if "keypoint_scores" in pose:
            if keypoints and len(keypoints[0]) == 3:
                raise InputError("the keypoints are lifted to 3-D", None, "export the 2-D keypoints of the detector")
            joints = zip(keypoints, pose["keypoint_scores"], strict=True)
            values = [value for (x, y), score in joints for value in (x, y, score)]
            frames.pose(order_by_count(len(keypoints), IMAGE_COUNTS), values, 2, track)
            self.scored = True
            return
        self.unnamed = self.unnamed or not has_names(keypoints)
        points = with_scores(pose, as_points(keypoints))
        self.scored = self.scored or any(is_confidence(name) for point in points[:1] for name in point)
        dimensions = 3 if points and "z" in points[0] else 2
        numbers = numbers_of(points)
        if numbers is not None:
            frames.pose(_NUMBERED, self._by_number(points, numbers, dimensions), dimensions, track)
            return
        given = flattened(points, _USUAL[dimensions], partial(_joint, dimensions))
        frames.pose(_order(points), given, dimensions, track)

    def _by_number(self, points: list[dict[str, Any]], numbers: list[int], dimensions: int) -> list[float]:
        """Return the numbers of 33 joints, of which a file may have only some; joint 33 takes the place of joint 0."""
        known = self.numbers or (numbers[0], numbers[0]) if numbers else (0, 0)
        low, high = min(known[0], *numbers), max(known[1], *numbers)
        if low < 0 or high > _COUNT or (low, high) == (0, _COUNT):
            raise InputError(f"joints are numbered {low} to {high}", None, "COCO has 0 to 16, BlazePose 0 to 32")
        self.numbers = low, high
        joints = [MISSING[: dimensions + 1]] * _COUNT
        for place, point in zip(numbers, points, strict=True):
            joints[place % _COUNT] = _joint(dimensions, point)
        return [value for joint in joints for value in joint]

    def _add_numbers(self, frame: list[Any], frames: Collector, options: ImportOptions) -> None:
        """Add a frame of numbers: MoveNet's tensor, `[1, 1, 17, 3]` of y, x and score, or other lists."""
        if options.space == "world":
            raise InputError("the poses have no keypoints3D", None, "import them with --space image")
        while isinstance(frame[0], list) and isinstance(frame[0][0], list):
            if len(frame) != 1:
                raise InputError(
                    f"a frame of numbers has {len(frame)} poses", None, "write one pose a frame, as MoveNet returns it"
                )
            frame = frame[0]
        rows = rows_of_joints(frame) if isinstance(frame[0], list) else frame
        if rows == frame and isinstance(frame[0], list) and (len(frame), len(frame[0])) == _TENSOR_SHAPE:
            frames.pose(order_by_count(17, _COUNTS), [value for y, x, score in frame for value in (x, y, score)], 2)
            self.tensors = self.scored = True
            return
        self._add({"keypoints": rows}, frames, options)

    def _name_axes(self, clip: RawClip) -> None:
        """Decide what numbers without names are, and note it."""
        check_frames_first(clip.poses)
        if self.tensors:
            lies = lies_along_x(clip.poses, clip.layout.torso)
            if lies and clip.unit == "pixels":
                clip.poses = clip.poses[..., [1, 0, 2]]
                clip.notes.append("lists of three numbers are read as x, y, score: bodies lie if they are y, x, score")
            else:
                but = ", but then bodies lie along x" if lies else ""
                clip.notes.append(
                    f"lists of three numbers are read as y, x, score, as MoveNet returns them{but}: if they are not,"
                    " name the numbers of each joint"
                )
        elif self.scored and clip.poses.shape[-1] == 3:
            clip.poses, notes = with_depth(clip.poses)
            clip.notes += notes
            if clip.unit == "pixels":  # a negative depth was no confidence, so that nothing was seen
                clip.unit = pixels_or_fractions(clip.poses)
        else:
            clip.notes.append("the numbers of a joint have no names: they are taken as x, y and so on")
        if self.unnamed and lies_along_x(clip.poses, clip.layout.torso):
            clip.notes.append(f"{Y_BEFORE_X}: if nobody lies, name the numbers of each joint")

    def finish(self, clip: RawClip, options: ImportOptions) -> None:
        """Complete a clip by what is known only at its end.

        Raises:
            InputError: if the numbers of joints are those of different joints in COCO and in BlazePose, or if an array
                has joints before frames.
        """
        if self.tensors or self.unnamed:
            self._name_axes(clip)
        if self.instances == clip.count > 1 and (movements(clip.poses) > _AWAY).mean() > 1 / 2:
            clip.frames, clip.count = np.zeros_like(clip.frames), 1
            clip.notes.append("the file is a list of people who are far apart: it is taken as one image")
        if self.numbers is not None:
            low, high = self.numbers
            first = low > 0 and high in (17, _COUNT)
            name = "blazepose33" if high > 16 + first else "coco17"
            if low >= _LEGS_OR_ARMS and high <= 17:
                if options.layout not in _LAYOUTS:
                    raise InputError(
                        f"all joints are numbered {low} to {high}",
                        "these are the legs in COCO, the arms in BlazePose",
                        f"name the joints, or give --layout {' or '.join(_LAYOUTS)}",
                    )
                name = options.layout
                first = first and name == "coco17"
            layout = load_layout(name)
            clip.poses = np.roll(clip.poses, -int(first), axis=1)[:, : len(layout.joints)]
            clip.layout = layout
            clip.notes.append(f"joints have numbers from {int(first)}: they are taken as those of {name}")
        if not self.scored:
            clip.poses, notes = mark_unseen(clip.poses)
            clip.notes += notes


def _is_instance(frame: dict[str, Any]) -> bool:
    """Return whether a frame is a person as MMPose lists those of one image."""
    return "keypoint_scores" in frame and "bbox" in frame and not any(map(time_unit_of, frame))


def _order(keypoints: list[dict[str, Any]]) -> JointOrder:
    try:
        names = tuple(map(_NAME, keypoints))
    except KeyError:
        names = tuple(point.get("name") or point.get("part") or "" for point in keypoints)
    return order_by_name(names) if names and all(names) else order_by_count(len(names), _COUNTS)


def _joint(dimensions: int, point: dict[str, Any]) -> tuple[float, ...]:
    place = point.get("position", point)
    score = next((value for name, value in point.items() if is_confidence(name)), 1.0)
    x, y = place["x"], place["y"]
    if x is None or y is None or score is None:
        return MISSING[: dimensions + 1]
    return (x, y, place.get("z") or 0.0, score) if dimensions == 3 else (x, y, score)


def _detect(head: Head) -> bool:
    if '"keypoint_scores"' in head.text or '"pose_keypoints_2d"' in head.text or _TENSOR.match(head.text):
        return True
    if re.search(r'"pose"\s*:\s*\[\s*\{[^{}]*"x"', head.text):
        return True
    # A list of objects or of lists, not of numbers as in COCO.
    return bool(re.search(r'"keypoints"\s*:\s*(\{|\[\s*[\[{])', head.text))


def write(sequences: Iterable[KeypointSequence], path: Path) -> None:
    """Write image sequences as clips of one file, in pixels of an image 1,000 pixels high."""
    clips = []
    for sequence in sequences:
        layout = needs_image(sequence)
        frames = []
        for time, pose in zip(frame_times(sequence), sequence.keypoints.astype(float).tolist(), strict=True):
            points = [
                {"name": name}
                | dict(zip("xyz", (value * PIXELS for value in joint[:-1]), strict=False))
                | {"score": joint[-1]}
                for name, joint in zip(layout.joints, pose, strict=True)
            ]
            frames.append({**time, "poses": [{"keypoints": points}]})
        clips.append(
            {
                "id": sequence.sequence_id,
                "label": sequence.label,
                "subject": sequence.subject,
                "fps": sequence.fps,
                "height": PIXELS,
                "units": "pixels",
                "frames": frames,
            }
        )
    path.write_text(json.dumps({"clips": clips}), encoding="utf-8")


FORMAT = Format(
    name="tfjs",
    about="TF.js pose-detection, MoveNet and PoseNet JSON: named keypoints, one entry per frame",
    suffixes=(".json", ".jsonl", ".ndjson"),
    detect=_detect,
    read=read,
    write=write,
)
