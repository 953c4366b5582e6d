"""OpenPose: a folder of JSON files, one per frame, as `--write_json` writes it.

Source: https://github.com/CMU-Perceptual-Computing-Lab/openpose/blob/master/doc/02_output.md: `people[]` with
`pose_keypoints_2d` (x, y, confidence of each joint; 25 of BODY_25, 18 of COCO), earlier `pose_keypoints`, and
`person_id`; files `NAME_000000000012_keypoints.json`. A joint that was not found is 0, 0, 0.

AlphaPose's `sep-json` folders of `--format open` and `cmu` differ only in names (`bodies`, `joints`).

The files of one folder with the same NAME are one clip. The number is the frame; a missing number is a missing frame. A
clip that is alone in its folder gets the folder's name. Coordinates are pixels, or, after `--keypoint_scale`, fractions
of the image size from 0 to 1 or from -1 to 1, which the smallest and largest coordinates tell apart. A file that cannot
be read is quarantined alone, and its frame has no pose.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.clips.collector import Collector
from data.importers.clips.faults import malformed_as_input_error, quarantined
from data.importers.clips.joints import order_by_count
from data.importers.clips.types import Format, Head, ImportOptions, RawClip, ReaderOutput, Source
from data.importers.clips.units import FRACTIONS_UP_TO, Unit
from data.importers.formats.writing import PIXELS, needs_image
from data.importers.readers.json_stream import read_json
from data.importers.readers.numbered_files import frame_of, gather_frames
from data.records import KeypointSequence

MAX_FRAME_CHARS = 16 << 20
"""Length of the longest file of a frame."""

_KEYPOINTS = ("pose_keypoints_2d", "pose_keypoints", "joints")
_FRAME = re.compile(r'\s*\{\s*("version"\s*:[^,\[\]{}]*,\s*)?"(people|bodies|part_candidates)"\s*:')

COUNTS = ((25, "openpose25"), (18, "openpose18"))
"""Number of joints and layout of OpenPose's models."""


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clip of a source, and a quarantined record for each file that cannot be read."""
    frames = Collector()
    for position, path in enumerate(source.paths):
        number = frame_of(path)
        frames.frame_at(float(position if number is None else number), "frame")
        try:
            with malformed_as_input_error(path.name):
                frame = read_json(path, MAX_FRAME_CHARS)
                for person in frame["bodies"] if "bodies" in frame else frame["people"]:
                    _add(person, frames)
        except InputError as error:
            yield quarantined(error, str(path), 0)
    clip = frames.clip(source.name)
    clip.unit = _unit(clip)
    yield clip


def _add(person: dict[str, Any], frames: Collector) -> None:
    values = person[next((name for name in _KEYPOINTS if name in person), _KEYPOINTS[0])]
    if not values:
        return
    order = order_by_count(len(values) // 3, COUNTS)
    number = (person.get("person_id") or [-1])[0]
    frames.pose(order, values, 2, number if isinstance(number, int) else -1)


def _unit(clip: RawClip) -> Unit:
    seen = clip.poses[..., :2][clip.poses[..., -1] > 0]
    with np.errstate(invalid="ignore"):
        if not len(seen) or np.abs(seen).max() > FRACTIONS_UP_TO:
            return "pixels"
    return "signed_fractions" if seen.min() < -0.05 else "fractions"


def _detect(head: Head) -> bool:
    return bool(_FRAME.match(head.text))


def write(sequences: Iterable[KeypointSequence], path: Path) -> None:
    """Write sequences as folders of one JSON file per frame, in pixels of an image 1,000 pixels high."""
    for sequence in sequences:
        layout = needs_image(sequence)
        if layout.name not in dict(COUNTS).values() or sequence.keypoints.shape[-1] != 3:
            raise InputError(f"OpenPose has no layout {layout.name}", f"sequence {sequence.sequence_id!r}", None)
        folder = path / re.sub(r"[^\w#-]+", "_", sequence.sequence_id)
        folder.mkdir(parents=True)
        numbers = np.round(sequence.frame_times * sequence.fps).astype(int)
        for number, pose in zip(numbers, sequence.keypoints.astype(float), strict=True):
            values = (pose * (PIXELS, PIXELS, 1)).ravel().tolist()
            content = {"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": values}]}
            (folder / f"clip_{number:012d}_keypoints.json").write_text(json.dumps(content), encoding="utf-8")


FORMAT = Format(
    name="openpose",
    about="OpenPose --write_json folders: one file per frame, BODY_25 or COCO-18",
    suffixes=(".json",),
    detect=_detect,
    read=read,
    write=write,
    gather=gather_frames,
)
