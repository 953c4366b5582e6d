"""MediaPipe Pose landmarks: results of the Pose Landmarker task as JSON, or as CSV with one row per frame.

Source: https://ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker and its API reference
(`PoseLandmarkerResult`, `NormalizedLandmark`, `Landmark`): 33 landmarks per person; `landmarks` with x divided by the
image's width, y by its height, z in about the scale of x; `worldLandmarks` in metres around the hips; `visibility` and
`presence`.

JSON has one entry per frame: an object with a time and `landmarks` (or `pose_landmarks`, `poseLandmarks`, and
`worldLandmarks`), or the landmarks alone. Landmarks are the list of one person, an object with one member per landmark,
or a list of people. The confidence is the visibility, or else the presence, or else 1. CSV has the columns `x1, y1, z1,
v1 ... v33` (of Holistic's 501 the first 33) or `nose_x, nose_y, nose_z, nose_visibility` and so on, in any order and
case (see `csv_table`). Coordinates become image heights by the ratio of image width and height, which the file
(`width`, `height`) or `--image-size` must state; pixels are recognised by their size. Depth is kept; `--dimensions 2`
drops it. `--space world` reads the world landmarks: metres, y down, as MediaPipe has them.
"""

import json
import re
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.clips.collector import Collector
from data.importers.clips.faults import quarantined
from data.importers.clips.joints import order_by_count, order_by_name
from data.importers.clips.types import Format, Head, ImageSize, ImportOptions, RawClip, ReaderOutput, Source
from data.importers.clips.units import PIXELS_FROM, Unit
from data.importers.clips.vocabulary import is_confidence, simplified
from data.importers.formats import csv_table
from data.importers.formats.writing import PIXELS, frame_times, needs_image
from data.importers.readers.json_frames import MISSING, flattened, read_frames
from data.records import KeypointSequence

_USUAL = itemgetter("x", "y", "z", "visibility")
_COUNTS = ((33, "blazepose33"),)
_CENTRED = 0.1
"""Largest coordinate of the middle of the hips, as a part of the usual coordinate, of poses that are centred on it."""

_AXES = {2: ("x", "y"), 3: ("x", "y", "z"), 4: ("x", "y", "z", "visibility"), 5: (*"xyz", "visibility", "presence")}
"""What lists of numbers hold."""

_IMAGE = ("landmarks", "poselandmarks", "normalizedlandmarks", "landmark")
_WORLD = ("worldlandmarks", "poseworldlandmarks")


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clips of a file."""
    for record, found in enumerate(_read(source, options)):
        if isinstance(found, RawClip) and options.space != "world":
            try:
                _find_unit(found, options.image or found.image)
            except InputError as error:
                yield quarantined(error, str(source.path), record, name=found.name)
                continue
        yield found


def _find_unit(clip: RawClip, image: ImageSize | None) -> None:
    """Tell pixels from fractions: landmarks outside the image have fractions above 1, but not most of them above 8.

    Raises:
        InputError: if the landmarks are not those of an image.
    """
    seen = (clip.poses[..., -1] > 0) & np.isfinite(clip.poses).all(axis=-1)
    places = np.abs(clip.poses[..., :2])
    if not seen.any():
        return
    extent = float(np.median(places[seen]))
    joints = [place for place, joint in enumerate(clip.layout.joints) if joint in ("left_hip", "right_hip")]
    hips = clip.poses[seen[:, joints].all(axis=1)][:, joints, :2]
    if hips.size and (np.median(np.abs(hips.mean(axis=1)), axis=0) < _CENTRED * extent).all():
        raise InputError(
            "the landmarks are negative, centred on the hips",
            None,
            "see --space world if they are metres; pixels need the place of the hips in the image",
        )
    if extent <= PIXELS_FROM:
        return
    clip.unit = "pixels"
    if clip.poses.shape[-1] == 4 and np.median(np.abs(clip.poses[..., 2][seen])) <= PIXELS_FROM:
        # Depth that is still a fraction has the scale of the image's width.
        width = image.width if image and image.width else 0.0
        clip.poses = clip.poses * np.array([1, 1, width, 1], np.float32)
        if not width:
            clip.notes.append("x and y are pixels, but depth is not: it is dropped, as the image width is unknown")


def _read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    unit: Unit = "metres" if options.space == "world" else "fractions"
    if source.path.suffix.lower() in csv_table.SUFFIXES:
        yield from csv_table.read_table(source, options, unit)
    else:
        ignored = _IMAGE if options.space == "world" else _WORLD
        yield from read_frames(source, options, _parse, unit, ignored, (*_IMAGE, *_WORLD, "segmentationmasks"))


def _parse(frame: Any, frames: Collector, options: ImportOptions) -> None:
    people = frame
    if isinstance(frame, dict):
        wanted = _WORLD if options.space == "world" else _IMAGE
        if isinstance(frame.get("pose"), dict):
            frame = frame["pose"]
        name = next((name for name in frame if simplified(name) in wanted), None)
        if name is None:
            raise InputError(f"the frame has no {wanted[0]}", None, "check --space and the format")
        people = frame[name] or []
    if isinstance(people, dict) and people and all(name.isdecimal() for name in people):
        people = [people[name] for name in sorted(people, key=int)]
    if isinstance(people, dict) and "landmark" not in people:
        order = order_by_name(tuple(people))
        frames.pose(order, flattened(list(people.values()), _USUAL, _joint), 3)
        return
    if isinstance(people, dict):
        people = people["landmark"]
    if people and _is_landmark(people[0]):
        people = [people]
    for person in people:
        landmarks = person["landmark"] if isinstance(person, dict) else person
        if landmarks and isinstance(landmarks[0], list):
            landmarks = [dict(zip(_AXES[len(row)], row, strict=True)) for row in landmarks]
        if landmarks:
            frames.pose(order_by_count(len(landmarks), _COUNTS), flattened(landmarks, _USUAL, _joint), 3)


def _is_landmark(value: Any) -> bool:
    """Return whether a value is one landmark: an object, or a list of numbers."""
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], (int, float))
    return isinstance(value, dict) and "landmark" not in value


def _joint(landmark: dict[str, Any]) -> tuple[float, ...]:
    confidence = landmark.get("visibility")
    if confidence is None:
        others = (value for name, value in landmark.items() if name != "visibility" and is_confidence(name))
        confidence = landmark["presence"] if "presence" in landmark else next(others, 1.0)
    x, y = landmark["x"], landmark["y"]
    return MISSING if x is None or y is None or confidence is None else (x, y, landmark.get("z") or 0.0, confidence)


def _detect(head: Head) -> bool:
    if head.path.suffix.lower() in csv_table.SUFFIXES:
        return csv_table.joints_in_header(head.text) in csv_table.BLAZEPOSE_COUNTS
    named = re.search(r'"(?:pose_?)?(?:world_?|normalized_?)?landmarks?"', head.text, re.IGNORECASE)
    return bool(named) or bool(re.match(r'\s*\[\s*\[\s*(\[\s*)?\{\s*"x"[^}]*"visibility"', head.text))


def write(sequences: Iterable[KeypointSequence], path: Path) -> None:
    """Write `blazepose33` sequences with depth as clips of one file, for square images."""
    clips = []
    for sequence in sequences:
        if needs_image(sequence).name != "blazepose33" or sequence.keypoints.shape[-1] != 4:
            raise InputError("MediaPipe has 33 landmarks with depth", f"sequence {sequence.sequence_id!r}", None)
        names = ("x", "y", "z", "visibility")
        frames = [
            {**time, "landmarks": [[dict(zip(names, joint, strict=True)) for joint in pose]]}
            for time, pose in zip(frame_times(sequence), sequence.keypoints.astype(float).tolist(), strict=True)
        ]
        fields = {"id": sequence.sequence_id, "label": sequence.label, "subject": sequence.subject, "fps": sequence.fps}
        clips.append({**fields, "width": PIXELS, "height": PIXELS, "frames": frames})
    path.write_text(json.dumps({"clips": clips}), encoding="utf-8")


FORMAT = Format(
    name="mediapipe",
    about="MediaPipe Pose Landmarker results: JSON, or CSV with one row per frame",
    suffixes=(".json", ".jsonl", ".ndjson", *csv_table.SUFFIXES),
    detect=_detect,
    read=read,
    write=write,
)
