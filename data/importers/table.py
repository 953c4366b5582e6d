"""CSV of keypoints: long, a row a joint, or wide, a row a pose.

The delimiter is a comma, a semicolon or a tab. Columns are found by name, in any case, or named with `--columns
FIELD=COLUMN,...`:

- `sequence` (sequence_id, clip, video...), else all rows are one clip, or one for each run of one `label`;
- `frame` (a counter) and, or, `time` (timestamp, timestamp_ms...); in a wide table without either, a row is a frame;
- `person` (person_id, track_id, pose...), where several are in view;
- `label`, `subject`, `view`, `split`, `fps`, `width`, `height`, `units`, `repetitions`, `quality` of the clip;
- long: `joint` (keypoint, landmark, name...), `x`, `y`, perhaps `z`, and `confidence` (conf, score, visibility...);
- wide: for every joint a column an axis: `nose_x`, `LEFT_HIP.y`, `x_nose`, or by number `x1, y1, z1, v1`, `12_x`.

Rows of a sequence stand together; a sequence that comes back later is quarantined as a repeated id. An empty or `nan`
coordinate is a missing joint, and so is one without a row. Numbered joints: 17 of COCO, 33 of BlazePose, 25 of OpenPose
(of Kinect with z), 18 of OpenPose's COCO model, 20 of Kinect. Coordinates of image layouts up to 2 are shares of width
and height where the table tells a size or 33 landmarks, else image heights; beyond, pixels. Coordinates of room layouts
are metres, centimetres or millimetres by the length of a torso.
"""

import csv
import math
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.importers.base import Format, Head, ImageSize, ImportOptions, RawClip, Record, Source, TimeUnit, Unit
from data.importers.canonical import MAX_SEQUENCE_VALUES
from data.importers.collector import SHARES_UP_TO, UNITS, meta_field, plain, time_column
from data.importers.faults import as_format_has_it, quarantined
from data.importers.joints import JointOrder, order_by_count, order_by_name
from data.importers.text import open_text
from data.layouts import Layout, load_layout
from data.records import KeypointSequence

SUFFIXES = (".csv", ".tsv")

MAX_COLUMNS = 1000

_AXES = {"x": 0, "y": 1, "z": 2}
_CONFIDENCE = ("v", "c", "conf", "confidence", "score", "vis", "visibility", "presence", "p", "likelihood")
_ROLES = {axis: axis for axis in _AXES} | dict.fromkeys(_CONFIDENCE, "confidence")
_JOINTS = ("joint", "keypoint", "landmark", "jointname", "keypointname", "landmarkname", "part", "bodypart", "jointid")
_PEOPLE = ("person", "personid", "trackid", "track", "pose", "poseid", "personindex", "instance")
_FIELDS = ("label", "subject", "view", "split", "repetitions", "quality")
_COUNTS = ((17, "coco17"), (33, "blazepose33"), (25, "openpose25"), (18, "openpose18"), (20, "kinect20"))
_ROOM_COUNTS = ((20, "kinect20"), (25, "kinect25"), (17, "coco17"), (33, "blazepose33"), (22, "uiprmd22"))


def read(source: Source, options: ImportOptions) -> Iterator[Record]:
    """Yield the clips of a file."""
    yield from read_table(source, options, None)


def read_table(source: Source, options: ImportOptions, unit: Unit | None) -> Iterator[Record]:
    """Yield the clips of a file; `unit` None finds it out.

    Raises:
        InputError: if columns are missing, or a row is damaged: what comes after it is not read.
    """
    with open_text(source.path) as text:
        delimiter = _delimiter(text.readline(1 << 16))
        text.seek(0)
        rows = csv.reader(text, delimiter=delimiter)
        try:
            columns = _Columns.found(next(rows, []), options.columns)
            runs = groupby((row for row in rows if any(row)), columns.clip_key)
            for record, (name, run) in enumerate(runs):
                named = name if columns.sequence is not None else source.name
                if columns.sequence is None and (record or columns.fields.get("label") is not None):
                    named = f"{source.name}_{record}"
                clip = _Rows(columns, options)
                try:
                    with as_format_has_it(clip.place):
                        for row in run:
                            clip.add(row)
                    yield clip.finish(named, unit)
                except InputError as error:
                    for _ in run:
                        pass  # the rest of its rows is of this record too
                    yield quarantined(error, str(source.path), record, name=named)
        except csv.Error as error:
            raise InputError(
                f"the file is no sound CSV: {error}", f"{source.path}, line {rows.line_num}", "write it again"
            ) from error


def joints_in_header(text: str) -> int:
    """Return how many joints a wide table has by its first line, 0 if it is none."""
    first = text.splitlines()[0] if text else ""
    try:
        return len(_wide(next(csv.reader([first], delimiter=_delimiter(first)), [])))
    except csv.Error:
        return 0


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where everything stands in a row."""

    width: int
    sequence: int | None
    clock: int | None
    clock_unit: TimeUnit
    counter: int | None
    person: int | None
    joint: int | None
    roles: dict[str, int]
    wide: dict[str, dict[str, int]]
    fields: dict[str, int]

    @classmethod
    def found(cls, header: list[str], told: Mapping[str, str]) -> "_Columns":
        names = [name.strip().lstrip("\ufeff") for name in header]
        if len(names) > MAX_COLUMNS:
            raise InputError(f"there are {len(names)} columns", None, f"the limit is {MAX_COLUMNS}")
        if missing := [column for column in told.values() if column not in names]:
            raise InputError(f"there is no column {missing[0]!r}", None, f"there are {', '.join(names)[:500]}")

        def place(field: str, test: Callable[[str], bool]) -> int | None:
            if field in told:
                return names.index(told[field])
            return next((at for at, name in enumerate(names) if test(name) and name not in told.values()), None)

        joint = place("joint", lambda name: plain(name) in _JOINTS)
        roles: dict[str, int] = {}
        for role in ("x", "y", "z", "confidence"):
            at = place(role, partial(_has_role, role))
            if at is not None:
                roles[role] = at
        wide = {} if joint is not None else _wide(names)
        if not wide and (joint is None or not {"x", "y"} <= roles.keys()):
            raise InputError(
                "there are no columns of joints",
                ", ".join(names)[:200],
                "a long table has joint, x and y, a wide one nose_x, nose_y...; name them with --columns",
            )
        taken = {at for axes in wide.values() for at in axes.values()}
        clock = place("time", lambda name: time_column(name) not in (None, "frames"))
        counter = place("frame", lambda name: time_column(name) == "frames")
        fields: dict[str, int] = {}
        for field in (*_FIELDS, "fps", "width", "height", "unit"):
            at = place(field, partial(_tells, field))
            if at is not None:
                fields[field] = at
        return cls(
            width=max(at for at in (joint, clock, counter, *roles.values(), *taken) if at is not None) + 1,
            sequence=place("sequence", lambda name: meta_field(name) == "name" and plain(name) != "name"),
            clock=clock,
            clock_unit=(time_column(names[clock]) if clock is not None else None) or "auto",
            counter=counter,
            person=place("person", lambda name: plain(name) in _PEOPLE),
            joint=joint,
            roles=roles,
            wide=wide,
            fields=fields,
        )

    def clip_key(self, row: list[str]) -> str:
        """Return what the rows of one clip share."""
        at = self.fields.get("label") if self.sequence is None else self.sequence
        return row[at] if at is not None and at < len(row) else ""


def _has_role(role: str, name: str) -> bool:
    return _ROLES.get(name.lower()) == role


def _tells(field: str, name: str) -> bool:
    return meta_field(name) == field and plain(name) not in _PEOPLE


def _wide(names: list[str]) -> dict[str, dict[str, int]]:
    """Return joint to axis to column, for joints that have x and y."""
    joints: dict[str, dict[str, int]] = {}
    for at, name in enumerate(names):
        if parts := _joint_and_axis(name):
            joints.setdefault(parts[0], {})[parts[1]] = at
    return {joint: axes for joint, axes in joints.items() if {"x", "y"} <= axes.keys()}


def _joint_and_axis(name: str) -> tuple[str, str] | None:
    """Return the joint and the role of a wide table's column, None if it is none: `x12`, `nose_x`, `x_nose`."""
    if (match := re.fullmatch(r"([a-z]+)(\d+)", name.lower())) and (role := _ROLES.get(match[1])):
        return match[2], role
    if (match := re.fullmatch(r"(.+)[ _.:-]([a-z]+)", name, re.IGNORECASE)) and (role := _ROLES.get(match[2].lower())):
        return match[1], role
    if (match := re.fullmatch(r"([a-z]+)[ _.:-](.+)", name, re.IGNORECASE)) and (role := _ROLES.get(match[1].lower())):
        return match[2], role
    return None


class _Rows:
    """The rows of one clip, as compact numbers."""

    def __init__(self, columns: _Columns, options: ImportOptions) -> None:
        self._columns = columns
        self._options = options
        self._first: list[str] = []
        self._count = 0
        self._time_at: int | None = None
        self._time_unit: TimeUnit = "frames"
        self._times = array("d")
        self._people: dict[str, int] = {}
        self._person = array("q")
        self._names: dict[str, int] = {}
        self._joint = array("q")
        self._values = array("f")
        wide = columns.wide
        axes = next(iter(wide.values())) if wide else columns.roles
        self._axes = ["x", "y", "z"] if "z" in axes else ["x", "y"]
        places = wide.values() or [columns.roles]
        self._order = [[axes.get(role) for role in (*self._axes, "confidence")] for axes in places]

    def place(self) -> str:
        """Return where the reading is."""
        return f"row {self._count} of the sequence"

    def add(self, row: list[str]) -> None:
        """Take a row in.

        Raises:
            InputError: if it is cut short, or there are too many.
            ValueError: if a cell is no number.
        """
        columns = self._columns
        if len(row) < columns.width:
            raise InputError(f"a row has {len(row)} columns of {columns.width}", f"row {self._count}", None)
        if not self._first:
            self._first = row
            clocked = columns.clock is not None and row[columns.clock].strip()
            self._time_at, self._time_unit = (
                (columns.clock, columns.clock_unit) if clocked else (columns.counter, "frames")
            )
        if self._time_at is not None:
            self._times.append(float(row[self._time_at]))
        if columns.person is not None:
            self._person.append(self._people.setdefault(row[columns.person], len(self._people)))
        if columns.joint is not None:
            self._joint.append(self._names.setdefault(row[columns.joint], len(self._names)))
            if len(self._names) > MAX_COLUMNS:
                raise InputError(f"there are over {MAX_COLUMNS} names of joints", None, None)
        for places in self._order:
            cells = [1.0 if at is None else _number(row[at]) for at in places]
            missing = any(map(math.isnan, cells))
            self._values.extend([0.0] * len(cells) if missing else cells)
        self._count += 1
        if len(self._values) > 2 * MAX_SEQUENCE_VALUES:
            raise InputError("there are more rows than a sequence may have", f"{self._count}", "cut the recording")

    def finish(self, name: str, unit: Unit | None) -> RawClip:
        """Return the clip.

        Raises:
            InputError: if its joints are of no layout, or a joint has two places in one pose.
        """
        channels = len(self._axes) + 1
        values = np.frombuffer(self._values, np.float32).reshape(self._count, -1, channels)
        frame, times = np.arange(self._count), None
        if self._time_at is not None:
            times = np.frombuffer(self._times, np.float64)
            # Rows that a counter numbers, or that share their frame with others, are put in order.
            if self._time_unit == "frames" or self._people or self._columns.joint is not None:
                times, frame = np.unique(times, return_inverse=True)
        elif self._columns.joint is not None:
            raise InputError("a table with a row a joint needs a column of frames or times", None, "see --columns")
        person = np.frombuffer(self._person, np.int64) if self._people else np.zeros(self._count, np.int64)
        poses, pose_frames, pose_people = self._assembled(values, frame, person, channels)
        order = self._joint_order()
        arranged = order.arrange(poses)
        layout = order.layout
        fields = self._fields()
        image = _image(fields)
        return RawClip(
            name=name,
            layout=layout,
            poses=arranged,
            frames=pose_frames,
            count=int(frame.max()) + 1,
            unit=unit or UNITS.get(fields.get("unit", "")) or _unit_of(arranged, layout, image),
            image=image,
            tracks=pose_people if self._people else None,
            times=times,
            time_unit=self._time_unit,
            fps=_positive(fields.pop("fps", "")),
            fields={field: text for field, text in fields.items() if field in _FIELDS and text},
        )

    def _assembled(
        self, values: np.ndarray, frame: np.ndarray, person: np.ndarray, channels: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return poses, the frame and the person of each, in the order of frames."""
        key = frame.astype(np.int64) * max(1, len(self._people)) + person
        keys, pose = np.unique(key, return_inverse=True)
        if self._columns.joint is None:
            if len(keys) < len(key):
                raise InputError("a person has two poses in one frame", None, "name the people in a column person")
            order = np.argsort(key)
            return values[order], frame[order], person[order]
        joint = np.frombuffer(self._joint, np.int64)
        cell = pose * len(self._names) + joint
        if len(np.unique(cell)) < len(cell):
            raise InputError("a joint has two places in one pose", None, "name the people in a column person")
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
        known = _ROOM_COUNTS if "z" in self._axes and len(names) in (20, 22, 25) else _COUNTS
        layout = order_by_count(len(names), known).layout
        first = min(numbers)
        if sorted(numbers) != list(range(first, first + len(names))):
            raise InputError("the numbers of joints have gaps", ", ".join(names)[:200], "name the joints")
        return JointOrder(layout, tuple(numbers.index(joint + first) for joint in range(len(names))))

    def _fields(self) -> dict[str, str]:
        return {field: self._first[at].strip() for field, at in self._columns.fields.items() if at < len(self._first)}


def _number(text: str) -> float:
    return float(text.strip() or "nan")


def _positive(text: str) -> float | None:
    with as_format_has_it("fps or the size of the image"):
        figure = float(text) if text else 0.0
    return figure if figure > 0 else None


def _image(fields: dict[str, str]) -> ImageSize | None:
    height, width = (_positive(fields.pop(name, "")) for name in ("height", "width"))
    return ImageSize(height, width) if height else None


def _unit_of(poses: np.ndarray, layout: Layout, image: ImageSize | None) -> Unit:
    if layout.unit == "metre":
        return "room"
    with np.errstate(invalid="ignore"):
        small = np.abs(poses[..., :2]).max(initial=0) <= SHARES_UP_TO
    if not small:
        return "pixels"
    return "shares" if (image and image.width) or layout.name == "blazepose33" else "image_heights"


def _detect(head: Head) -> bool:
    first = head.text.splitlines()[0] if head.text else ""
    names = [plain(name) for name in first.split(_delimiter(first))]
    return joints_in_header(head.text) > 4 or (any(name in _JOINTS for name in names) and {"x", "y"} <= set(names))


def write(sequences: Iterable[KeypointSequence], path: Path) -> None:
    """Write sequences as one long table, in canonical units."""
    told = ["sequence", "label", "subject", "view", "split", "repetitions", "quality", "fps"]
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        axes: list[str] = []
        for sequence in sequences:
            layout = load_layout(sequence.layout)
            if not axes:
                axes = ["x", "y", "z"][: sequence.keypoints.shape[-1] - 1]
                rows.writerow([*told, "units", "frame", "seconds", "joint", *axes, "score"])
            values = [sequence.sequence_id, *(getattr(sequence, name) for name in told[1:])]
            values += ["metres" if layout.unit == "metre" else "image_heights"]
            times = [""] * len(sequence.keypoints) if sequence.timestamps is None else sequence.timestamps.tolist()
            for frame, (time, pose) in enumerate(zip(times, sequence.keypoints.astype(float).tolist(), strict=True)):
                for joint, place in zip(layout.joints, pose, strict=True):
                    rows.writerow([*values, frame, time, joint, *place])


FORMAT = Format(
    name="csv",
    about="CSV with a row a joint, or with a row a pose; columns found or named",
    suffixes=SUFFIXES,
    detect=_detect,
    read=read,
    write=write,
)
