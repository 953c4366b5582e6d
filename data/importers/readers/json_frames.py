"""The frame layout that JSON formats share: one entry per frame, or one entry per clip with its own frames."""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, groupby
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.clips.collector import Collector
from data.importers.clips.faults import malformed_as_input_error, quarantined
from data.importers.clips.types import ImageSize, ImportOptions, RawClip, ReaderOutput, Source, Unit
from data.importers.clips.vocabulary import (
    CLIP_FIELDS,
    UNITS,
    field_of,
    rate_of,
    simplified,
    size_of,
    text_of,
    time_unit_of,
    unread_note,
)
from data.importers.readers.json_stream import stream_json
from data.importers.readers.unread_keys import unread_keys
from data.text import one_spelling

MISSING = (0.0, 0.0, 0.0, 0.0)
"""x, y, z and confidence of a missing joint."""

_DESCRIPTIONS = (
    *("metadata", "metainfo", "meta", "info", "videoinfo", "video", "header", "description", "config", "settings"),
    *("properties", "recording", "session", "camera"),
)
"""Simplified names of objects that describe a clip."""

_CLASSES = ("class", "classname")
_PEOPLE = ("person", "personid")
"""Simplified names of what a detector finds in a frame: the number of a class, or `person`, is no label."""

_POSES = ("keypoints", "joints", "landmarks", "poselandmarks", "worldlandmarks", "poseworldlandmarks")
"""Simplified names of the joints of a pose."""

_MOST_AXES = 5

_NUMBER = re.compile(r"[0-9]{1,15}$")
_FEWEST_NUMBERS = 30
"""Largest number of numbers that are not a pose."""

ParseFrame = Callable[[Any, Collector, ImportOptions], None]
"""Adds the people of one frame, as decoded from JSON, to a collector that has begun this frame."""


class _Run:
    """The frames of one label and one subject.

    Attributes:
        stated: the label and the subject, as far as the frames state them.
        frames: the frames.
        numbers: the numbers in the names of the frames, in the order of the file.
        time: the time of the latest frame, as the file has it; None if it has none.
    """

    def __init__(self, stated: dict[str, str]) -> None:
        self.stated = stated
        self.frames = Collector()
        self.numbers: list[int] = []
        self.time: Any = None


class _Runs:
    """The frames of a clip, which are cut where the label or the subject that they state changes.

    Attributes:
        runs: the parts.
        count: number of all frames.
        beside: whether the frames of several people take turns.
        notes: notes on the clip.
    """

    def __init__(self) -> None:
        self.runs: list[_Run] = []
        self.count = 0
        self.beside = False
        self.notes: list[str] = []
        self._current: _Run | None = None

    def add(self, value: Any, options: ImportOptions, parse: ParseFrame, number: int = -1) -> None:
        """Add a frame, or None where nobody was found."""
        before = self._current.stated if self._current else {}
        stated = before if value is None else _stated(value)
        time = _time(value)
        if self._current is None or stated != before:
            self._current = self._run(stated, time, self._current)
        run = self._current
        run.time = time
        run.frames.frame(value if isinstance(value, dict) else None)
        run.numbers.append(number)
        self.count += 1
        if value is not None:
            parse(value, run.frames, options)

    def _run(self, stated: dict[str, str], time: Any, before: _Run | None) -> _Run:
        """Return a new run, or the one of a person whose frames take turns with those of others."""
        if before is not None and before.stated.get("label") == stated.get("label"):
            self.beside |= time is not None and time == before.time
            if self.beside:
                for run in self.runs:
                    if run.stated == stated and run.time != time:
                        return run
        self.runs.append(_Run(stated))
        return self.runs[-1]


class _Members:
    """The members of the outermost object that have frames: an array, frames by number, or an array for each clip.

    Attributes:
        first: the first frame, None before it.
        latest: name of the latest member; None before the first frame.
        count: number of all frames.
    """

    def __init__(self) -> None:
        self.first: Any = None
        self.latest: str | None = None
        self.count = 0
        self._clips = [("", _Runs())]
        self._alone = True

    def may_be_frame(self, value: Any, member: str) -> bool:
        """Return whether a value can be a frame after those before: names, bones or few numbers cannot."""
        if isinstance(value, dict) and isinstance(self.first, dict) and value.keys() == self.first.keys():
            return True
        form = isinstance(value, dict) or (
            isinstance(value, list)
            and (not value or isinstance(value[0], (dict, list)) or (not member and len(value) > _FEWEST_NUMBERS))
        )
        return form and (self.latest is None or _continues(member, self.latest))

    def add(self, member: str, value: Any, options: ImportOptions, parse: ParseFrame) -> None:
        """Add a frame, or None where nobody was found."""
        name, frames = self._clips[-1]
        if value is not None:
            self.first = value if self.first is None else self.first
            if self.latest not in (None, member) and not (self._alone and _continues(member, self.latest)):
                name, frames = "", _Runs()
                self._clips.append((name, frames))
            self._clips[-1] = (name or member, frames)
            self._alone = member != self.latest
            self.latest = member
        with malformed_as_input_error(f"frame {frames.count}"):
            frames.add(value, options, parse, _number_at_end(member))
        self.count += 1

    def named(self, name: str) -> Iterator[tuple[str, _Runs]]:
        """Yield the clips with their names; `name` is that of a single one."""
        for member, frames in self._clips:
            if len(self._clips) > 1:
                frames.notes.append("each member of the file that has frames is a clip")
            yield (f"{name}/{member}" if len(self._clips) > 1 else name), frames


def _time(frame: Any) -> Any:
    """Return the time or the number of a frame as the file has it, None if it has none."""
    if not isinstance(frame, dict):
        return None
    return next((value for name, value in frame.items() if time_unit_of(name)), None)


def _stated(frame: Any) -> dict[str, str]:
    """Return the label and the subject that a frame states."""
    stated: dict[str, str] = {}
    for name, item in frame.items() if isinstance(frame, dict) else ():
        field = field_of(name)
        if field not in ("label", "subject") or simplified(name) in _PEOPLE or item == "person":
            continue
        if (isinstance(item, str) and item) or (type(item) is int and simplified(name) not in _CLASSES):
            stated.setdefault(field, one_spelling(text_of(item, field)))
    return stated


def read_frames(
    source: Source,
    options: ImportOptions,
    parse: ParseFrame,
    unit: Unit | None,
    ignored: tuple[str, ...] = (),
    read: tuple[str, ...] = (),
) -> Iterator[ReaderOutput]:
    """Read the clips of a JSON file with an array of frames or clips, outermost or in the outermost object.

    An entry with a list `frames` is a clip, and its other members describe it. All other entries are the frames of one
    clip, which the other members of the outermost object and of its object `metadata` describe. If the object has
    several arrays, the first one with entries that can be frames is read. Where the label or the subject that frames
    state changes, another clip begins.

    Args:
        source: the file.
        options: options of the import.
        parse: reads one frame.
        unit: unit of the coordinates; None to find it by the file's own statement or by their size.
        ignored: simplified names of arrays that never hold frames.
        read: simplified names of further keys that `parse` reads; keys that nobody reads are noted.

    Yields:
        Clips, and quarantined records in place of clips that are malformed.

    Raises:
        InputError: if the file is damaged or has no frame.
    """
    members, fields = _Members(), dict[str, Any]()
    unread: dict[str, None] = {}
    record = 0
    for member, value in _single_poses(_numbered_members(stream_json(source.path))):
        if isinstance(value, dict) and isinstance(value.get("frames"), list):
            try:
                yield from _clip_of(value, source, record, options, parse, unit, read)
            except InputError as error:
                yield quarantined(error, str(source.path), record)
            record += 1
        elif describes(member, value):
            fields = description_of(value) | fields
            unread |= dict.fromkeys(unread_keys(value, read))
        elif simplified(member) not in ignored and members.may_be_frame(value, member):
            if members.first is None:
                unread |= dict.fromkeys(unread_keys(value, read))
            members.add(member, value, options, parse)
        elif value is None and member in ("", "frames", "poses", members.latest):
            members.add(member, None, options, parse)  # nobody was found
        elif (field := field_of(member)) is not None:
            fields[field] = value
        elif member and unread_keys({member: None}, read):
            unread[member] = None
    if members.count:
        for name, frames in members.named(source.name):
            yield from _finished(frames, name, fields, unit, tuple(unread))
    elif not record:
        raise InputError("there are 0 frames", str(source.path), "check that this is the right file and format")


def flattened[T](
    joints: Sequence[T], usual: Callable[[T], tuple[float, ...]], careful: Callable[[T], tuple[float, ...]]
) -> Sequence[float]:
    """Return the numbers of all joints in one row.

    Args:
        joints: joints as decoded from JSON.
        usual: fast function that returns the numbers of a joint, or raises KeyError if one is missing.
        careful: slower function that also handles joints with missing numbers.
    """
    with suppress(KeyError, TypeError):
        return array("f", list(chain.from_iterable(map(usual, joints))))
    return [value for joint in joints for value in careful(joint)]


def _numbered_members(values: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the members of an object `frames` whose names are numbers as the entries of a list, in their order."""
    for member, value in values:
        if simplified(member) == "frames" and isinstance(value, dict) and value and _are_numbered(value):
            yield from ((member, value[name]) for name in sorted(value, key=_number_at_end))
        else:
            yield member, value


def _single_poses(values: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the joints of a pose that is the outermost object, `{"keypoints": [{"x": 1, ...}, ...]}`, as one frame.

    The numbers of the size of the images, `{"resolution": [640, 480], ...}`, are yielded together, too.
    """
    for member, group in groupby(values, lambda entry: entry[0]):
        if field_of(member) == "size":
            entries = [value for _, value in group]
            yield member, entries if len(entries) > 1 else entries[0]
            continue
        if simplified(member) not in _POSES:
            yield from group
            continue
        rest = iter(group)
        first = next(rest)
        if _is_point(first[1]):
            yield member, {member: [first[1], *(value for _, value in rest)]}
        else:
            yield from chain([first], rest)


def _is_point(value: Any) -> bool:
    """Return whether a value is one joint instead of a pose."""
    if isinstance(value, list):
        return 2 <= len(value) <= _MOST_AXES and all(isinstance(number, (int, float)) for number in value)
    return isinstance(value, dict) and ("x" in value or isinstance(value.get("position"), dict))


def _are_numbered(names: Iterable[str]) -> bool:
    """Return whether names are numbers, or differ only in the number at their end."""
    return len({name.rstrip("0123456789") for name in names}) == 1 and all(_number_at_end(name) >= 0 for name in names)


def _number_at_end(name: str) -> int:
    """Return the number at the end of a name such as `frame_10`, -1 if there is none."""
    match = _NUMBER.search(name)
    return int(match[0]) if match else -1


def _continues(member: str, chosen: str | None) -> bool:
    """Return whether a member belongs to the chosen array, or is numbered like it (`frame_0`, `frame_1`)."""
    return chosen is not None and member.rstrip("0123456789") == chosen.rstrip("0123456789")


def _clip_of(
    value: dict[str, Any],
    source: Source,
    record: int,
    options: ImportOptions,
    parse: ParseFrame,
    unit: Unit | None,
    read: tuple[str, ...],
) -> list[RawClip]:
    fields = description_of({name: item for name, item in value.items() if name != "frames"})
    unread = unread_keys({name: item for name, item in value.items() if name not in ("frames", "bones")}, read)
    unread += [name for name in unread_keys(value["frames"], read) if name not in unread]
    frames = _Runs()
    with malformed_as_input_error(lambda: f"frame {frames.count - 1}"):
        for frame in value["frames"]:
            frames.add(frame, options, parse)
    if not frames.count:
        raise InputError("there are 0 frames")
    name = text_of(fields.get("name") or f"{source.name}_{record}", "the id of a clip")
    return _finished(frames, name, fields, unit, tuple(unread))


def describes(member: str, value: Any) -> bool:
    """Return whether a member of the outermost object describes the clip, instead of being a frame of it."""
    return isinstance(value, dict) and simplified(member) in _DESCRIPTIONS


def description_of(value: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a clip that an object states, also in objects inside it; outer ones have priority."""
    fields: dict[str, Any] = {}
    for name, item in value.items():
        if isinstance(item, dict) and field_of(name) != "size":
            if describes(name, item) or field_of(name):
                fields = description_of(item) | fields
        elif (field := field_of(name)) and (not isinstance(item, list) or field == "size"):
            fields[field] = item
    return fields


def _finished(
    frames: _Runs, name: str, fields: dict[str, Any], unit: Unit | None, unread: tuple[str, ...]
) -> list[RawClip]:
    names = [name, *(f"{name}_{number}" for number in range(1, len(frames.runs)))]
    clips = [_clip(run, own, fields | run.stated, unit, unread) for run, own in zip(frames.runs, names, strict=True)]
    beside = ["frames of several people take turns: each person is a sequence"] * frames.beside
    for clip in clips:
        clip.notes += beside + frames.notes
    return clips


def _clip(run: _Run, name: str, fields: dict[str, Any], unit: Unit | None, unread: tuple[str, ...]) -> RawClip:
    with malformed_as_input_error("the description of a clip"):
        height, width, fps = (rate_of(fields[key]) if fields.get(key) else None for key in ("height", "width", "fps"))
        image = ImageSize(height, width) if height and height > 0 else None
        clip = run.frames.clip(
            name,
            unit or UNITS.get(text_of(fields.get("unit") or "", "unit")),
            size_of(fields["size"]) if image is None and fields.get("size") else image,
            fps,
            {key: text_of(fields[key], key) for key in CLIP_FIELDS if fields.get(key) is not None},
        )
    clip.notes += unread_note("keys", unread)
    return _in_order(clip, run.numbers)


def _in_order(clip: RawClip, numbers: list[int]) -> RawClip:
    """Return a clip with its frames in the order of their names' numbers, if each frame has an own one."""
    if numbers == sorted(numbers) or len(set(numbers)) < len(numbers):
        return clip
    order = np.argsort(numbers)
    frames = np.argsort(order)[clip.frames]
    poses = np.argsort(frames, kind="stable")
    clip.frames, clip.poses = frames[poses], clip.poses[poses]
    clip.tracks = None if clip.tracks is None else clip.tracks[poses]
    clip.times = None if clip.times is None else clip.times[order]
    return clip
