"""PYSKL and MMAction2 skeleton annotations: a pickle of arrays.

Source: https://github.com/kennymckormick/pyskl/blob/main/tools/data/README.md and
https://mmaction2.readthedocs.io (`PoseDataset`): a dictionary of `split`, name to list of `frame_dir`, and
`annotations`, or a list of annotations, or one annotation: `frame_dir`, `label` (a number), `total_frames`, `img_shape`
(height, width), `keypoint` (people x frames x joints x 2 or 3) and, for images, `keypoint_score`.

No code in the pickle is run (`safe_pickle`), and one annotation is in memory at a time. Splits are kept; a clip in
several splits gets their names joined by `+`. Labels are numbers; `--label-names` gives their names. Joints are found
by how many there are: 17 of COCO, 18 and 25 of OpenPose, 33 of BlazePose; with depth 25 and 20 of Kinect. Without
scores, a joint is seen unless it is at the origin. Image coordinates are pixels of `img_shape`.
"""

import pickle
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.clips.faults import malformed_as_input_error, quarantined
from data.importers.clips.joints import order_by_count
from data.importers.clips.to_sequence import check_size
from data.importers.clips.types import Format, Head, ImportOptions, Note, RawClip, ReaderOutput, Source
from data.importers.clips.units import ImageSize
from data.importers.clips.vocabulary import text_of, unread_note
from data.importers.formats.writing import PIXELS
from data.importers.readers.safe_pickle import PickledArray, open_pickle
from data.layouts import load_layout
from data.records import MAX_SEQUENCE_VALUES, KeypointSequence

_IMAGE_COUNTS = ((17, "coco17"), (18, "openpose18"), (25, "openpose25"), (26, "halpe26"), (33, "blazepose33"))
_READ = (
    *("frame_dir", "label", "total_frames", "img_shape", "original_shape", "keypoint", "keypoint_score", "frame_inds"),
    *("box_score", "valid", "modality", "test_mode", "start_index", "clip_len", "num_clips"),
)
"""Keys of an annotation that are read, or that are instructions for a network."""

_ROOM_COUNTS = ((25, "kinect25"), (20, "kinect20"), (22, "uiprmd22"))


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clips of a file."""
    with source.path.open("rb") as file:
        content = open_pickle(file, source.path)
        annotations = content.get("annotations") if isinstance(content, dict) else content
        if isinstance(content, dict) and "keypoint" in content:
            annotations = [content]  # a file of one clip
        if not isinstance(annotations, list) or not annotations:
            raise InputError("there is no list of annotations", str(source.path), "write annotations as PYSKL does")
        if isinstance(annotations[0], dict):
            unread = [text_of(name, "a key") for name in annotations[0] if name not in _READ]
            yield from (Note(text, str(source.path)) for text in unread_note("keys", unread))
        splits = _splits(content.get("split") if isinstance(content, dict) else None)
        for record, annotation in enumerate(annotations):
            name = f"{source.name}_{record}" if len(annotations) > 1 else source.name
            try:
                with malformed_as_input_error(f"annotation {record}"):
                    name = text_of(annotation.get("frame_dir") or name, "frame_dir")
                    yield _clip(annotation, name, splits.get(name, ()), options)
            except InputError as error:
                yield quarantined(error, str(source.path), record, name=name)


def _splits(table: Any) -> dict[str, list[str]]:
    splits: dict[str, list[str]] = defaultdict(list)
    with malformed_as_input_error("split"):
        for split, names in (table or {}).items():
            for name in names:
                splits[text_of(name, "a name in split")].append(text_of(split, "a split"))
    return splits


def _clip(annotation: dict[str, Any], name: str, splits: Iterable[str], options: ImportOptions) -> RawClip:
    given = _array(annotation, "keypoint")
    people, count, joints, dimensions = given.shape if len(given.shape) == 4 else (1, *given.shape)
    if dimensions not in (2, 3):
        raise InputError(f"a joint has {dimensions} coordinates", None, "write x, y[, z]")
    check_size(count, joints, dimensions + 1, people)
    if people * count * joints * dimensions > 2 * MAX_SEQUENCE_VALUES:
        raise InputError(
            f"there are {count} frames of {people} people, more than a clip may have", None, "cut the clip"
        )
    places = given.read().reshape(people, count, joints, dimensions)
    scores = _array(annotation, "keypoint_score").read() if "keypoint_score" in annotation else None
    if scores is not None and scores.size != people * count * joints:
        raise InputError(f"the scores have shape {scores.shape}, the joints {places.shape[:3]}", None, None)
    layout = order_by_count(joints, _IMAGE_COUNTS if dimensions == 2 else _ROOM_COUNTS).layout
    poses = np.empty((people, count, joints, dimensions + 1), np.float32)
    with np.errstate(over="ignore"):  # `check_clip` finds a number beyond float32
        poses[..., :-1] = places
        if scores is None:
            poses[..., -1] = (places != 0).any(axis=-1)
        else:
            poses[..., -1] = scores.reshape(people, count, joints)
    order = np.argsort(np.tile(np.arange(count), people), kind="stable")
    shape = annotation.get("img_shape") or annotation.get("original_shape")
    fields = {"label": _label(annotation.get("label"), options), "split": "+".join(splits)}
    return RawClip(
        name=name,
        layout=layout,
        poses=poses.reshape(people * count, joints, dimensions + 1)[order],
        frames=np.repeat(np.arange(count), people),
        count=count,
        unit="metres" if dimensions == 3 else "pixels",
        image=ImageSize(float(shape[0]), float(shape[1])) if shape and dimensions == 2 else None,
        tracks=np.tile(np.arange(people), count) if people > 1 else None,
        fields={key: text for key, text in fields.items() if text},
    )


def _array(annotation: dict[str, Any], name: str) -> PickledArray:
    array = annotation[name]
    if not isinstance(array, PickledArray):
        raise InputError(f"{name} is not an array", None, "write it with NumPy")
    return array


def _label(number: Any, options: ImportOptions) -> str:
    if isinstance(number, int) and 0 <= number < len(options.label_names):
        return options.label_names[number]
    return "" if number is None else text_of(number, "label")


def _detect(head: Head) -> bool:
    return head.data[:1] == b"\x80" or head.path.suffix.lower() == ".pkl"


def write(sequences: Iterable[KeypointSequence], path: Path) -> None:
    """Write sequences as annotations, in pixels of images 1,000 pixels high, or in metres; labels are numbered."""
    annotations: list[dict[str, Any]] = []
    split: dict[str, list[str]] = defaultdict(list)
    labels: dict[str, int] = {}
    for sequence in sequences:
        room = load_layout(sequence.layout).unit == "metre"
        known = dict(_ROOM_COUNTS if room else _IMAGE_COUNTS)
        if sequence.layout not in known.values() or sequence.keypoints.shape[-1] != (4 if room else 3):
            raise InputError(f"PYSKL has no layout {sequence.layout}", f"sequence {sequence.sequence_id!r}", None)
        places = sequence.keypoints[None, ..., :-1].astype(np.float64) * (1 if room else PIXELS)
        annotation = {
            "frame_dir": sequence.sequence_id,
            "label": labels.setdefault(sequence.label, len(labels)),
            "total_frames": len(sequence.keypoints),
            "keypoint": places,
            "keypoint_score": sequence.keypoints[None, ..., -1],
        }
        annotations.append(annotation if room else annotation | {"img_shape": (PIXELS, PIXELS)})
        if sequence.split:
            split[sequence.split].append(sequence.sequence_id)
    with path.open("wb") as file:
        pickle.dump({"split": dict(split), "annotations": annotations}, file, protocol=4)


FORMAT = Format(
    name="pyskl",
    about="PYSKL and MMAction2 annotation pickles, with their splits; no code in them is run",
    suffixes=(".pkl", ".pickle"),
    detect=_detect,
    read=read,
    write=write,
)
