"""An accumulator of the poses of one clip, frame by frame, in compact arrays."""

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.clips.clock import ambiguous_note, is_ambiguous, past_midnight, seconds_of
from data.importers.clips.joints import JointOrder, left_out_note
from data.importers.clips.types import RawClip, TimeUnit
from data.importers.clips.units import ImageSize, Unit, pixels_or_fractions
from data.importers.clips.vocabulary import time_unit_of
from data.layouts import Layout
from data.records import MAX_SEQUENCE_VALUES
from data.text import is_number

_MAX_PENDING = 1 << 20
"""Numbers that are kept in the file's order of joints before they are arranged together."""


class Collector:
    """The poses of one clip while it is read.

    Attributes:
        layout: layout of the joints, None before the first pose.
        count: number of frames so far.
        reader: what the reader keeps in mind about the clip until its end; the clip has it, too.
    """

    def __init__(self) -> None:
        self.layout: Layout | None = None
        self.count = 0
        self.reader: Any = None
        self._dimensions = 2
        self._values = array("f")
        self._pending = array("f")
        self._last_form: tuple[JointOrder, int, int] | None = None
        self._pending_form: tuple[JointOrder, int, int] | None = None
        self._frames = array("q")
        self._tracks = array("q")
        self._times = array("d")
        self._time_name = ""
        self._dated = False
        self._ambiguous = ""

    def frame(self, members: Mapping[str, Any] | None = None) -> None:
        """Begin a frame, with the time among its members if there is one."""
        names = [name for name in members or () if time_unit_of(name)]
        # A real time says more than a counter.
        found = next((name for name in names if time_unit_of(name) != "frames"), names[0]) if names else ""
        if members is None or not found or members[found] is None:
            self.frame_at(None)
            return
        time, moment = members[found], None
        if isinstance(time, str):
            moment = None if _is_plain(time) else seconds_of(time)
        if moment is None:
            if isinstance(time, str) and not _is_plain(time):
                raise InputError(f"the time {time[:40]!r} is neither a number nor a date", None, "write seconds")
            self.frame_at(float(time), found)
        else:
            self._dated = True
            if not self._ambiguous and is_ambiguous(time):
                self._ambiguous = time
            self.frame_at(moment, found)

    def frame_at(self, time: float | None, name: str = "") -> None:
        """Begin a frame.

        Args:
            time: its time, in the unit that `name` stands for; None if it has none.
            name: name of the time in the file.
        """
        if len(self._times) != (self.count if time is not None else 0) or name != (self._time_name or name):
            raise InputError("some frames have a time, others not", f"frame {self.count}", "give all frames a time")
        if time is not None:
            self._time_name = name
            self._times.append(time)
        self.count += 1

    def pose(self, order: JointOrder, values: Sequence[float], dimensions: int, track: int = -1) -> None:
        """Add a person to the current frame.

        Args:
            order: order of the file's joints.
            values: x, y[, z] and confidence of each joint, all in one row, in the file's order.
            dimensions: 2 or 3.
            track: the file's number for this person, -1 if there is none.
        """
        if (order, len(values), dimensions) != self._pending_form or len(self._pending) > _MAX_PENDING:
            self._arrange()
            self._check(order, len(values), dimensions)
            self._pending_form = self._last_form = order, len(values), dimensions
        numbers = array("f", values)
        self._tracks.append(
            track
        )  # first, because a number of more than 64 bits fails here, and nothing may be half added
        self._pending += numbers
        self._frames.append(self.count - 1)

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
        """Move the pending poses to the others, in the layout's order of joints."""
        if self._pending and self._pending_form is not None:
            order, length, dimensions = self._pending_form
            channels = dimensions + 1
            given = np.frombuffer(self._pending, np.float32).reshape(-1, length // channels, channels)
            self._values.frombytes(order.arrange(given).tobytes())
            self._pending = array("f")

    def clip(
        self,
        name: str,
        unit: Unit | None = None,
        image: ImageSize | None = None,
        fps: float | None = None,
        fields: Mapping[str, str] | None = None,
        time_unit: TimeUnit | None = None,
    ) -> RawClip:
        """Return the clip.

        Args:
            name: id of the clip.
            unit: unit of the coordinates; None to tell pixels from fractions by their size.
            image: size of the images, if known.
            fps: frames per second, if known.
            fields: label, subject and other fields, as far as known.
            time_unit: unit of the times; None to find it by their name.

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
        times = np.frombuffer(self._times, np.float64) if self._times else None
        return RawClip(
            name=name,
            layout=self.layout,
            poses=poses,
            frames=np.frombuffer(self._frames, np.int64),
            count=self.count,
            unit=unit or pixels_or_fractions(poses),
            image=image,
            tracks=tracks if (tracks >= 0).any() else None,
            times=past_midnight(times) if self._dated and times is not None else times,
            time_unit="s" if self._dated else time_unit or time_unit_of(self._time_name) or "auto",
            fps=fps,
            fields=dict(fields or {}),
            reader=self.reader,
            notes=self._left_out() + ambiguous_note(self._ambiguous),
        )

    def _left_out(self) -> list[str]:
        if self._last_form is None:
            return []
        order, length, dimensions = self._last_form
        return left_out_note(length // (dimensions + 1), order)


def _is_plain(text: str) -> bool:
    """Return whether a text is a number; Python also takes `20240301_100059` as one."""
    return is_number(text) and "_" not in text
