"""Imports the ragged `.npz` store: sequences of different lengths, end to end in one array.

Needed: `frames` `(sum_T, J, C)` and `offsets` `(N + 1)`, `joint_names` `(J)`. Honoured where present, one value a
sequence unless said:

- `channel_names` (x, y[, z][, confidence]); by the layout if absent. Missing confidence becomes 1, and 0 for a joint
  that is exactly at the origin. A room sensor's joint that has a position but confidence 0 was inferred from others
  (as Kinect infers the hip centre); it gets `INFERRED_CONFIDENCE`, because 0 means that there is no position.
- `labels` with `label_names`; without them the label is the option's.
- `subject`, `performer` or `source_group`; without them the subject is `unknown`.
- `sequence_id` or `session_id`, `split`, `view`, `source`.
- `fps`: one number for all or one a sequence, nan for unknown.
- `timestamps` (one a frame, seconds), or `frame_number` or `frame_index`, where frames were dropped.
- `correct` (1 good form, 0 bad) becomes the quality, `cycles` or `repetitions` the repetitions; nan is unknown.
- `seg_session`, `seg_label`, `seg_start`, `seg_stop`: the sequences are sessions, these their segments.
- `image_size` (width, height), `width` and `height`, or `units`: how 2-D coordinates become image heights; `units` that
  are `metres` are canonical: nothing is scaled, and no joint is taken as inferred.
- `test_copy_of_train`: is told in the source, so that clean figures can be had.
"""

import shutil
import tempfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.clips.types import CLIPPED, Format, Head, ImportOptions, Note, Record, Repaired, Source
from data.importers.clips.units import Scaling, find_scaling
from data.importers.readers.npz_archive import NpzArchive
from data.layouts import Layout, find_layout, load_layout
from data.quarantine import Quarantined, reason_of, sample_poses
from data.records import SESSION_LABEL, KeypointSequence, Segment

MAX_SEQUENCE_FRAMES = 1_000_000
"""Longest sequence, held in memory as a whole (9 hours at 30 fps)."""

INFERRED_CONFIDENCE = 0.5
"""Of a room sensor's joint with a position but confidence 0: it was inferred from others, not missing."""

_CHANNELS = {"x": 0, "y": 1, "z": 2, "conf": -1, "confidence": -1, "score": -1, "visibility": -1}
_PROBE_FRAMES = 20_000
_TEXTS = ("sequence_id", "subject", "view", "split", "source")
_COLUMNS = (*_TEXTS, "label", "fps", "repetitions", "quality")


def import_npz(path: Path, options: ImportOptions) -> Iterator[Record]:
    """Yield the sequences of one file, what was wrong with others, and what had to be assumed.

    Raises:
        InputError: if the file as a whole is unusable, naming file and array.
    """
    with NpzArchive(path) as archive:
        store = _Store(archive, options)
        yield from store.notes()
        yield from store.records()


class _Store:
    """The arrays of one file, checked against each other."""

    def __init__(self, archive: NpzArchive, options: ImportOptions) -> None:
        self._archive = archive
        self._options = options
        self._file = str(archive.path)
        self._offsets = self._read_offsets()
        self._count = len(self._offsets) - 1
        self._layout, self._order = self._find_layout()
        self._axes, self._confidence = self._find_channels()
        self._probe = next(archive.stream("frames", [min(int(self._offsets[-1]), _PROBE_FRAMES)]))
        self._infers = self._find_inferred()
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
        self._repetitions = self._column("cycles", "repetitions")
        self._copies = self._column("test_copy_of_train")

    def notes(self) -> Iterator[Note]:
        """Yield what had to be assumed for the whole file."""
        if self._scaling.note:
            yield Note(f"{self._file}: {self._scaling.note}")
        if self._infers:
            yield Note(
                f"{self._file}: joints with a position but confidence 0 are taken as inferred: {INFERRED_CONFIDENCE}"
            )
        if self._subject is None:
            yield Note(f"{self._file}: no subjects are told: all sequences are of 'unknown'")
        if self._labels is None and not self._segments:
            yield Note(f"{self._file}: no labels are told: all sequences are {self._options.label!r}")
        if unknown := int((~(self._fps > 0)).sum()):
            yield Note(f"{self._file}: {unknown} sequences tell no frame rate: {self._options.fps:g} is taken")

    def records(self) -> Iterator[Record]:
        """Yield one record a sequence."""
        lengths = np.diff(self._offsets).tolist()
        for number, frames in enumerate(self._archive.stream("frames", lengths)):
            try:
                yield from self._sequence(number, frames)
            except InputError as error:
                sequence_id = self._ids[number] if self._ids else ""
                detail = " ".join(filter(None, [error.what, error.where and f"({error.where})"]))
                poses = sample_poses(self._canonical(frames, number)) if len(frames) else None
                yield Quarantined(
                    self._file, number, sequence_id, reason_of(error.what), detail, self._layout.name, poses
                )

    def _sequence(self, number: int, frames: np.ndarray) -> Iterator[Repaired | KeypointSequence]:
        if len(frames) == 0:
            raise InputError("there are 0 frames", None, None)
        keypoints = self._canonical(frames, number)
        confidence = keypoints[..., -1]
        if clipped := int(((confidence < 0) | (confidence > 1)).sum()):
            keypoints[..., -1] = confidence.clip(0, 1)
        if not keypoints[..., -1].any():
            raise InputError("no joint is seen in any frame", None, None)
        fps = float(self._fps[number]) if self._fps[number] > 0 else self._options.fps
        source = (self._source and self._source[number]) or Path(self._file).name
        copied = self._copies is not None and bool(self._copies[number])
        sequence = KeypointSequence(
            sequence_id=self._ids[number] if self._ids else f"{Path(self._file).stem}_{number:06d}",
            subject=self._subject[number] if self._subject else "unknown",
            label=self._label(number),
            fps=fps,
            layout=self._layout.name,
            keypoints=keypoints,
            timestamps=self._timestamps(number, fps),
            segments=tuple(self._segments.get(number, ())),
            repetitions=_known(self._repetitions, number),
            quality=_known(self._quality, number),
            view=(self._view[number] or None) if self._view else None,
            split=(self._split[number] or None) if self._split else None,
            source=f"{source} (copy of a training clip)" if copied else source,
        )
        yield Repaired(sequence, Counter({CLIPPED: clipped})) if clipped else sequence

    def _canonical(self, frames: np.ndarray, number: int) -> np.ndarray:
        """Return the frames as float32 `[T, J, D + 1]` in the layout's order of joints and in canonical units."""
        present = [joint for joint, column in enumerate(self._order) if column >= 0]
        columns = [self._order[joint] for joint in present]
        positions = frames[:, columns][..., self._axes]
        keypoints = np.zeros((len(frames), len(self._order), len(self._axes) + 1), np.float32)
        keypoints[:, present, :-1] = positions * self._scaling.factors(number)
        if self._confidence is None:
            keypoints[:, present, -1] = (positions != 0).any(axis=-1)
        else:
            confidence = frames[:, columns, self._confidence].astype(np.float32)
            if self._infers:
                confidence[(confidence == 0) & (positions != 0).any(axis=-1)] = INFERRED_CONFIDENCE
            keypoints[:, present, -1] = confidence
        return keypoints

    def _timestamps(self, number: int, fps: float) -> np.ndarray | None:
        frames = slice(self._offsets[number], self._offsets[number + 1])
        if self._times is not None:
            times = self._times[frames].astype(np.float64)
            return None if np.array_equal(times, np.arange(len(times)) / fps) else times
        if self._frame_numbers is None:
            return None
        numbers = self._frame_numbers[frames].astype(np.float64)
        even = (np.diff(numbers) == 1).all()
        return None if even else (numbers - numbers[0]) / fps

    def _label(self, number: int) -> str:
        if self._segments:
            return SESSION_LABEL
        return self._options.label if self._labels is None else self._labels[number]

    def _read_offsets(self) -> np.ndarray:
        frames = self._archive.header("frames")
        if len(frames.shape) != 3 or frames.dtype.kind != "f":
            raise self._fault(
                f"array 'frames' is {frames.dtype} of shape {list(frames.shape)}", "it is floats [sum of T, J, C]"
            )
        offsets = self._archive.read("offsets")
        if offsets.ndim != 1 or len(offsets) < 2 or offsets.dtype.kind not in "iu":
            raise self._fault(
                f"array 'offsets' is {offsets.dtype} of shape {list(offsets.shape)}", "it is integers [N + 1]"
            )
        offsets = offsets.astype(np.int64)
        steps = np.diff(offsets)
        if offsets[0] != 0 or offsets[-1] != frames.shape[0] or (steps < 0).any():
            raise self._fault(
                f"array 'offsets' runs from {offsets[0]} to {offsets[-1]} over {frames.shape[0]} frames"
                + (f" and falls after entry {int((steps < 0).argmax())}" if (steps < 0).any() else ""),
                "offsets start at 0, never fall and end at the number of frames",
            )
        if steps.max() > MAX_SEQUENCE_FRAMES:
            raise self._fault(
                f"sequence {int(steps.argmax())} has {steps.max()} frames, more than {MAX_SEQUENCE_FRAMES}",
                "cut the recording into parts",
            )
        return offsets

    def _find_layout(self) -> tuple[Layout, tuple[int, ...]]:
        names = self._texts("joint_names", length=self._archive.header("frames").shape[1])
        if names is None:
            raise self._fault("array 'joint_names' is missing", "the layout is found by the names of the joints")
        try:
            return find_layout(names)
        except InputError as error:
            raise InputError(error.what, f"{self._file}, array 'joint_names'", error.remedy) from error

    def _find_channels(self) -> tuple[list[int], int | None]:
        """Return the channels of the coordinates, and that of the confidence if there is one."""
        count = self._archive.header("frames").shape[2]
        names = self._texts("channel_names", length=count)
        if names is None:
            plane = ["x", "y"] if self._layout.unit == "image_height" or count == 2 else ["x", "y", "z"]
            names = [*(["x", "y", "z"] if count == 4 else plane), "conf"][:count]
        roles = [_CHANNELS.get(name) for name in names]
        if roles not in ([0, 1], [0, 1, -1], [0, 1, 2], [0, 1, 2, -1]):
            raise self._fault(
                f"the channels are {', '.join(names)}", "they are x, y, z for 3-D, and a confidence where there is one"
            )
        axes = [role for role in roles if role is not None and role >= 0]
        return axes, roles.index(-1) if -1 in roles else None

    def _find_inferred(self) -> bool:
        """Tell whether this file marks inferred joints with confidence 0."""
        if self._layout.unit != "metre" or self._confidence is None or self._units() == "metres":
            return False
        placed = (self._probe[..., self._axes] != 0).any(axis=-1)
        return bool(((self._probe[..., self._confidence] == 0) & placed).any())

    def _find_scaling(self) -> Scaling:
        present = [joint for joint, column in enumerate(self._order) if column >= 0]
        positions = np.full((len(self._probe), len(self._order), len(self._axes)), np.nan, np.float32)
        positions[:, present] = self._probe[:, [self._order[joint] for joint in present]][..., self._axes]
        positions[(positions == 0).all(axis=-1)] = np.nan
        return find_scaling(
            positions,
            self._layout,
            units=self._units(),
            image_height=self._image_height(),
            aspect=None if (aspect := self._column("aspect_estimate", spread=True)) is None else float(aspect[0]),
        )

    def _units(self) -> str | None:
        units = self._texts("units", spread=True)
        return units[0] if units else None

    def _image_height(self) -> np.ndarray | None:
        """Float64 `[N]` pixels."""
        if self._options.image:
            return np.full(self._count, self._options.image.height)
        height = self._column("height", spread=True)
        if height is None and "image_size" in self._archive:
            size = self._archive.read("image_size")
            if size.shape not in ((2,), (self._count, 2)):
                raise self._fault(f"array 'image_size' has shape {list(size.shape)}", "it is width and height")
            height = np.broadcast_to(size, (self._count, 2))[:, 1]
        if height is None:
            return None
        if not (height > 0).all():
            raise self._fault("an image height is not above 0", "give the height of the images in pixels")
        return height.astype(np.float64)

    def _read_labels(self) -> list[str] | None:
        numbers = self._column("labels")
        if numbers is None:
            return None
        return [self._label_name("labels", number, entry) for entry, number in enumerate(numbers)]

    def _label_name(self, array: str, number: int, entry: int) -> str:
        names = self._label_names()
        if not 0 <= number < len(names):
            raise self._fault(
                f"array {array!r} names label {number} in entry {entry}, but 'label_names' has {len(names)}",
                "labels are indices into label_names",
            )
        return names[int(number)]

    def _label_names(self) -> list[str]:
        if "label_names" not in self._archive:
            raise self._fault("array 'label_names' is missing", "it names the labels that 'labels' counts")
        return [str(name) for name in self._archive.read("label_names")]

    def _read_segments(self) -> dict[int, list[Segment]]:
        if "seg_session" not in self._archive:
            return {}
        count = self._archive.header("seg_session").shape[0]
        names = ("seg_session", "seg_label", "seg_start", "seg_stop")
        columns = [self._column(name, length=count) for name in names]
        if missing := [name for name, column in zip(names, columns, strict=True) if column is None]:
            raise self._fault(f"array {missing[0]!r} is missing", f"{', '.join(names)} belong together")
        segments: dict[int, list[Segment]] = defaultdict(list)
        for entry, row in enumerate(zip(*(column.tolist() for column in columns if column is not None), strict=True)):
            session, label, start, stop = row
            segments[session].append(Segment(start, stop, self._label_name("seg_label", label, entry)))
        return segments

    def _read_fps(self) -> np.ndarray:
        """Float64 `[N]`, nan where it is not told."""
        fps = self._column("fps", spread=True)
        return np.full(self._count, np.nan) if fps is None else fps.astype(np.float64)

    def _column(self, *names: str, length: int | None = None, spread: bool = False) -> np.ndarray | None:
        """Return the first of these arrays that exists, checked for one value a sequence (or `length`)."""
        wanted = self._count if length is None else length
        name = next((name for name in names if name in self._archive), None)
        if name is None:
            return None
        values = self._archive.read(name)
        if spread and values.ndim == 0:
            values = np.broadcast_to(values, (wanted,))
        if values.shape != (wanted,):
            raise self._fault(f"array {name!r} has shape {list(values.shape)}", f"it needs {wanted} values")
        return values

    def _texts(self, *names: str, length: int | None = None, spread: bool = False) -> list[str] | None:
        values = self._column(*names, length=length, spread=spread)
        return None if values is None else [str(value) for value in values]

    def _fault(self, what: str, remedy: str) -> InputError:
        return InputError(what, self._file, remedy)


def _known(column: np.ndarray | None, number: int) -> float | None:
    return None if column is None or np.isnan(column[number]) else float(column[number])


def _detect(head: Head) -> bool:
    return head.data.startswith(b"PK")


def _read(source: Source, options: ImportOptions) -> Iterator[Record]:
    return import_npz(source.path, options)


def write(sequences: Iterable[KeypointSequence], path: Path) -> None:
    """Write sequences of one layout; their keypoints go through a file, so that memory does not grow with them."""
    first: KeypointSequence | None = None
    columns: dict[str, list[Any]] = defaultdict(list)
    with tempfile.TemporaryFile(dir=path.parent) as keypoints:
        for number, sequence in enumerate(sequences):
            first = first or sequence
            if (sequence.layout, bool(sequence.segments)) != (first.layout, bool(first.segments)):
                raise InputError(
                    "one .npz has one layout, and sessions or clips",
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
    """Return all arrays but the keypoints."""
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
    told = dict(zip(("seg_session", "seg_start", "seg_stop"), places.T, strict=True))
    return arrays | told | {"seg_label": numbers}


FORMAT = Format(
    name="npz",
    about="the ragged .npz store: sequences end to end in one array, with offsets",
    suffixes=(".npz",),
    detect=_detect,
    read=_read,
    write=write,
)
