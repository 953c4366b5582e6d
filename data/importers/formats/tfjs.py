"""TF.js pose-detection, MoveNet and PoseNet: named keypoints of one or more poses per frame, as JSON.

Sources: `Pose` and `Keypoint` of https://github.com/tensorflow/tfjs-models/tree/master/pose-detection (x, y in pixels
of the input, z for BlazePose, `score`, `name`; `keypoints3D` in metres; `id` of the tracker) and PoseNet's
`{position: {x, y}, part, score}` of https://github.com/tensorflow/tfjs-models/tree/master/posenet.

A frame is a pose, a list of poses, or an object with `poses` and a time (`timestamp`, `time_ms`, `frame` and others).
Frames are in the outermost array or in a member of the outermost object, whose other members may state `fps`, `width`,
`height`, `label`, `subject` and more. A file may have several clips: entries with `frames` of their own. Joints are
found by name; without names by how many there are, 17 of COCO or 33 of BlazePose. Coordinates up to 2 are fractions of
image width and height (the detectors' normalised output), others are pixels. `--space world` reads `keypoints3D`.

Related formats are read too: MoveNet's own tensors (y, x, score of 17 joints for each frame), ml5.js (`confidence`;
`pose` next to `skeleton`), and the predictions of MMPose's inferencer (`instances` with `keypoint_scores`).
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.importers.clips.collector import Collector
from data.importers.clips.joints import JointOrder, order_by_count, order_by_name
from data.importers.clips.types import Format, Head, ImportOptions, ReaderOutput, Source
from data.importers.clips.units import Unit
from data.importers.formats.writing import PIXELS, frame_times, needs_image
from data.importers.readers.image_names import COUNTS as IMAGE_COUNTS
from data.importers.readers.json_frames import MISSING, flattened, read_frames
from data.records import KeypointSequence

_USUAL = {2: itemgetter("x", "y", "score"), 3: itemgetter("x", "y", "z", "score")}
_NAME = itemgetter("name")
_NUMBER = r"\s*-?\d[\d.eE+-]*\s*"
_TENSOR = re.compile(rf"\s*\[(?:\s*\[){{2,4}}{_NUMBER},{_NUMBER},{_NUMBER}\]")
_OTHER = ("metainfo",)
_COUNTS = ((17, "coco17"), (33, "blazepose33"))


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clips of a file."""
    unit: Unit | None = "metres" if options.space == "world" else None
    yield from read_frames(source, options, _parse, unit, _OTHER)


def _parse(frame: Any, frames: Collector, options: ImportOptions) -> None:
    if isinstance(frame, list) and frame and isinstance(frame[0], list):
        _add_tensor(frame, frames, options)
        return
    poses = frame if isinstance(frame, list) else frame.get("poses", frame.get("instances", frame))
    for pose in poses if isinstance(poses, list) else [poses]:
        if pose is not None:
            _add(pose.get("pose", pose), frames, options)


def _add(pose: dict[str, Any], frames: Collector, options: ImportOptions) -> None:
    world = options.space == "world"
    if world and "keypoints3D" not in pose:
        raise InputError("the poses have no keypoints3D", None, "import them with --space image")
    keypoints = pose["keypoints3D" if world else "keypoints"]
    number = pose.get("id")
    track = number if isinstance(number, int) else -1
    if "keypoint_scores" in pose:
        joints = zip(keypoints, pose["keypoint_scores"], strict=True)
        values = [value for (x, y), score in joints for value in (x, y, score)]
        frames.pose(order_by_count(len(keypoints), IMAGE_COUNTS), values, 2, track)
        return
    dimensions = 3 if keypoints and "z" in keypoints[0] else 2
    given = flattened(keypoints, _USUAL[dimensions], partial(_joint, dimensions))
    frames.pose(_order(keypoints), given, dimensions, track)


def _add_tensor(frame: list[Any], frames: Collector, options: ImportOptions) -> None:
    """Add the tensor that MoveNet returns, `[1, 1, 17, 3]` of y, x and score, or its inner part `[17, 3]`."""
    if options.space == "world":
        raise InputError("the poses have no keypoints3D", None, "import them with --space image")
    while isinstance(frame[0][0], list):
        if len(frame) != 1:
            raise InputError(
                f"a frame of numbers has {len(frame)} poses", None, "write one pose a frame, as MoveNet returns it"
            )
        frame = frame[0]
    frames.pose(order_by_count(len(frame), _COUNTS), [value for y, x, score in frame for value in (x, y, score)], 2)


def _order(keypoints: list[dict[str, Any]]) -> JointOrder:
    try:
        names = tuple(map(_NAME, keypoints))
    except KeyError:
        names = tuple(point.get("name") or point.get("part") or "" for point in keypoints)
    return order_by_name(names) if names and all(names) else order_by_count(len(names), _COUNTS)


def _joint(dimensions: int, point: dict[str, Any]) -> tuple[float, ...]:
    place = point.get("position", point)
    x, y, score = place["x"], place["y"], point.get("score", point.get("confidence", 1.0))
    if x is None or y is None or score is None:
        return MISSING[: dimensions + 1]
    return (x, y, place["z"], score) if dimensions == 3 else (x, y, score)


def _detect(head: Head) -> bool:
    if '"keypoint_scores"' in head.text or _TENSOR.match(head.text):
        return True
    typical = ('"score"', '"name"', '"confidence"')
    return '"keypoints"' in head.text and any(name in head.text for name in typical) and _is_objects(head.text)


def _is_objects(text: str) -> bool:
    """Return whether keypoints are a list of objects, not of numbers as in COCO."""
    after = text.partition('"keypoints"')[2].lstrip(" \t\r\n:")
    return after.startswith("[") and after[1:].lstrip().startswith("{")


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
