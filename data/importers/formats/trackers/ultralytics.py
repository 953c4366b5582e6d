"""Ultralytics pose results as JSON: `Results.to_json()` or `summary()` of the frames of a video.

Source: https://docs.ultralytics.com/modes/predict (`Results.summary`): a list of detections, each with `name`, `class`,
`confidence`, `box`, perhaps `track_id`, and `keypoints` with the lists `x`, `y` and `visible` (confidences).

A frame is a list of detections, or an object with such a list (`detections`, `predictions`, `results`) and a time or a
frame number. If the outermost list holds detections, those of one frame number are one frame; without numbers (in
detections or as keys of their lists), a frame begins where a `track_id` repeats; without both, each detection is a
frame, and several people are refused. A joint at 0, 0 was not found, whatever its confidence. Joints are found by how
many there are. Coordinates up to 2 are fractions of image width and height (`normalize=True`).
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.clips.clock import movements
from data.importers.clips.collector import Collector
from data.importers.clips.faults import malformed_as_input_error, quarantined
from data.importers.clips.joints import order_by_count
from data.importers.clips.types import Format, Head, ImportOptions, RawClip, ReaderOutput, Source
from data.importers.clips.vocabulary import is_confidence, simplified, time_unit_of
from data.importers.readers.image_names import COUNTS, Annotated, clip_and_frame
from data.importers.readers.json_frames import read_frames
from data.importers.readers.json_stream import stream_json
from data.text import listed

_LISTS = ("detections", "predictions", "results", "people", "persons", "objects", "instances", "poses", "summary")
_KEYS = (*_LISTS, "class", "box", "x1", "x2", "y1", "y2", "origshape", "visible", "speed", "path", "trackid")


_AWAY = 0.4
"""Mean distance of the joints, in heights of a person, from which the next pose is another person's."""

_MOST_CLASSES = 100

_MOST_PEOPLE = 8
"""Largest number of people whose turns are recognised."""


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clips of a file."""
    member, first = next(stream_json(source.path), ("", None))
    if _is_detection(first) and ((key := _frame_key(first)) or member.isdecimal()):
        yield from _by_frame(source, key)
        return
    classes = dict[str, None]()
    parse = partial(_parse, classes)
    for found in read_frames(source, options, parse, None, (), _KEYS):
        if isinstance(found, RawClip) and classes.keys() - {"person"}:
            found.notes.append(f"the class of detections, {listed(list(classes)[:5])}, is not read: see --label")
        if isinstance(found, RawClip) and _is_detection(first) and found.times is None:
            try:
                _divide(found)
            except InputError as error:
                yield quarantined(error, str(source.path), found.record, found)
                continue
        yield found


def _divide(clip: RawClip) -> None:
    """Divide the poses of a list of detections among frames, in place.

    Raises:
        InputError: if several people take turns and nothing says who is who.
    """
    if clip.tracks is not None:
        frame, present = 0, set[int]()
        frames = []
        for track in clip.tracks.tolist():
            if track in present:
                frame, present = frame + 1, set()
            present.add(track)
            frames.append(frame)
        clip.frames, clip.count = np.array(frames, np.int64), frame + 1
        clip.notes.append("the file is one list of detections: a frame is taken to begin where a track_id repeats")
        return
    away = movements(clip.poses) > _AWAY
    back = np.zeros(len(away), bool)
    for ahead in range(2, min(_MOST_PEOPLE, len(away)) + 1):
        near = movements(clip.poses, ahead) < _AWAY / 2
        back[: len(near)] |= away[: len(near)] & near
    if back.sum() > max(2, 0.02 * len(back)):
        raise InputError(
            "the file is one list of detections of several people, without frames",
            f"{back.sum()} of {len(back)} detections are far from the next one, and near a later one",
            "add a frame number to each detection, or write a list of detections for each frame",
        )
    clip.notes.append("the file is one list of detections: each is taken as a frame")


def _is_detection(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("keypoints"), dict)


def _frame_key(detection: Any) -> str | None:
    """Return the key of the number or the image of a detection's frame."""
    names = ("image", "imageid", "file", "filename", "imagename")
    return next((name for name in detection if time_unit_of(name) == "frames" or simplified(name) in names), None)


def _by_frame(source: Source, key: str | None) -> Iterator[ReaderOutput]:
    clip = Annotated()
    for record, (member, value) in enumerate(stream_json(source.path)):
        try:
            with malformed_as_input_error(f"entry {record}"):
                number = clip_and_frame(value[key] if key else member)[1]
                if points := value.get("keypoints"):
                    clip.add(number, _triples(points), None, value.get("track_id"))
                clip.frames.add(number)
        except InputError as error:
            yield quarantined(error, str(source.path), record)
    yield clip.clip(source.name, 0)


def _parse(classes: dict[str, None], frame: Any, frames: Collector, options: ImportOptions) -> None:
    found = frame
    if isinstance(frame, dict) and not _is_detection(frame):
        name = next((name for name in frame if simplified(name) in _LISTS), None)
        if name is None:
            raise InputError("the frame has no detections", f"its keys are {', '.join(frame)[:200]}", None)
        found = frame[name] or []
    for detection in found if isinstance(found, list) else [found]:
        points = detection.get("keypoints")
        if not points:
            continue  # an object, or a person without a pose
        if isinstance(name := detection.get("name"), str) and len(classes) < _MOST_CLASSES:
            classes[name] = None
        track = detection.get("track_id", detection.get("id"))
        values = _triples(points)
        frames.pose(order_by_count(len(values) // 3, COUNTS), values, 2, int(track) if track is not None else -1)


def _triples(points: dict[str, Any]) -> list[float]:
    """Return x, y and confidence of each joint in one row."""
    across, down = points["x"], points["y"]
    scores = next((value for name, value in points.items() if is_confidence(name)), None) or [1.0] * len(across)
    return [
        value
        for x, y, score in zip(across, down, scores, strict=True)
        for value in ((x, y, score) if x or y else (0.0, 0.0, 0.0))
    ]


def _detect(head: Head) -> bool:
    return bool(re.search(r'"keypoints"\s*:\s*\{\s*"x"\s*:\s*\[', head.text))


FORMAT = Format(
    name="ultralytics",
    about="Ultralytics pose results JSON: detections with lists of x, y and visible",
    suffixes=(".json", ".jsonl", ".ndjson"),
    detect=_detect,
    read=read,
)
