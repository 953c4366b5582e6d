"""The ragged `.npz` store: sequences of different lengths, end to end in one array.

Required arrays: `frames` `(sum_T, J, C)`, `offsets` `(N + 1)` and `joint_names` `(J)`. Optional arrays, with one value
per sequence unless stated otherwise:

- `channel_names` (x, y[, z][, confidence]); found by the layout if absent. Without a confidence it is 1, and 0 for a
  joint that is exactly at the origin. A room sensor's joint that has a position but confidence 0 was inferred from
  other joints (as Kinect infers the hip centre); it gets `INFERRED_CONFIDENCE`, because 0 means a missing position.
- `labels`, numbers that `label_names` names; without them the label is that of the import options.
- `subject`, `performer` or `source_group`; without them the subject is `unknown`.
- `sequence_id` or `session_id`, `split`, `view`, `source`.
- `fps`: one number for all sequences, or one per sequence; nan is unknown.
- `timestamps` (one per frame, in seconds), or `frame_number` or `frame_index` where frames were dropped.
- `correct` (1 good form, 0 bad form) becomes the quality; nan is unknown. Without `labels`, it is the label, too:
  `correct` or `incorrect`.
- `cycles` or `repetitions` becomes the number of repetitions; nan is unknown.
- `seg_session`, `seg_label`, `seg_start`, `seg_stop`: the sequences are sessions, and these are their segments.
- `image_size` (width, height), `width` and `height`, or `units`: how 2-D coordinates become image heights. If `units`
  is `metres`, the file is canonical: nothing is scaled, and no joint is taken as inferred.
- `test_copy_of_train`: test sequences that are copies of training sequences; their source says so, to report results
  without them.
"""

import shutil
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.clips.joints import JointOrder, order_by_name
from data.importers.clips.types import Format, Head, ImportOptions, Note, RawClip, ReaderOutput, Source, TimeUnit
from data.importers.clips.units import Scaling, image_scaling, room_scaling
from data.importers.clips.vocabulary import is_confidence, unread_note
from data.importers.readers.npz_archive import NpzArchive
from data.layouts import load_layout
from data.records import SESSION_LABEL, KeypointSequence, Segment

MAX_SEQUENCE_FRAMES = 1_000_000
"""Number of frames of the longest sequence, which is in memory as a whole (9 hours at 30 frames per second)."""

INFERRED_CONFIDENCE = 0.5
"""Confidence of a room sensor's joint that was inferred from others: it has a position, but confidence 0."""

_CHANNELS = {"x": 0, "y": 1, "z": 2}
_PROBE_FRAMES = 20_000
_READ = frozenset(
    (
        *("frames", "offsets", "joint_names", "channel_names", "labels", "label_names", "subject", "performer"),
        *("source_group", "sequence_id", "session_id", "split", "view", "source", "fps", "timestamps", "frame_number"),
        *("frame_index", "correct", "cycles", "repetitions", "seg_session", "seg_label", "seg_start", "seg_stop"),
        *("image_size", "width", "height", "units", "aspect_estimate", "test_copy_of_train"),
    )
)
"""Names of the arrays that are read."""

_TEXTS = ("sequence_id", "subject", "view", "split", "source")
_COLUMNS = (*_TEXTS, "label", "fps", "repetitions", "quality")


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield what was assumed for a file, and its clips.

    Raises:
        InputError: if the file as a whole is unusable.
    """
    with NpzArchive(source.path) as archive:
        store = _Store(archive, options)
        yield from store.notes()
        yield from store.clips()


class _Store:
    """The arrays of one file, checked against each other."""

    def __init__(self, archive: NpzArchive, options: ImportOptions) -> None:
        self._archive = archive
        self._options = options
        self._file = str(archive.path)
        self._offsets = self._read_offsets()
        self._count = len(self._offsets) - 1
        self._order = self._find_order()
        self._layout = self._order.layout
        self._axes, self._confidence = self._find_channels()
        self._probe = next(archive.stream("frames", [min(int(self._offsets[-1]), _PROBE_FRAMES)]))
        self._units = self._read_units()
        self._has_inferred = self._find_inferred()
        self._image_heights = self._read_image_heights()
        self._scaling = self._find_scaling()
        self._labels = self._read_labels()
        self._segments = self._read_segments()
        self._subject = self._texts("subject", "performer", "source_group")
        self._ids = self._texts("sequence_id", "session_id")
        self._split, self._view, self._source = (self._texts(name) for name in ("split", "view", "source"))
        self._fps = self._read_fps()
        self._frame_numbers = self._column("frame_number", "frame_index", length=int(self._offsets[-1]))
        self._times = self._column("timestamps", length=int(self._offsets[-1]))
        self._quality = self._column("correct")
        self._forms = self._name_forms()
        self._repetitions = self._column("cycles", "repetitions")
        self._copies = self._column("test_copy_of_train")

    def notes(self) -> Iterator[Note]:
        """Yield what was assumed for the whole file."""
        if self._scaling is not None and self._scaling.note:
            yield Note(self._scaling.note, self._file)
        if self._has_inferred:
            yield Note(
                f"joints with a position but confidence 0 are taken as inferred, with confidence {INFERRED_CONFIDENCE}",
                self._file,
            )
        if self._subject is None:
            yield Note("there are no subjects: all sequences are of subject 'unknown'", self._file)
        if self._labels is None and not self._segments and self._forms:
            yield Note("there are no labels: the label is the form, 'correct' or 'incorrect'", self._file)
        elif self._labels is None and not self._segments:
            yield Note(f"there are no labels: all sequences are labelled {self._options.label!r}", self._file)
        for text in unread_note("arrays", [name for name in self._archive.names if name not in _READ]):
            yield Note(text, self._file)
        if unknown := int((~(self._fps > 0)).sum()):
            yield Note(f"{unknown} sequences have no frame rate: assuming {self._options.frame_rate:g}", self._file)

    def clips(self) -> Iterator[RawClip]:
        """Yield one clip per sequence."""
        lengths = np.diff(self._offsets).tolist()
        for number, frames in enumerate(self._archive.stream("frames", lengths)):
            fps = float(self._fps[number]) if self._fps[number] > 0 else self._options.frame_rate
            times, time_unit = self._clip_times(number, fps)
            yield RawClip(
                name=self._ids[number] if self._ids else f"{Path(self._file).stem}_{number:06d}",
                layout=self._layout,
                poses=self._order.arrange(self._with_confidence(frames)),
                frames=np.arange(len(frames)),
                count=len(frames),
                unit=self._scaling or Scaling(self._height_factors(number)),
                times=times,
                time_unit=time_unit,
                fps=fps,
                record=number,
                fields=self._fields(number),
                segments=tuple(self._segments.get(number, ())),
                keep_frames=True,
            )

    def _with_confidence(self, frames: np.ndarray) -> np.ndarray:
        """Return the frames as `[T, J, D + 1]`, confidence last, in the file's order of joints."""
        if self._confidence is not None and not self._has_inferred:
            return frames  # the channels are in the canonical order
        positions = frames[..., self._axes]
        present = (positions != 0).any(axis=-1)
        if self._confidence is None:
            confidence = present.astype(frames.dtype)
        else:
            confidence = frames[..., self._confidence].copy()
            confidence[(confidence == 0) & present] = INFERRED_CONFIDENCE
        return np.concatenate([positions, confidence[..., None]], axis=-1)

    def _clip_times(self, number: int, fps: float) -> tuple[np.ndarray | None, TimeUnit]:
        """Return the times of a sequence and their unit; None if its frames come evenly at `fps`."""
        frames = slice(self._offsets[number], self._offsets[number + 1])
        if self._times is not None:
            times = self._times[frames].astype(np.float64)
            return None if np.array_equal(times, np.arange(len(times)) / fps) else times, "s"
        if self._frame_numbers is not None:
            return self._frame_numbers[frames].astype(np.float64), "frames"
        return None, "auto"

    def _fields(self, number: int) -> dict[str, str]:
        source = (self._source and self._source[number]) or Path(self._file).name
        if self._copies is not None and self._copies[number]:
            source += " (copy of a training clip)"
        labels = self._labels or self._forms
        fields = {
            "label": labels[number] if labels else self._options.label,
            "subject": self._subject[number] if self._subject else "unknown",
            "view": self._view[number] if self._view else "",
            "split": self._split[number] if self._split else "",
            "source": source,
            "repetitions": _text_of(self._repetitions, number),
            "quality": _text_of(self._quality, number),
        }
        if self._segments:
            fields["label"] = SESSION_LABEL
        return {name: text for name, text in fields.items() if text}

    def _height_factors(self, number: int) -> np.ndarray:
        """Return the factors from pixels to image heights: float32 `[D]`."""
        assert self._image_heights is not None
        return np.full(len(self._axes), 1 / self._image_heights[number], np.float32)

    def _read_offsets(self) -> np.ndarray:
        frames = self._archive.header("frames")
        if len(frames.shape) != 3 or frames.dtype.kind != "f":
            raise self._fault(
                f"array 'frames' is {frames.dtype} of shape {list(frames.shape)}", "write floats [sum of T, J, C]"
            )
        offsets = self._archive.read("offsets")
        if offsets.ndim != 1 or len(offsets) < 2 or offsets.dtype.kind not in "iu":
            raise self._fault(
                f"array 'offsets' is {offsets.dtype} of shape {list(offsets.shape)}", "write integers [N + 1]"
            )
        offsets = offsets.astype(np.int64)
        steps = np.diff(offsets)
        if offsets[0] != 0 or offsets[-1] != frames.shape[0] or (steps < 0).any():
            raise self._fault(
                f"array 'offsets' runs from {offsets[0]} to {offsets[-1]} over {frames.shape[0]} frames"
                + (f" and decreases after entry {int((steps < 0).argmax())}" if (steps < 0).any() else ""),
                "write offsets that start at 0, never decrease and end at the number of frames",
            )
        if steps.max() > MAX_SEQUENCE_FRAMES:
            raise self._fault(
                f"sequence {int(steps.argmax())} has {steps.max()} frames, more than {MAX_SEQUENCE_FRAMES}",
                "cut the recording into parts",
            )
        return offsets

    def _find_order(self) -> JointOrder:
        names = self._texts("joint_names", length=self._archive.header("frames").shape[1])
        if names is None:
            raise self._fault(
                "array 'joint_names' is missing", "add it: the layout is found by the names of the joints"
            )
        try:
            return order_by_name(tuple(names))
        except InputError as error:
            raise InputError(error.what, f"{self._file}, array 'joint_names'", error.remedy) from error

    def _find_channels(self) -> tuple[list[int], int | None]:
        """Return the channels of the coordinates, and the channel of the confidence if there is one."""
        count = self._archive.header("frames").shape[2]
        names = self._texts("channel_names", length=count)
        if names is None:
            plane = ["x", "y"] if self._layout.unit == "image_height" or count == 2 else ["x", "y", "z"]
            names = [*(["x", "y", "z"] if count == 4 else plane), "conf"][:count]
        roles = [-1 if is_confidence(name) else _CHANNELS.get(name.lower()) for name in names]
        if roles not in ([0, 1], [0, 1, -1], [0, 1, 2], [0, 1, 2, -1]):
            raise self._fault(
                f"the channels are {', '.join(names)}", "name them x, y[, z][, confidence], in this order"
            )
        axes = [role for role in roles if role is not None and role >= 0]
        return axes, roles.index(-1) if -1 in roles else None

    def _find_inferred(self) -> bool:
        """Return whether this file marks inferred joints with confidence 0."""
        if self._layout.unit != "metre" or self._confidence is None or self._units == "metres":
            return False
        present = (self._probe[..., self._axes] != 0).any(axis=-1)
        return bool(((self._probe[..., self._confidence] == 0) & present).any())

    def _find_scaling(self) -> Scaling | None:
        """Return the scaling of all sequences; None if each has an image height of its own."""
        canonical = Scaling(np.ones(len(self._axes), np.float32))
        if self._units == ("metres" if self._layout.unit == "metre" else "image_heights"):
            return canonical
        if self._image_heights is not None:
            return None
        columns = np.array(self._order.columns)
        positions = np.full((len(self._probe), len(columns), len(self._axes)), np.nan, np.float32)
        positions[:, columns >= 0] = self._probe[:, columns[columns >= 0]][..., self._axes]
        positions[(positions == 0).all(axis=-1)] = np.nan
        if self._layout.unit == "metre":
            return room_scaling(positions, self._layout)
        aspect = self._column("aspect_estimate", spread=True)
        return image_scaling(positions, None if aspect is None else float(aspect[0]))

    def _read_units(self) -> str | None:
        units = self._texts("units", spread=True)
        return units[0] if units else None

    def _read_image_heights(self) -> np.ndarray | None:
        """Return float64 `[N]`: the image height of each sequence in pixels, None if unknown or not needed."""
        if self._layout.unit == "metre" or self._units == "image_heights":
            return None
        if self._options.image:
            return np.full(self._count, self._options.image.height)
        height = self._column("height", spread=True)
        if height is None and "image_size" in self._archive:
            size = self._archive.read("image_size")
            if size.shape not in ((2,), (self._count, 2)) or size.dtype.kind not in "iuf":
                raise self._fault(
                    f"array 'image_size' is {size.dtype} of shape {list(size.shape)}", "write width and height"
                )
            height = np.broadcast_to(size, (self._count, 2))[:, 1]
        if height is None:
            return None
        if not (height > 0).all():
            raise self._fault("an image height is not above 0", "give the height of the images in pixels")
        return height.astype(np.float64)

    def _read_labels(self) -> list[str] | None:
        numbers = self._column("labels", integers=True)
        if numbers is None:
            return None
        return [self._label_name("labels", number, entry) for entry, number in enumerate(numbers)]

    def _name_forms(self) -> list[str] | None:
        """Return the form of each sequence as its label, for exercises that differ in nothing else."""
        if self._labels is not None or self._quality is None or len(set(self._quality.tolist())) < 2:
            return None
        names = {1.0: "correct", 0.0: "incorrect"}
        return [names.get(float(value), self._options.label) for value in self._quality]

    def _label_name(self, array: str, number: int, entry: int) -> str:
        names = self._label_names
        if not 0 <= number < len(names):
            raise self._fault(
                f"array {array!r} has label {number} in entry {entry}, but 'label_names' has {len(names)}",
                "write labels as indices into label_names",
            )
        return names[int(number)]

    @cached_property
    def _label_names(self) -> list[str]:
        if "label_names" not in self._archive:
            raise self._fault("array 'label_names' is missing", "add it: 'labels' are indices into it")
        return self._as_texts("label_names", self._archive.read("label_names"))

    def _read_segments(self) -> dict[int, list[Segment]]:
        if "seg_session" not in self._archive:
            return {}
        count = (*self._archive.header("seg_session").shape, 0)[0]
        names = ("seg_session", "seg_label", "seg_start", "seg_stop")
        columns = [self._column(name, length=count, integers=True) for name in names]
        if missing := [name for name, column in zip(names, columns, strict=True) if column is None]:
            raise self._fault(f"array {missing[0]!r} is missing", f"add it: {', '.join(names)} belong together")
        segments: dict[int, list[Segment]] = defaultdict(list)
        for entry, row in enumerate(zip(*(column.tolist() for column in columns if column is not None), strict=True)):
            session, label, start, stop = row
            segments[session].append(Segment(start, stop, self._label_name("seg_label", label, entry)))
        return segments

    def _read_fps(self) -> np.ndarray:
        """Return float64 `[N]`, nan where the frame rate is unknown."""
        fps = self._column("fps", spread=True)
        return np.full(self._count, np.nan) if fps is None else fps.astype(np.float64)

    def _column(
        self, *names: str, length: int | None = None, spread: bool = False, integers: bool = False
    ) -> np.ndarray | None:
        """Return the first of these arrays that exists, checked to hold numbers: one per sequence, or `length`."""
        name, values = self._values(names, length, spread)
        if values is None or values.dtype.kind in ("biu" if integers else "biuf"):
            return values
        kind = {"U": "text", "S": "text", "f": "floats"}.get(values.dtype.kind, f"of type {values.dtype}")
        wanted = "integers" if integers else "numbers"
        raise self._fault(f"array {name!r} is {kind}, not {wanted}", f"write {wanted}")

    def _texts(self, *names: str, length: int | None = None, spread: bool = False) -> list[str] | None:
        name, values = self._values(names, length, spread)
        return None if values is None else self._as_texts(name, values)

    def _as_texts(self, name: str, values: np.ndarray) -> list[str]:
        if values.ndim != 1 or values.dtype.kind not in "USbiuf":
            raise self._fault(
                f"array {name!r} is {values.dtype} of shape {list(values.shape)}", "write texts or numbers in one row"
            )
        return [str(value) for value in values]

    def _values(self, names: tuple[str, ...], length: int | None, spread: bool) -> tuple[str, np.ndarray | None]:
        """Return the name and content of the first of these arrays that exists; None if there is none.

        Args:
            names: names of the arrays.
            length: number of values that it must have; None for one per sequence.
            spread: whether a single value stands for all.
        """
        wanted = self._count if length is None else length
        name = next((name for name in names if name in self._archive), "")
        if not name:
            return name, None
        values = self._archive.read(name)
        if spread and values.ndim == 0:
            values = np.broadcast_to(values, (wanted,))
        if values.shape != (wanted,):
            raise self._fault(f"array {name!r} has shape {list(values.shape)}", f"write {wanted} values")
        return name, values

    def _fault(self, what: str, remedy: str) -> InputError:
        return InputError(what, self._file, remedy)


def _text_of(column: np.ndarray | None, number: int) -> str:
    """Return a figure of a sequence as text, empty if it is unknown."""
    return "" if column is None or np.isnan(column[number]) else repr(float(column[number]))


def _detect(head: Head) -> bool:
    return head.data.startswith(b"PK")


def write(sequences: Iterable[KeypointSequence], path: Path) -> None:
    """Write sequences of one layout; their keypoints are spooled to a file, so that memory does not grow with them."""
    first: KeypointSequence | None = None
    columns: dict[str, list[Any]] = defaultdict(list)
    with tempfile.TemporaryFile(dir=path.parent) as keypoints:
        for number, sequence in enumerate(sequences):
            first = first or sequence
            if (sequence.layout, bool(sequence.segments)) != (first.layout, bool(first.segments)):
                raise InputError(
                    "an .npz file has one layout, and either sessions or clips",
                    f"sequence {sequence.sequence_id!r}",
                    "choose another format",
                )
            keypoints.write(np.ascontiguousarray(sequence.keypoints))
            columns["lengths"].append(len(sequence.keypoints))
            columns["timestamps"].append(sequence.frame_times)
            for name in _COLUMNS:
                columns[name].append(getattr(sequence, name))
            columns["segments"] += [(number, segment) for segment in sequence.segments]
        if first is None:
            raise InputError("there is no sequence to write", None, None)
        frames = sum(columns["lengths"]), *first.keypoints.shape[1:]
        keypoints.seek(0)
        with zipfile.ZipFile(path, "w") as archive:
            with archive.open("frames.npy", "w", force_zip64=True) as member:
                header = {"descr": "<f4", "fortran_order": False, "shape": frames}
                np.lib.format.write_array_header_1_0(member, header)
                shutil.copyfileobj(keypoints, member)
            for name, values in _arrays(first, columns).items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, values, allow_pickle=False)


def _arrays(first: KeypointSequence, columns: Mapping[str, list[Any]]) -> dict[str, np.ndarray]:
    """Return all arrays except the keypoints."""
    layout, segments = load_layout(first.layout), columns["segments"]
    named = [segment.label for _, segment in segments] or columns["label"]
    labels, numbers = np.unique(named, return_inverse=True)
    axes = ["x", "y", "z"][: first.keypoints.shape[-1] - 1]
    arrays = {
        "offsets": np.cumsum([0, *columns["lengths"]]),
        "timestamps": np.concatenate(columns["timestamps"]),
        "joint_names": np.array(layout.joints),
        "channel_names": np.array([*axes, "confidence"]),
        "units": np.array("metres" if layout.unit == "metre" else "image_heights"),
        "label_names": labels,
        "fps": np.array(columns["fps"]),
        "correct": np.array(columns["quality"], np.float64),
        "repetitions": np.array(columns["repetitions"], np.float64),
        **{name: np.array([text or "" for text in columns[name]]) for name in _TEXTS},
    }
    if not segments:
        return arrays | {"labels": numbers}
    places = np.array([(session, one.start_frame, one.end_frame) for session, one in segments])
    sessions = dict(zip(("seg_session", "seg_start", "seg_stop"), places.T, strict=True))
    return arrays | sessions | {"seg_label": numbers}


FORMAT = Format(
    name="npz",
    about="ragged .npz: all sequences end to end in one array, with offsets",
    suffixes=(".npz",),
    detect=_detect,
    read=read,
    write=write,
)
