"""Clips of formats with one file per frame: the file names give clip and frame."""

import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

from data.importers.clips.types import Source

HASHED = r"(?:_(?:jpe?g|png|bmp|webp))?\.rf\.[0-9A-Za-z]{8,40}"
"""What Roboflow adds to the name of an image: its ending, and a hash."""

_NAME = re.compile(rf"(.*?)[_\-.]?(\d+)(?:_keypoints|{HASHED})?")


def frame_of(path: Path) -> int | None:
    """Return the number at the end of a file's name, None if there is none."""
    match = _NAME.fullmatch(path.stem)
    return int(match[2]) if match else None


def gather_frames(files: list[tuple[Path, str]], by_folder: bool = True) -> list[Source]:
    """Return one source for each clip, its files in the order of frames.

    The files of one folder with the same name before the number are one clip.

    Args:
        files: pairs of the path and the name of each file.
        by_folder: whether a clip that is alone in its folder gets the folder's name.
    """
    clips: dict[tuple[str, str], list[tuple[int, Path]]] = defaultdict(list)
    for path, name in files:
        place = PurePosixPath(name)
        match = _NAME.fullmatch(place.name)
        clip, frame = (match[1], int(match[2])) if match else (place.name, 0)
        clips[str(place.parent), clip].append((frame, path))
    alone = [folder for folder, _ in clips]
    return [
        Source(
            tuple(path for _, path in sorted(frames)),
            _clip_name(folder, clip, next(iter(frames))[1], by_folder and alone.count(folder) == 1),
        )
        for (folder, clip), frames in sorted(clips.items())
    ]


def _clip_name(folder: str, clip: str, path: Path, alone: bool) -> str:
    if alone and folder != ".":
        return folder
    name = clip or path.parent.name
    return name if folder == "." else f"{folder}/{name}"
