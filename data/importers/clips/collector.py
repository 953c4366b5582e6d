"""Collects the poses of one clip, frame by frame, as compact numbers; and the JSON formats' common frame of frames."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.clips.faults import as_format_has_it, quarantined
from data.importers.clips.joints import JointOrder
from data.importers.clips.to_sequence import MAX_SEQUENCE_VALUES
from data.importers.clips.types import ImageSize, ImportOptions, RawClip, Record, Source, TimeUnit, Unit
from data.importers.readers.json_stream import stream_json
from data.layouts import Layout

MISSING = (0.0, 0.0, 0.0, 0.0)

SHARES_UP_TO = 2.0
"""Coordinates of images that stay below are divided by the image's size: nobody is two pixels tall."""

_ARRANGED_TOGETHER = 1 << 20
"""Numbers that wait in a file's order of joints."""

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
    "timestamps": "auto",
    "seconds": "s",
    "sec": "s",
    "frame": "frames",
    "frameindex": "frames",
    "framenumber": "frames",
    "frameid": "frames",
    "frameno": "frames",
    "frameidx": "frames",
    "framenum": "frames",
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
    "name": ("sequenceid", "sequence", "id", "clip", "clipid", "video", "videoid", "videoname", "name", "session"),
}
_FIELDS = ("label", "subject", "view", "split", "repetitions", "quality")
UNITS: dict[str, Unit] = {
    "pixels": "pixels",
    "normalized": "shares",
    "image_heights": "image_heights",
    "metres": "metres",
}
"""What files that tell their unit call it."""


@lru_cache(maxsize=1024)
def plain(name: str) -> str:
    """Return a member's name without case and separators."""
    return "".join(character for character in name.lower() if character.isalnum())


@lru_cache(maxsize=1024)
def time_column(name: str) -> TimeUnit | None:
    """Return the unit of times under this name, None if it does not name times."""
    return _TIMES.get(plain(name))


@lru_cache(maxsize=1024)
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
        self._waiting = array("f")
        self._waiting_as: tuple[JointOrder, int, int] | None = None
        self._frames = array("q")
        self._tracks = array("q")
        self._times = array("d")
        self._time_name = ""

    def frame(self, members: Mapping[str, Any] | None = None) -> None:
        """Begin a frame; its time is looked for among its members."""
        names = [name for name in members or () if time_column(name)]
        # A real time says more than a counter.
        found = next((name for name in names if time_column(name) != "frames"), names[0]) if names else ""
        if members is None or not found or members[found] is None:
            self.frame_at(None)
        else:
            self.frame_at(float(members[found]), found)

    def frame_at(self, time: float | None, name: str = "") -> None:
        """Begin a frame with a time that stands under a name."""
        if len(self._times) != (self.count if time is not None else 0) or name != (self._time_name or name):
            raise InputError("some frames have a time, others not", f"frame {self.count}", "give all frames a time")
        if time is not None:
            self._time_name = name
            self._times.append(time)
        self.count += 1

    def pose(self, order: JointOrder, values: Sequence[float], dimensions: int, track: int = -1) -> None:
        """Add a person to the current frame.

        Args:
            order: of the joints.
            values: x, y[, z], confidence of each joint in a row, in the file's order.
            dimensions: 2 or 3.
            track: the file's number for this person.
        """
        if (order, len(values), dimensions) != self._waiting_as or len(self._waiting) > _ARRANGED_TOGETHER:
            self._arrange()
            self._check(order, len(values), dimensions)
            self._waiting_as = order, len(values), dimensions
        self._waiting += array("f", values)
        self._frames.append(self.count - 1)
        self._tracks.append(track)

    def _check(self, order: JointOrder, length: int, dimensions: int) -> None:
        if self.layout is None:
            self.layout, self._dimensions = order.layout, dimensions
        place = f"frame {self.count - 1}"
        if order.layout is not self.layout or dimensions != self._dimensions:
            raise InputError(
                f"poses of {self.layout.name} and {order.layout.name}, or with depth and without, are mixed",
                place,
                "a sequence has one layout",
            )
        if length % (dimensions + 1) or length <= max(order.columns) * (dimensions + 1):
            raise InputError("a joint has too few or too many numbers", place, None)
        if len(self._values) > 2 * MAX_SEQUENCE_VALUES:
            raise InputError("there are more poses than a clip may have", place, "cut the recording")

    def _arrange(self) -> None:
        """Put the poses that wait in the file's order of joints into the layout's."""
        if self._waiting and self._waiting_as is not None:
            order, length, dimensions = self._waiting_as
            channels = dimensions + 1
            given = np.frombuffer(self._waiting, np.float32).reshape(-1, length // channels, channels)
            self._values.frombytes(order.arrange(given).tobytes())
            self._waiting = array("f")

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
        self._arrange()
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


def flat[T](
    joints: Sequence[T], usual: Callable[[T], tuple[float, ...]], careful: Callable[[T], tuple[float, ...]]
) -> Sequence[float]:
    """Return the numbers of all joints in a row.

    Args:
        joints: as the file has them.
        usual: gives a joint's numbers as they stand, or raises KeyError.
        careful: the same of a joint that lacks some.
    """
    with suppress(KeyError, TypeError):
        return array("f", list(chain.from_iterable(map(usual, joints))))
    return [value for joint in joints for value in careful(joint)]


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
            with as_format_has_it(f"frame {frames.count}"):
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
    with as_format_has_it(lambda: f"frame {frames.count - 1}"):
        for frame in value["frames"]:
            _add_frame(frames, frame, options, parse)
    return _finished(frames, str(told.get("name") or f"{source.name}_{record}"), told, unit)


def _add_frame(frames: Collector, value: Any, options: ImportOptions, parse: ParseFrame) -> None:
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
