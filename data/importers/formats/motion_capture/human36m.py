"""Archives in the style of Human3.6M: `.npz` with poses of 17 joints by subject and action, or in one array.

Source: https://github.com/facebookresearch/VideoPose3D (`DATASETS.md`): `positions_2d` or `positions_3d` holds an
object with subjects, in them actions, in them an array of poses, or a list of one array per camera. The array is a
pickle; no code in it is run, and it may hold only plain containers and arrays. `metadata` may state size and frame rate
of videos that were prepared for it (action `custom`). Other tools write the poses as a plain
array, `[T, 17, 2 or 3]` or `[N, T, 17, 2 or 3]`, under the name `keypoints`, `kpts`, `reconstruction`, `poses_3d` and
others.

The joints are Human3.6M's 17 (or its 32, of which 17 are read): they become `halpe26` in images and `kinect20` in
rooms. Poses of 17 joints in images whose first joint is not between the hips are those of COCO; other poses in rooms
are refused. 2-D coordinates are pixels, fractions of image width and height, or from -1 to 1. A third number from 0 to
1 next to pixels or fractions is a confidence. 3-D coordinates are metres or millimetres; the axis along which bodies
are upright is made y, upwards.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.clips.axes import check_frames_first, steps
from data.importers.clips.confidence import mark_unseen
from data.importers.clips.faults import malformed_as_input_error, quarantined
from data.importers.clips.to_sequence import check_size
from data.importers.clips.types import Format, Head, ImportOptions, Note, RawClip, ReaderOutput, Source
from data.importers.clips.units import FRACTIONS_UP_TO, ImageSize, Unit
from data.importers.clips.upright import Y_BEFORE_X, lies_along_x, upright
from data.importers.clips.vocabulary import simplified, text_of
from data.importers.readers.npz_archive import NpzArchive
from data.importers.readers.safe_pickle import PickledArray
from data.layouts import load_layout

_POSES = (
    *("positions2d", "positions3d", "positions", "keypoints", "keypoints2d", "keypoints3d", "kpts", "reconstruction"),
    *("poses2d", "poses3d", "pose2d", "pose3d", "poses", "joints2d", "joints3d", "joints3dpred", "preds3d"),
)
_BODY = ("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle")
_ARMS = ("left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist")
_IMAGE = ("mid_hip", *_BODY, "", "neck", "nose", "head", *_ARMS)
_ROOM = ("hip_center", *_BODY, "spine", "shoulder_center", "", "head", *_ARMS)
"""Names of the 17 joints in `halpe26` and in `kinect20`; empty for a joint that the layout does not have."""

_OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
"""Places of the 17 joints among the 32 of the original recordings."""

_JOINTS = (17, 32)

_CUSTOM = "custom"
"""The action of videos that somebody prepares for VideoPose3D."""

_CONFIDENCES_UP_TO = 1.2
"""Largest confidence: some networks exceed 1 a little."""

_PIXELS_FROM = 20.0
"""Smallest coordinate of an image in pixels; rooms in metres are smaller."""

_BEYOND = 0.2
"""How far a joint can be outside of the image, as a fraction of its size."""


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clips of a file."""
    with NpzArchive(source.path) as archive:
        name = next((name for name in archive.names if simplified(name) in _POSES), None)
        if name is None:
            raise InputError("there are no poses", f"{source.path} has {archive.described()}", "check the format")
        try:
            values = archive.read(name)
            arrays = _single(values, source.name)
            if values.ndim == 4:
                shape = " x ".join(map(str, values.shape))
                yield Note(f"the array of {shape} numbers is taken as several clips or people", str(source.path))
        except InputError as error:
            if "Python objects" not in error.what:
                raise
            arrays = _nested(archive.objects(name), source.name)
        videos = _videos(archive)
        record = -1
        for record, (clip, fields, poses) in enumerate(arrays):
            try:
                with malformed_as_input_error(clip):
                    yield _described(_clip(clip, fields, np.asarray(poses)), videos)
            except InputError as error:
                yield quarantined(error, str(source.path), record, name=clip)


def _videos(archive: NpzArchive) -> dict[str, Any]:
    """Return what the metadata of VideoPose3D's own videos state: width, height and frame rate, by video."""
    if "metadata" not in archive:
        return {}
    try:
        (metadata,) = archive.objects("metadata")
        return dict(metadata.get("video_metadata") or {})
    except (InputError, ValueError, TypeError, AttributeError):
        return {}  # the poses can do without


def _described(clip: RawClip, videos: dict[str, Any]) -> RawClip:
    """Return a clip of a video with its size and rate; the names `VIDEO` and `custom` are no person and no action."""
    video = clip.fields.get("subject", "")
    if clip.fields.get("label") == _CUSTOM:
        clip.name = video.rpartition(".")[0] or video
        clip.fields = {"view": clip.fields["view"]} if "view" in clip.fields else {}
    found = videos.get(video)
    if isinstance(found, dict):
        width, height, fps = (found.get(key) for key in ("w", "h", "fps"))
        clip.fps = float(fps) if fps else None
        if height and clip.unit != "room":
            clip.image = ImageSize(float(height), float(width) if width else None)
    return clip


def _single(values: np.ndarray, name: str) -> Iterator[tuple[str, dict[str, str], np.ndarray]]:
    """Yield (name, fields, poses) of each clip or person of an array; poses of several are divided."""
    if values.ndim == 3 and values.shape[2] in _JOINTS and values.shape[1] in (2, 3):
        values = values.transpose(0, 2, 1)  # [T, 2 or 3, 17]
    if values.ndim == 4 and values.shape[3] in _JOINTS and values.shape[2] in (2, 3):
        values = values.transpose(0, 1, 3, 2)
    if values.ndim != 4:
        yield name, {}, values
        return
    if values.shape[1] == 1 < values.shape[0] or steps(values, 0) < steps(values, 1):
        values = values.transpose(1, 0, 2, 3)  # [T, people, 17, 2 or 3]
    for number, poses in enumerate(values):
        yield name if len(values) == 1 else f"{name}_{number}", {}, poses


def _nested(content: Any, name: str) -> Iterator[tuple[str, dict[str, str], np.ndarray]]:
    """Yield (name, fields, poses) of each array by subject, action and camera."""
    with malformed_as_input_error("subjects and actions"):
        (subjects,) = content
        for subject, actions in subjects.items():
            who = text_of(subject, "a subject")
            for action, given in actions.items():
                what = text_of(action, "an action")
                cameras = given if isinstance(given, (list, tuple)) else [given]
                for camera, poses in enumerate(cameras):
                    if not isinstance(poses, PickledArray):
                        raise InputError("the poses of an action are not an array", f"{who} {what}"[:80], None)
                    fields = {"subject": who, "label": _without_number(what)}
                    several = len(cameras) > 1
                    views = {"view": f"camera {camera}"} if several else {}
                    yield f"{name}/{who}/{what}" + f"/{camera}" * several, fields | views, poses.read()


def _without_number(action: str) -> str:
    """Return the label of an action: `Walking 1` is walking for the second time."""
    head, _, number = action.rpartition(" ")
    return head if head and number.isdigit() else action


def _clip(name: str, fields: dict[str, str], given: np.ndarray) -> RawClip:
    if given.ndim != 3 or given.dtype.kind not in "fiu" or given.shape[1] not in _JOINTS:
        raise InputError(f"poses have the shape {list(given.shape)}", None, "write [T, 17, 2 or 3]")
    check_frames_first(given)
    count, joints, dimensions = given.shape
    check_size(count, joints, dimensions + 1)
    if dimensions not in (2, 3):
        raise InputError(f"a joint has {dimensions} numbers", None, "write x, y or x, y, z")
    places = given[:, _OF_32] if joints == 32 else given
    notes: list[str] = []
    room = dimensions == 3 and _is_depth(places[..., 2], places[..., :2])
    human36m = _is_human36m(places if room else places[..., :2])
    if not human36m and (room or joints == 32):
        raise InputError(
            f"the {joints} joints in {'rooms' if room else 'images'} are not in the order of Human3.6M",
            "joint 0 is between the hips, joint 8 between the shoulders",
            "write them in this order; COCO's joints as x, y and perhaps a confidence from 0 to 1",
        )
    poses = np.ones((count, 17, (3 if room else 2) + 1), np.float32)
    poses[..., : 3 if room else 2] = places[..., : 3 if room else 2]
    if dimensions == 3 and not room:
        poses[..., 2] = places[..., 2]
    else:
        poses, notes = mark_unseen(poses)
    layout, arranged = _arranged(poses, room) if human36m else (load_layout("coco17"), poses)
    if not human36m and lies_along_x(poses, layout.torso):
        if _unit(poses) != "pixels":
            raise InputError(Y_BEFORE_X, None, "write x before y; if people do lie, write pixels")
        notes.append(f"{Y_BEFORE_X}: if nobody lies, write x before y")
    if room:
        arranged, turned = upright(arranged, layout.torso)
        notes += turned
    return RawClip(
        name=name,
        layout=layout,
        poses=arranged,
        frames=np.arange(count),
        count=count,
        unit="room" if room else _unit(arranged),
        fields=fields,
        notes=[*notes, f"17 joints without names are taken as those of {'COCO' if arranged is poses else 'Human3.6M'}"],
    )


def _arranged(poses: np.ndarray, room: bool) -> tuple[Any, np.ndarray]:
    layout = load_layout("kinect20" if room else "halpe26")
    arranged = np.zeros((len(poses), len(layout.joints), poses.shape[2]), np.float32)
    for place, joint in enumerate(_ROOM if room else _IMAGE):
        if joint:
            arranged[:, layout.joints.index(joint)] = poses[:, place]
    return layout, arranged


def _is_depth(third: np.ndarray, plane: np.ndarray) -> bool:
    """Return whether the third number of a joint is its depth in a room instead of a confidence.

    Raises:
        InputError: if it can be either.
    """
    with np.errstate(invalid="ignore"):
        if not (third.min() >= 0 and third.max() <= _CONFIDENCES_UP_TO):
            return True
        low, high = float(plane.min()), float(plane.max())
    if max(high, -low) > _PIXELS_FROM or (low >= -_BEYOND and high <= 1 + _BEYOND):
        return False  # nobody in a room fits into a cube of one metre at its origin
    if max(high, -low) <= FRACTIONS_UP_TO:
        raise InputError(
            "the third number of a joint can be a depth or a confidence",
            f"it is at most {third.max():.3g}, x and y are from {low:.3g} to {high:.3g}",
            "write x and y in pixels next to a confidence, and a room in millimetres",
        )
    return True


def _is_human36m(places: np.ndarray) -> bool:
    """Return whether joint 0 is between joints 1 and 4, 7 between 0 and 8, 8 between 11 and 14, and the legs alike."""
    places = places[(places != 0).any(axis=(1, 2))].astype(np.float64)
    if not len(places):
        return False

    def apart(joint: int, one: int, other: int) -> float:
        return float(np.median(np.linalg.norm(places[:, joint] - (places[:, one] + places[:, other]) / 2, axis=-1)))

    def leg(hip: int) -> float:
        return float(np.median(np.linalg.norm(np.diff(places[:, hip : hip + 3], axis=1), axis=-1).sum(axis=1)))

    torso = np.median(np.linalg.norm(places[:, 8] - places[:, 0], axis=-1))
    between = apart(0, 1, 4) < 0.2 * torso and max(apart(8, 11, 14), apart(7, 0, 8)) < 0.4 * torso
    return bool(between and 0.5 < leg(1) / max(leg(4), 1e-9) < 2)


def _unit(poses: np.ndarray) -> Unit:
    seen = poses[..., :2][poses[..., -1] > 0]
    if not len(seen) or np.abs(seen).max() > FRACTIONS_UP_TO:
        return "pixels"
    return "signed_fractions" if seen.min() < -0.05 else "fractions"


def _detect(head: Head) -> bool:
    if not head.data.startswith(b"PK\x03\x04"):
        return False
    first = head.data[30 : 30 + int.from_bytes(head.data[26:28], "little")].decode("utf-8", "ignore")
    return simplified(first.removesuffix(".npy")) in _POSES


FORMAT = Format(
    name="human36m",
    about="Human3.6M-style .npz: poses of 17 joints by subject and action, or in one array",
    suffixes=(".npz",),
    detect=_detect,
    read=read,
)
