"""SLEAP analysis files: HDF5 with the tracks of all instances, one video per file.

Source: https://sleap.ai (`sleap-convert --format analysis`): `tracks` of x and y in pixels, `[tracks, 2, nodes,
frames]` or, not transposed, `[frames, nodes, 2, tracks]`, nan where a joint is missing; `node_names`, `point_scores`
and `track_names`. Nodes are found by name, so the names must be those of a layout. Tracks are people who are followed
by their numbers. Projects (`.slp`) are not read: export them.
"""

from collections.abc import Iterator

import numpy as np

from data.errors import InputError
from data.importers.clips.faults import malformed_as_input_error
from data.importers.clips.joints import order_by_name
from data.importers.clips.to_sequence import check_size
from data.importers.clips.types import Format, Head, ImportOptions, RawClip, ReaderOutput, Source
from data.importers.readers.hdf5_file import SIGNATURE, Hdf5File
from data.records import MAX_SEQUENCE_VALUES


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clip of a file."""
    with Hdf5File(source.path) as file:
        if "tracks" not in file or "node_names" not in file:
            raise InputError(
                "there are no tracks of named nodes",
                f"{source.path} has {file.described()}",
                "a project is not read: export it with sleap-convert --format analysis PROJECT.slp",
            )
        names = tuple(file.texts("node_names"))
        tracks = file.read("tracks")
        scores = file.read("point_scores") if "point_scores" in file else None
    with malformed_as_input_error("the tracks"):
        yield _clip(source.name, names, tracks, scores)


def _clip(name: str, names: tuple[str, ...], tracks: np.ndarray, scores: np.ndarray | None) -> RawClip:
    if tracks.ndim != 4 or tracks.dtype.kind != "f":
        raise InputError(
            f"tracks are {tracks.dtype} of shape {list(tracks.shape)}", None, "write [tracks, 2, nodes, T]"
        )
    if tracks.shape[1:3] == (2, len(names)):
        places, given = tracks.transpose(3, 0, 2, 1), scores if scores is None else scores.transpose(2, 0, 1)
    elif tracks.shape[1:3] == (len(names), 2):
        places, given = tracks.transpose(0, 3, 1, 2), scores if scores is None else scores.transpose(0, 2, 1)
    else:
        raise InputError(f"tracks have the shape {list(tracks.shape)}, but there are {len(names)} nodes", None, None)
    count, people, joints, _ = places.shape
    check_size(count, joints, 3, people)
    if places.size * 3 / 2 > 2 * MAX_SEQUENCE_VALUES:
        raise InputError(f"there are {count} frames of {people} tracks", None, "cut the recording")
    order = order_by_name(names)
    poses = np.ones((count, people, joints, 3), np.float32)
    poses[..., :2] = places
    if given is not None:
        poses[..., 2] = given
    missing = np.isnan(poses[..., :2]).any(axis=-1)
    poses[np.isnan(poses[..., 2]), 2] = 1  # instances that a person placed have no score
    poses[missing] = 0
    seen = (poses[..., 2] > 0).any(axis=2)
    frames, track = np.nonzero(seen)
    return RawClip(
        name=name,
        layout=order.layout,
        poses=order.arrange(poses[seen]),
        frames=frames,
        count=count,
        unit="pixels",
        tracks=track if people > 1 else None,
    )


def _detect(head: Head) -> bool:
    return head.data.startswith(SIGNATURE) and (b"node_names" in head.data or head.path.suffix.lower() == ".slp")


FORMAT = Format(
    name="sleap",
    about="SLEAP analysis HDF5: tracks of named nodes",
    suffixes=(".h5", ".hdf5", ".slp"),
    detect=_detect,
    read=read,
)
