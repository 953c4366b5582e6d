"""CSV of keypoints: long tables with one row per joint, or wide tables with one row per pose.

The delimiter is a comma, a semicolon (then numbers may have decimal commas) or a tab. Lines such as `sep=;` and `# a
comment` before the header are skipped. Columns are found by name, in any case, or named with `--columns
FIELD=COLUMN,...`:

- `sequence` (sequence_id, clip, video, file_name and others). Without it all rows are one clip. Where the `label` or
  the `subject` changes, another clip begins; subjects whose rows take turns are a clip each. Names of numbered images
  are clip and frame.
- `frame` (a frame number), `time` (timestamp, timestamp_ms, datetime and others; numbers, dates or times of day) or
  both. In a wide table without either, each row is a frame.
- `person` (person_id, track_id, pose and others), if several people are in view.
- `label`, `subject`, `view`, `split`, `fps`, `width`, `height`, `resolution`, `units`, `repetitions` and `quality` of
  the clip.
- In long tables: `joint` (keypoint, landmark, name and others), `x`, `y`, perhaps `z`, and `confidence` (conf, score,
  visibility and others).
- In wide tables: one column for each joint and axis, such as `nose_x`, `LEFT_HIP.y`, `x_nose`, or by number `x1, y1,
  z1, v1`, `12_x`. If there are both `world_nose_x` and `nose_x`, `--space` chooses.

The rows of a sequence are consecutive; a sequence that comes back later is quarantined for its repeated id. A joint
with an empty coordinate, or one such as `nan`, `None` or `-`, or without a row, is missing; so is one at 0, 0 if there
are no confidences. Numbered joints are 17 of COCO, 33 of BlazePose, 25 of OpenPose (of Kinect with z), 18 of OpenPose's
COCO model or 20 of Kinect. Image coordinates above 2 are pixels. Smaller ones are fractions of image width and height
if the table has an image size, `--image-size` states one, or there are 33 landmarks, and otherwise image heights.
Coordinates of room sensors are metres, centimetres or millimetres, by the length of a torso.
"""

import csv
import re
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.importers.clips.clock import ambiguous_note, past_midnight
from data.importers.clips.confidence import mark_unseen
from data.importers.clips.faults import malformed_as_input_error, quarantined
from data.importers.clips.joints import JointOrder, left_out_note, order_by_count, order_by_name
from data.importers.clips.to_sequence import MAX_PEOPLE
from data.importers.clips.types import Format, Head, ImportOptions, RawClip, ReaderOutput, Source, TimeUnit
from data.importers.clips.units import FRACTIONS_UP_TO, ImageSize, Unit
from data.importers.clips.vocabulary import CLIP_FIELDS, UNITS, rate_of, size_of, unread_note
from data.importers.readers.json_stream import open_text
from data.importers.readers.table_columns import MAX_COLUMNS, Columns, is_long, joints_and_axes
from data.importers.readers.table_rows import Cells, Key, Rows, converted, delimiter_of, head_of, header_line, read_runs
from data.layouts import Layout, load_layout
from data.records import MAX_SEQUENCE_VALUES, KeypointSequence
from data.text import cell_of_sheet, text_of_cell

SUFFIXES = (".csv", ".tsv")

BLAZEPOSE_COUNTS = (33, 501, 511)
"""Number of landmarks of MediaPipe Pose, and of MediaPipe Holistic, which lists those of the pose first."""

_COUNTS = (
    (17, "coco17"),
    *((count, "blazepose33") for count in BLAZEPOSE_COUNTS),
    (25, "openpose25"),
    (18, "openpose18"),
    (20, "kinect20"),
)
_RUN_FIELDS = ("label", "subject")
"""Fields that are the same in all rows of a clip: with another value another clip begins."""

_SIZES = ("width", "height", "size")
_SPARE = {"repetitions", "quality"}
"""Fields that a clip can do without."""

_BESIDE = "rows of several people take turns: each person is a sequence"

_ROOM_COUNTS = ((20, "kinect20"), (25, "kinect25"), (17, "coco17"), (33, "blazepose33"), (22, "uiprmd22"))


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clips of a file."""
    yield from read_table(source, options, None)


def read_table(source: Source, options: ImportOptions, unit: Unit | None) -> Iterator[ReaderOutput]:
    """Yield the clips of a file.

    Args:
        source: the file.
        options: options of the import.
        unit: unit of the coordinates; None to find it by the file's own statement or by their size.

    Raises:
        InputError: if columns are missing or the file is damaged; the clips before the damage are read.
    """
    with open_text(source.path, newline=None) as text:
        head = head_of(text)
        columns = Columns.found(head.header, options.columns, options.space, head.cells)
        open_: dict[Key, _Clip] = {}
        clip: _Clip | None = None
        record = run = 0
        for key, rows in read_runs(text, columns, head):
            if clip is not None and key != clip.key:
                together = key[:2] == clip.key[:2] and (key in open_ or clip.shares_time(rows))
                together &= len(open_) < MAX_PEOPLE
                continued = open_.get(key) if together else None
                if not together or (continued is not None and not continued.is_before(rows)):
                    yield from _finished(open_, source, unit)
                    continued = None
                run = run + 1 if key[0] == clip.key[0] else 0
                record += continued is None
                clip = continued
                if continued is not None:
                    continued.taken_up = True
            clip = clip or open_.setdefault(key, _Clip(key, run, record, columns, options.image))
            clip.add(rows)
        yield from _finished(open_, source, unit)


def _finished(clips: "dict[Key, _Clip]", source: Source, unit: Unit | None) -> Iterator[ReaderOutput]:
    """Yield clips, and remove them from the table of those whose rows are still being read."""
    beside = [_BESIDE] * any(clip.taken_up for clip in clips.values())
    while clips:
        yield clips.pop(next(iter(clips))).finish(source, unit, beside)


def joints_in_header(text: str) -> int:
    """Return the number of joints in the header of a wide table, 0 if it is not one."""
    first = header_line(text)
    try:
        return len(joints_and_axes(next(csv.reader([first], delimiter=delimiter_of(first)), [])))
    except csv.Error:
        return 0


class _Clip:
    """The rows of one clip in compact arrays; after an error its further rows are ignored."""

    def __init__(self, key: Key, run: int, record: int, columns: Columns, image: ImageSize | None) -> None:
        """Begin a clip.

        Args:
            key: sequence, label and subject.
            run: number of clips of this sequence before, with another label or subject.
            record: number of clips in the file before.
            columns: columns of the table.
            image: size of the images that the user states.
        """
        self.key = key
        self._run = run
        self._record = record
        self.taken_up = False
        self._latest = 0
        self._columns = columns
        self._image = image
        self._changing: dict[str, None] = {}
        self._fault: InputError | None = None
        self._fields: dict[str, str] = {}
        self._count = 0
        self._clocked = self._dated = False
        self._ambiguous = ""
        self._times = array("d")
        self._people: dict[str, int] = {}
        self._person = array("q")
        self._names: dict[str, int] = {}
        self._joint = array("q")
        self._values = array("f")

    def add(self, rows: Rows | Cells) -> None:
        """Add rows."""
        if self._fault is None:
            try:
                self._add(rows if isinstance(rows, Rows) else converted(rows, self._columns, self._count))
            except InputError as error:
                self._fault = error

    def shares_time(self, rows: Rows | Cells) -> bool:
        """Return whether rows of another person are of the same time as this clip's, as if the two took turns."""
        if not self._times:
            return self._latest == 1  # rows without a time that take turns one by one
        start = _first_time(rows, self._columns, self._clocked)
        return start is not None and start <= self._times[-1]

    def is_before(self, rows: Rows | Cells) -> bool:
        """Return whether the clip's rows are before these in time."""
        start = _first_time(rows, self._columns, self._clocked)
        return not self._times or start is None or start > self._times[-1]

    def _add(self, rows: Rows) -> None:
        self._latest = len(rows.values)
        if not self._count:
            self._clocked = rows.clock is not None and bool(np.isfinite(rows.clock[0]))
        for field, texts in rows.fields.items():
            for text in texts:
                self._state(field, text_of_cell(text.strip()))
        self._dated |= rows.dated
        self._ambiguous = self._ambiguous or rows.ambiguous
        times = rows.clock if self._clocked else rows.counter
        if times is not None:
            self._times.frombytes(times.tobytes())
        for words, numbers, known in (
            (rows.person, self._person, self._people),
            (rows.joint, self._joint, self._names),
        ):
            if words is not None:
                mapping = np.array([known.setdefault(word, len(known)) for word in words.words], np.int64)
                numbers.frombytes(mapping[words.codes].tobytes())
        if len(self._names) > MAX_COLUMNS:
            raise InputError(f"there are over {MAX_COLUMNS} names of joints", None, None)
        self._values.frombytes(rows.values.tobytes())
        self._count += len(rows.values)
        if len(self._values) > 2 * MAX_SEQUENCE_VALUES:
            raise InputError("there are more rows than a sequence may have", f"{self._count}", "cut the recording")

    def _state(self, field: str, text: str) -> None:
        """Take a field of the clip; one that changes from row to row is noted if it can be done without."""
        known = self._fields.setdefault(field, text) or text
        self._fields[field] = known
        if not text or text == known or field in _RUN_FIELDS:
            return
        spare = _SPARE | ({"fps"} if self._clocked else set()) | (set(_SIZES) if self._image else set())
        if field not in spare:
            raise InputError(
                f"the column of the {field} changes within a clip",
                f"from {known[:40]!r} to {text[:40]!r}",
                "give each clip a sequence id, or rename the column if it means something else",
            )
        self._changing[field] = None

    def finish(self, source: Source, unit: Unit | None, notes: list[str]) -> ReaderOutput:
        """Return the clip with these notes in addition, or a quarantined record if it is unusable."""
        record = self._record
        named = text_of_cell(self.key[0]) + f"_{self._run}" * (self._run > 0)
        if self._columns.sequence is None:
            named = f"{source.name}_{record}" if record or "label" in self._columns.fields else source.name
        try:
            if self._fault is not None:
                raise self._fault
            return self._clip(named, unit, notes)
        except InputError as error:
            return quarantined(error, str(source.path), record, name=named)

    def _clip(self, name: str, unit: Unit | None, notes: list[str]) -> RawClip:
        channels = len(self._columns.axes) + 1
        values = np.frombuffer(self._values, np.float32).reshape(self._count, -1, channels)
        frame, times = np.arange(self._count), None
        time_unit: TimeUnit = self._columns.clock_unit if self._clocked else "frames"
        if self._dated:
            time_unit = "s"
        notes = notes + unread_note("columns", self._columns.unread) + ambiguous_note(self._ambiguous)
        if self._times and self._columns.joint is None and self._count > 1 and len(set(self._times)) == 1:
            notes.append("the time is the same in all rows: it is not used, each row is a frame")
        elif self._times:
            times = np.frombuffer(self._times, np.float64)
            times = past_midnight(times) if self._dated else times
            # Rows with frame numbers, or several rows of one frame, are sorted.
            if time_unit == "frames" or self._people or self._names:
                times, frame = np.unique(times, return_inverse=True)
        elif self._names:
            raise InputError(
                "a table with one row per joint needs a column of frames or times", None, "name it with --columns"
            )
        person = np.frombuffer(self._person, np.int64) if self._people else np.zeros(self._count, np.int64)
        order = self._joint_order()  # before anything is made for each name of a joint
        poses, pose_frames, pose_people = self._assembled(values, frame, person, channels)
        if not any("confidence" in joint for joint in self._columns.joints):
            poses, unseen = mark_unseen(poses)
            notes += unseen
        arranged = order.arrange(poses)
        notes += left_out_note(poses.shape[1], order)
        layout = order.layout
        fields = {field: text for field, text in self._fields.items() if field not in self._changing}
        notes += [f"the column of the {field} changes within the clip: it is not read" for field in self._changing]
        image = self._image or _image(fields)
        found_unit = unit or UNITS.get(fields.get("unit", "")) or _unit_of(arranged, layout, image)
        if found_unit == "image_heights" and not fields.get("unit"):
            notes.append("the unit is not stated: assuming that coordinates are divided by the image height")
        return RawClip(
            name=name,
            layout=layout,
            poses=arranged,
            frames=pose_frames,
            count=int(frame.max()) + 1,
            unit=found_unit,
            image=image,
            tracks=pose_people if self._people else None,
            times=times,
            time_unit=time_unit,
            fps=_positive(fields.pop("fps", "")),
            fields={field: text for field, text in fields.items() if field in CLIP_FIELDS and text},
            notes=notes,
        )

    def _assembled(
        self, values: np.ndarray, frame: np.ndarray, person: np.ndarray, channels: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the poses with the frame and the person of each, in the order of frames."""
        key = frame.astype(np.int64) * max(1, len(self._people)) + person
        keys, pose = np.unique(key, return_inverse=True)
        if self._columns.joint is None:
            if len(keys) < len(key):
                raise InputError(
                    "a person has two poses in one frame", None, "add a column person that identifies people"
                )
            order = np.argsort(key)
            return values[order], frame[order], person[order]
        joint = np.frombuffer(self._joint, np.int64)
        cell = pose * len(self._names) + joint
        if len(np.unique(cell)) < len(cell):
            raise InputError(
                "a joint has two positions in one pose", None, "add a column person that identifies people"
            )
        if len(keys) * len(self._names) * channels > 2 * MAX_SEQUENCE_VALUES:
            raise InputError("there are more poses than a sequence may have", f"{len(keys)}", "cut the recording")
        poses = np.zeros((len(keys) * len(self._names), channels), np.float32)
        poses[cell] = values[:, 0]
        people = max(1, len(self._people))
        return poses.reshape(len(keys), len(self._names), channels), keys // people, keys % people

    def _joint_order(self) -> JointOrder:
        names = list(self._columns.wide or self._names)
        numbered = [re.search(r"(\d{1,3})\s*$", name) for name in names]
        numbers = [int(match[1]) for match in numbered if match]
        if len(numbers) < len(names):
            return order_by_name(tuple(names))
        known = _ROOM_COUNTS if "z" in self._columns.axes and len(names) in (20, 22, 25) else _COUNTS
        layout = order_by_count(len(names), known).layout
        first = min(numbers)
        if sorted(numbers) != list(range(first, first + len(names))):
            raise InputError("the numbers of joints have gaps", ", ".join(names)[:200], "name the joints")
        return JointOrder(layout, tuple(numbers.index(joint + first) for joint in range(len(layout.joints))))


def _first_time(rows: Rows | Cells, columns: Columns, clocked: bool) -> float | None:
    """Return the time of the first of these rows, None if there is none."""
    try:
        numbers = rows if isinstance(rows, Rows) else converted(rows[:1], columns, 0)
    except InputError:
        return None  # the fault is reported where the row is added
    times = numbers.clock if clocked else numbers.counter
    return None if times is None else float(times[0])


def _positive(text: str) -> float | None:
    with malformed_as_input_error("fps or the size of the image"):
        figure = rate_of(text) if text else 0.0
    return figure if figure > 0 else None


def _image(fields: dict[str, str]) -> ImageSize | None:
    height, width = (_positive(fields.pop(name, "")) for name in ("height", "width"))
    stated = fields.pop("size", "")
    if not height and stated:
        with malformed_as_input_error("the size of the image"):
            return size_of(stated)
    return ImageSize(height, width) if height else None


def _unit_of(poses: np.ndarray, layout: Layout, image: ImageSize | None) -> Unit:
    if layout.unit == "metre":
        return "room"
    with np.errstate(invalid="ignore"):
        small = np.abs(poses[..., :2]).max(initial=0) <= FRACTIONS_UP_TO
    if not small:
        return "pixels"
    return "fractions" if (image and image.width) or layout.name == "blazepose33" else "image_heights"


def _detect(head: Head) -> bool:
    first = header_line(head.text)
    return joints_in_header(head.text) > 4 or is_long(first.split(delimiter_of(first)))


def write(sequences: Iterable[KeypointSequence], path: Path) -> None:
    """Write sequences as one long table, in canonical units."""
    columns = ["sequence", "label", "subject", "view", "split", "repetitions", "quality", "fps"]
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        axes: list[str] = []
        for sequence in sequences:
            layout = load_layout(sequence.layout)
            if not axes:
                axes = ["x", "y", "z"][: sequence.keypoints.shape[-1] - 1]
                rows.writerow([*columns, "units", "frame", "seconds", "joint", *axes, "score"])
            values = [sequence.sequence_id, *(getattr(sequence, name) for name in columns[1:])]
            values = [cell_of_sheet(value) if isinstance(value, str) else value for value in values]
            values += ["metres" if layout.unit == "metre" else "image_heights"]
            times = [""] * len(sequence.keypoints) if sequence.timestamps is None else sequence.timestamps.tolist()
            for frame, (time, pose) in enumerate(zip(times, sequence.keypoints.astype(float).tolist(), strict=True)):
                for joint, place in zip(layout.joints, pose, strict=True):
                    rows.writerow([*values, frame, time, joint, *place])


FORMAT = Format(
    name="csv",
    about="CSV with one row per joint or one row per pose; columns found by name or given",
    suffixes=SUFFIXES,
    detect=_detect,
    read=read,
    write=write,
)
