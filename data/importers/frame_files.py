"""Files with one frame each: they are joined to clips by the numbers in their names."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.importers.bounded_reading import read_bounded
from data.importers.clips.faults import quarantined
from data.importers.clips.folder_names import label_folders
from data.importers.clips.types import Format, ImportOptions, RawClip, ReaderOutput, Source, one_by_one
from data.importers.readers.numbered_files import frame_of, gather_frames

_SUFFIXES = (".json", ".csv", ".tsv")
"""Endings of formats whose files are sometimes those of single frames."""

_FEWEST = 3
"""Smallest number of files of a clip by which it is recognised."""

_PROBES = 4
_PROBED_BYTES = 1 << 20
"""Size of the largest file that can be a frame."""

_NOBODY = ("no joint is seen in any frame", "there are 0 frames")
"""What readers say about a frame in which nobody was found."""


def joined(format_: Format, sources: list[Source]) -> tuple[Format, list[Source]]:
    """Return the format and the sources, with one source for each clip if the files are single frames of clips.

    Args:
        format_: format of the files.
        sources: the files, or the clips of a format that has one file per frame anyway.
    """
    if format_.gather is not one_by_one:
        return format_, sources
    files = [(source.path, source.name) for source in sources if source.path.suffix.lower() in _SUFFIXES]
    deep = [label_folders(name) > 1 for _, name in files]
    clips = [
        clip
        for by_folder in (False, True)
        for clip in gather_frames(
            [file for file, below in zip(files, deep, strict=True) if below == by_folder], by_folder
        )
    ]
    longest = max(clips, key=lambda clip: len(clip.paths), default=None)
    if longest is None or len(files) < len(sources) or len(longest.paths) < _FEWEST:
        return format_, sources
    probes = longest.paths[:: -(-len(longest.paths) // _PROBES)]
    counts = [_frames(format_, path) for path in probes]
    if 1 not in counts or max(counts) > 1:
        return format_, sources
    return replace(format_, read=partial(_read, format_)), sorted(clips, key=lambda clip: clip.name)


def _frames(format_: Format, path: Path) -> int:
    """Return the number of frames in a file; several also for a file that cannot be read."""

    def count(given: Path) -> int:
        found = list(islice(format_.read(Source((given,), given.stem), ImportOptions()), 3))
        clips = [one for one in found if isinstance(one, RawClip)]
        return clips[0].count if len(clips) == len(found) == 1 else len(found) + 1

    try:
        return read_bounded(count, path) if path.stat().st_size <= _PROBED_BYTES else 2
    except InputError as error:
        return 0 if error.what in _NOBODY else 2
    except OSError:
        return 2


def _read(format_: Format, source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clip of a source, and a quarantined record for each file that cannot be read."""
    if len(source.paths) == 1:
        yield from format_.read(source, options)
        return
    clips: dict[int, RawClip | None] = {}
    for place, path in enumerate(source.paths):
        number = frame_of(path)
        number = place if number is None else number
        clips.setdefault(number, None)
        try:
            for found in format_.read(Source((path,), source.name), options):
                if not isinstance(found, RawClip):
                    yield found
                elif clips[number] is None:
                    clips[number] = found
        except InputError as error:
            if error.what not in _NOBODY:
                yield quarantined(error, str(path), 0)
    yield _clip(source.name, clips)


def _clip(name: str, clips: dict[int, RawClip | None]) -> RawClip:
    """Return the clip whose frames are these, by their numbers; None where nobody was found."""
    found = [clip for clip in clips.values() if clip is not None]
    if not found:
        raise InputError(_NOBODY[0], None, None)
    first = found[0]
    if other := next((clip for clip in found if clip.poses.shape[1:] != first.poses.shape[1:]), None):
        raise InputError(
            f"poses of {first.layout.name} and {other.layout.name}, or with depth and without, are mixed",
            name,
            "a sequence has one layout",
        )
    lengths = [0 if clip is None else len(clip.poses) for clip in clips.values()]
    clocks = [clip.times for clip in found if clip.times is not None and clip.time_unit != "frames"]
    clocked = len(clocks) == len(clips)
    return replace(
        first,
        name=name,
        poses=np.concatenate([clip.poses for clip in found]),
        frames=np.repeat(np.arange(len(clips)), lengths),
        count=len(clips),
        unit="pixels" if any(clip.unit == "pixels" for clip in found) else first.unit,
        image=next((clip.image for clip in found if clip.image), None),
        tracks=_tracks(found),
        times=np.array([clock[0] for clock in clocks]) if clocked else np.array(list(clips), np.float64),
        time_unit=first.time_unit if clocked else "frames",
        notes=[*_notes(found), "files of one frame each are joined to clips by the numbers in their names"],
    )


def _tracks(clips: Sequence[RawClip]) -> np.ndarray | None:
    given = [clip.tracks for clip in clips if clip.tracks is not None]
    return np.concatenate(given) if len(given) == len(clips) else None


def _notes(clips: Sequence[RawClip]) -> list[str]:
    return list(dict.fromkeys(note for clip in clips for note in clip.notes))
