"""Collects the poses of one clip, frame by frame, as compact numbers; and the JSON formats' common frame of frames."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.base import ImageSize, ImportOptions, RawClip, Record, Source, TimeUnit, Unit
from data.importers.canonical import MAX_SEQUENCE_VALUES
from data.importers.faults import as_format_has_it, quarantined
from data.importers.joints import JointOrder
from data.importers.text import stream_json
from data.layouts import Layout

MISSING = (0.0, 0.0, 0.0, 0.0)

SHARES_UP_TO = 2.0
"""Coordinates of images that stay below are divided by the image's size: nobody is two pixels tall."""

_TIMES: dict[str, TimeUnit] = {
    "timestamp": "auto",
    "time": "auto",
    "t": "auto",
    "ts": "auto",
    "timestampms": "ms",
    "timems": "ms",
    "timestampinmilliseconds": "ms",
    "ms": "ms",
    "timestampus": "us",
    "timestampsec": "s",
    "seconds": "s",
    "sec": "s",
    "frame": "frames",
    "frameindex": "frames",
    "framenumber": "frames",
    "frameid": "frames",
    "frameno": "frames",
}
_META = {
    "label": ("label", "action", "class", "classname"),
    "subject": ("subject", "subjectid", "person", "personid", "performer", "participant", "user"),
    "view": ("view", "camera", "cam"),
    "split": ("split",),
    "repetitions": ("repetitions", "reps"),
    "quality": ("quality",),
    "fps": ("fps", "framerate"),
    "width": ("width", "imagewidth", "videowidth", "framewidth"),
    "height": ("height", "imageheight", "videoheight", "frameheight"),
    "unit": ("units", "unit"),
    "name": ("sequenceid", "sequence", "id", "clip", "clipid", "video", "videoid", "name", "session"),
}
_FIELDS = ("label", "subject", "view", "split", "repetitions", "quality")
UNITS: dict[str, Unit] = {
    "pixels": "pixels",
    "normalized": "shares",
    "image_heights": "image_heights",
    "metres": "metres",
}
"""What files that tell their unit call it."""


def plain(name: str) -> str:
    """Return a member's name without case and separators."""
    return "".join(character for character in name.lower() if character.isalnum())


def time_column(name: str) -> TimeUnit | None:
    """Return the unit of times under this name, None if it does not name times."""
    return _TIMES.get(plain(name))


def meta_field(name: str) -> str | None:
    """Return what a member or column of this name tells of a clip, None if it is not known."""
    wanted = plain(name)
    return next((field for field, names in _META.items() if wanted in names), None)


class Collector:
    """The poses of one clip as they are read."""

    def __init__(self) -> None:
        self.layout: Layout | None = None
        self.count = 0
        self.told: dict[str, str] = {}
        self._dimensions = 2
        self._values = array("f")
        self._frames = array("q")
        self._tracks = array("q")
        self._times = array("d")
        self._time_name = ""

    def frame(self, members: Mapping[str, Any] | None = None) -> None:
        """Begin a frame; its time is looked for among its members."""
        found = next((name for name in members or () if time_column(name)), None)
        # A real time says more than a counter.
        better = (name for name in members or () if (time_column(name) or "frames") != "frames")
        found = next(better, found)
        if members is not None and found is not None and members[found] is not None:
            self.frame_at(float(members[found]), found)
        else:
            self.frame_at(None)

    def frame_at(self, time: float | None, name: str = "") -> None:
        """Begin a frame with a time that stands under a name."""
        if len(self._times) != (self.count if time is not None else 0) or name != (self._time_name or name):
            raise InputError("some frames have a time, others not", f"frame {self.count}", "give all frames a time")
        if time is not None:
            self._time_name = name
            self._times.append(time)
        self.count += 1

    def pose(self, order: JointOrder, joints: Iterable[tuple[float, ...]], dimensions: int, track: int = -1) -> None:
        """Add a person to the current frame.

        Args:
            order: of the joints.
            joints: (x, y[, z], confidence) of each, in the file's order.
            dimensions: 2 or 3.
            track: the file's number for this person.
        """
        if self.layout is None:
            self.layout, self._dimensions = order.layout, dimensions
        if order.layout is not self.layout or dimensions != self._dimensions:
            raise InputError(
                f"poses of {self.layout.name} and {order.layout.name}, or with depth and without, are mixed",
                f"frame {self.count - 1}",
                "a sequence has one layout",
            )
        given = list(joints)
        missing = MISSING[: dimensions + 1]
        row = array("f")
        for column in order.columns:
            row.extend(given[column] if column >= 0 else missing)
        if len(row) != len(order.columns) * (dimensions + 1):
            raise InputError("a joint has too few or too many numbers", f"frame {self.count - 1}", None)
        self._values += row
        self._frames.append(self.count - 1)
        self._tracks.append(track)
        if len(self._values) > 2 * MAX_SEQUENCE_VALUES:
            limit = 2 * MAX_SEQUENCE_VALUES // len(self._values) * len(self._frames)
            raise InputError("there are more poses than a clip may have", f"about {limit}", "cut the recording")

    def clip(
        self,
        name: str,
        unit: Unit | None = None,
        image: ImageSize | None = None,
        fps: float | None = None,
        fields: Mapping[str, str] | None = None,
        time_unit: TimeUnit | None = None,
    ) -> RawClip:
        """Return what was collected; `unit` None tells pixels from shares by their size.

        Raises:
            InputError: if there is no pose at all.
        """
        if self.layout is None:
            raise InputError("no joint is seen in any frame", None, None)
        poses = np.frombuffer(self._values, np.float32).reshape(
            len(self._frames), len(self.layout.joints), self._dimensions + 1
        )
        tracks = np.frombuffer(self._tracks, np.int64)
        return RawClip(
            name=name,
            layout=self.layout,
            poses=poses,
            frames=np.frombuffer(self._frames, np.int64),
            count=self.count,
            unit=unit or pixels_or_shares(poses),
            image=image,
            tracks=tracks if (tracks >= 0).any() else None,
            times=np.frombuffer(self._times, np.float64) if self._times else None,
            time_unit=time_unit or time_column(self._time_name) or "auto",
            fps=fps,
            fields=dict(fields or {}),
        )


def pixels_or_shares(poses: np.ndarray) -> Unit:
    """Return the unit of image coordinates that a file leaves unsaid, by how far they reach."""
    seen = poses[..., :2][poses[..., -1] > 0]
    with np.errstate(invalid="ignore"):
        return "shares" if len(seen) and np.abs(seen).max() <= SHARES_UP_TO else "pixels"


ParseFrame = Callable[[Any, Collector, ImportOptions], None]
"""Adds the people of one frame, as JSON has it, to a collector (which has begun that frame)."""


def read_frames(
    source: Source, options: ImportOptions, parse: ParseFrame, unit: Unit | None, other: tuple[str, ...] = ()
) -> Iterator[Record]:
    """Read JSON whose outermost array, or the array of whose object, has an entry a frame; or an entry a clip.

    An entry with a list `frames` of its own is a clip, with what it tells of itself beside; else all entries are the
    frames of one clip, and what else the outermost object tells is of that clip. Of several arrays in an object, the
    first with entries that can be frames counts, unless its plain name is one of `other`.
    """
    frames, told = Collector(), dict[str, Any]()
    record = 0
    chosen: str | None = None
    for member, value in stream_json(source.path):
        if isinstance(value, dict) and isinstance(value.get("frames"), list):
            try:
                yield _clip_of(value, source, record, options, parse, unit)
            except InputError as error:
                yield quarantined(error, str(source.path), record)
            record += 1
        elif _may_be_frame(value) and plain(member) not in other and (not frames.count or _together(member, chosen)):
            chosen = member
            _add_frame(frames, value, options, parse)
        elif value is None and member in ("", "frames", "poses", chosen):
            frames.frame()  # nobody was found
        elif (field := meta_field(member)) is not None:
            told[field] = value
    if frames.count:
        yield _finished(frames, source.name, told, unit)
    elif not record:
        raise InputError("there are 0 frames", str(source.path), "check that this is the right file and format")


def _may_be_frame(value: Any) -> bool:
    """Tell frames from lists of names, of bones, of numbers."""
    return isinstance(value, dict) or (isinstance(value, list) and (not value or isinstance(value[0], (dict, list))))


def _together(member: str, chosen: str | None) -> bool:
    """Tell whether entries are of the same array, or of an object with a member a frame (`frame_0`, `frame_1`)."""
    return chosen is not None and member.rstrip("0123456789") == chosen.rstrip("0123456789")


def _clip_of(
    value: dict[str, Any], source: Source, record: int, options: ImportOptions, parse: ParseFrame, unit: Unit | None
) -> RawClip:
    told = {field: told for name, told in value.items() if (field := meta_field(name)) and not isinstance(told, list)}
    frames = Collector()
    for frame in value["frames"]:
        _add_frame(frames, frame, options, parse)
    return _finished(frames, str(told.get("name") or f"{source.name}_{record}"), told, unit)


def _add_frame(frames: Collector, value: Any, options: ImportOptions, parse: ParseFrame) -> None:
    with as_format_has_it(f"frame {frames.count}"):
        frames.frame(value if isinstance(value, dict) else None)
        if value is not None:
            parse(value, frames, options)


def _finished(frames: Collector, name: str, told: dict[str, Any], unit: Unit | None) -> RawClip:
    with as_format_has_it("what the file tells of a clip"):
        height, width, fps = (float(told[key]) if told.get(key) else None for key in ("height", "width", "fps"))
        return frames.clip(
            name,
            unit or UNITS.get(str(told.get("unit"))),
            ImageSize(height, width) if height and height > 0 else None,
            fps,
            {key: str(told[key]) for key in _FIELDS if told.get(key) is not None},
        )
