"""YOLO pose labels: one text file per image, one line per person.

Source: https://docs.ultralytics.com/datasets/pose and `save_txt=True` of its predictor: `class x y width height`, then
x, y and perhaps a visibility or confidence of each joint, then perhaps the confidence of the box and the number of the
person. Coordinates are fractions of image width and height, so that `--image-size` is needed; above 2 they are pixels.

Files `NAME_12.txt` of one folder are the frames of one clip; without a file a frame has no person. Joints are found by
how many there are. Visibility 1 (hidden) becomes confidence 0.5 and 2 becomes 1, if there is a 2. A joint at 0, 0 was
not found. The folder `labels`, in which the tool writes, is no label.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from data.errors import InputError
from data.importers.clips.collector import Collector
from data.importers.clips.confidence import mark_unseen, with_confidences
from data.importers.clips.faults import malformed_as_input_error, quarantined
from data.importers.clips.joints import order_by_count
from data.importers.clips.types import Format, Head, ImportOptions, RawClip, ReaderOutput, Source
from data.importers.readers.image_names import COUNTS
from data.importers.readers.json_stream import open_text
from data.importers.readers.numbered_files import frame_of, gather_frames
from data.text import listed

MAX_CHARS = 1 << 20
"""Length of the longest file of a frame."""

_BOX = 5
_LINE = re.compile(r"\s*\d{1,4}(?:\s+-?\d+(?:\.\d+)?(?:e-?\d+)?){38,}\s*(?:\n|$)")


def gather(files: list[tuple[Path, str]]) -> list[Source]:
    """Return one source for each clip; the folder `labels` is left out of its name."""
    sources = gather_frames(files, by_folder=False)
    return [replace(source, name=_without_labels(source.name)) for source in sources]


def _without_labels(name: str) -> str:
    parts = [part for part in PurePosixPath(name).parts if part != "labels"]
    return "/".join(parts) or name


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clip of a source, and a quarantined record for each file that cannot be read."""
    frames = Collector()
    scored: set[bool] = set()
    classes: set[int] = set()
    for position, path in enumerate(source.paths):
        number = frame_of(path)
        frames.frame_at(float(position if number is None else number), "frame")
        try:
            with malformed_as_input_error(path.name), open_text(path) as text:
                for line in text.read(MAX_CHARS).splitlines():
                    if line.strip():
                        numbers = [float(word) for word in line.split()]
                        scored.add(_add(numbers, frames))
                        classes.add(int(numbers[0]))
        except InputError as error:
            yield quarantined(error, str(path), 0)
    clip = _completed(frames.clip(source.name), scored)
    if classes - {0}:
        clip.notes.append(f"the classes {listed(sorted(map(str, classes)))} are not read: see --labels")
    yield clip


def _add(numbers: list[float], frames: Collector) -> bool:
    """Add a person; return whether the joints have a third number."""
    count = len(numbers) - _BOX
    # After the joints there may be the confidence of the box, and the number of the person.
    numbered = numbers[-1] >= 1 and numbers[-1] == int(numbers[-1])
    for width in (3, 2):
        for extra in (2, 1, 0) if numbered else (0, 1, 2):
            joints, rest = divmod(count - extra, width)
            if rest == 0 and joints in dict(COUNTS):
                points = np.array(numbers[_BOX : _BOX + joints * width], np.float32).reshape(joints, width)
                points = np.c_[points, np.ones((joints, 3 - width), np.float32)]
                points[(points[:, :2] == 0).all(axis=1)] = 0
                track = int(numbers[-1]) if extra and numbered else -1
                frames.pose(order_by_count(joints, COUNTS), points.ravel().tolist(), 2, track)
                return width == 3
    raise InputError(
        f"a line has {len(numbers)} numbers", None, f"a pose has 5 and 2 or 3 for each of {', '.join(_counts())} joints"
    )


def _counts() -> list[str]:
    return [str(count) for count, _ in COUNTS]


def _completed(clip: RawClip, scored: set[bool]) -> RawClip:
    if False in scored:
        clip.poses, notes = mark_unseen(clip.poses)
        clip.notes += notes
    else:
        clip.poses = with_confidences(clip.poses)
    return clip


def _detect(head: Head) -> bool:
    return bool(_LINE.match(head.text))


FORMAT = Format(
    name="yolo",
    about="YOLO pose labels: one text file per image, fractions of its size",
    suffixes=(".txt",),
    detect=_detect,
    read=read,
    gather=gather,
)
