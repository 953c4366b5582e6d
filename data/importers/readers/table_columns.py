"""The roles of the columns of a CSV table, found by their names."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from data.errors import InputError
from data.importers.clips.joints import CAMEL
from data.importers.clips.types import TimeUnit
from data.importers.clips.vocabulary import CLIP_FIELDS, field_of, is_confidence, simplified, time_unit_of
from data.text import is_number

MAX_COLUMNS = 4096

_AXIS = re.compile(
    r"(?:coord(?:inate)?|pos(?:ition)?)?([xyz])(?:coord(?:inate)?|pos(?:ition)?|px|pixels?|norm(?:alized)?)?"
)
_JOINT_NAMES = ("joint", "keypoint", "landmark", "part", "bodypart", "kp", "kpt", "marker", "node")
_NUMBERS = ("", "id", "index", "idx", "number", "num", "no", "name", "type")
JOINTS = frozenset(f"{name}{number}" for name in _JOINT_NAMES for number in _NUMBERS)
_CLIP = (*CLIP_FIELDS, "fps", "width", "height", "size", "unit")
_UNNAMED = re.compile(r"Unnamed: \d+|index", re.IGNORECASE)
_IMAGE = re.compile(r"\d\.(?:jpe?g|png|bmp|webp)\s*$", re.IGNORECASE)
"""The end of the name of a numbered image, which stands for a frame."""

_PEOPLE = ("person", "personid", "trackid", "track", "pose", "poseid", "personindex", "instance")


@dataclass(frozen=True, slots=True)
class Columns:
    """The position of each role in a row; None for roles that the table does not have.

    Attributes:
        count: number of columns in the header.
        width: least number of columns of a row.
        sequence: column of the sequence id, which is the same in all rows of a clip.
        clock: column of the time, in `clock_unit`.
        clock_unit: unit of the time.
        counter: column of the frame number; if it is that of the sequence, too, it has names of images.
        person: column of the person.
        joint: column of the joint's name; a table with this column is long, with one row per joint.
        roles: columns of x, y, z and confidence, in a long table.
        wide: columns of x, y, z and confidence for each joint, in a wide table.
        fields: columns of label, subject and other fields of the clip.
        unread: names of the columns that have no role.
    """

    count: int
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
    unread: tuple[str, ...]

    @classmethod
    def found(
        cls, header: list[str], named: Mapping[str, str], space: str = "image", first: Sequence[str] = ()
    ) -> "Columns":
        """Return the columns of a table.

        Args:
            header: names of the columns.
            named: names of columns that the user gave, by role.
            space: `world` to prefer columns named `world_...`, `image` to prefer others.
            first: cells of the first row.

        Raises:
            InputError: if there are no columns of joints.
        """
        names = [name.strip().lstrip("\ufeff") for name in header]
        if len(names) > MAX_COLUMNS:
            raise InputError(f"there are {len(names)} columns", None, f"the limit is {MAX_COLUMNS}")
        if missing := [column for column in named.values() if column not in names]:
            raise InputError(f"there is no column {missing[0]!r}", None, f"there are {', '.join(names)[:500]}")

        def place(field: str, test: Callable[[str], bool]) -> int | None:
            if field in named:
                return names.index(named[field])
            return next((at for at, name in enumerate(names) if test(name) and name not in named.values()), None)

        joint = place("joint", lambda name: simplified(name) in JOINTS)
        roles = _roles(place)
        wide = {} if joint is not None else joints_and_axes(names, space)
        if not wide and (joint is None or not {"x", "y"} <= roles.keys()):
            raise InputError(
                "there are no columns of joints",
                ", ".join(names)[:200],
                "a long table has joint, x and y, a wide one nose_x, nose_y and so on; name the columns with --columns",
            )
        taken = {at for axes in wide.values() for at in axes.values()}
        clock, counter, sequence = _times_and_sequence(place, names, first)
        texts = {name for name, cell in zip(names, first, strict=False) if cell.strip() and not is_number(cell)}
        fields = _fields(place, set() if "person" in named else texts)
        person = place("person", lambda name: simplified(name) in _PEOPLE and names.index(name) != fields.get("label"))
        if joint is not None:
            taken |= {joint, *roles.values()}
        return cls(
            count=len(names),
            width=max(at for at in (joint, clock, counter, *roles.values(), *taken) if at is not None) + 1,
            sequence=sequence,
            clock=clock,
            clock_unit=(time_unit_of(names[clock]) if clock is not None else None) or "auto",
            counter=counter,
            person=person,
            joint=joint,
            roles=roles,
            wide=wide,
            fields=fields,
            unread=_unread(names, {*taken, *fields.values(), sequence, clock, counter, person}),
        )

    @property
    def axes(self) -> tuple[str, ...]:
        """Coordinates of the joints: x, y and perhaps z."""
        return ("x", "y", "z") if "z" in next(iter(self.joints)) else ("x", "y")

    @property
    def joints(self) -> list[dict[str, int]]:
        """Columns by role for each joint of a row; a row of a long table has one joint."""
        return list(self.wide.values()) or [self.roles]


def _times_and_sequence(
    place: Callable[[str, Callable[[str], bool]], int | None], names: list[str], first: Sequence[str]
) -> tuple[int | None, int | None, int | None]:
    """Return the columns of the time, of the frame number, and of the sequence."""
    clock = place("time", lambda name: time_unit_of(name) not in (None, "frames") and simplified(name) != "date")
    if clock is None:
        clock = place("time", lambda name: simplified(name) == "date")
    counter = place("frame", lambda name: time_unit_of(name) == "frames")
    images = {name for name, cell in zip(names, first, strict=False) if _IMAGE.search(cell)}
    if counter is None and clock is None:
        counter = place("frame", lambda name: name in images)

    def is_sequence(name: str) -> bool:
        return field_of(name) == "name" and simplified(name) != "name" and name not in images

    sequence = place("sequence", is_sequence)
    if sequence is None and counter is not None and names[counter] in images:
        sequence = counter
    return clock, counter, sequence


def _fields(place: Callable[[str, Callable[[str], bool]], int | None], texts: Collection[str]) -> dict[str, int]:
    """Return the columns of a clip's fields; `texts` are the columns whose first cell is a text."""
    found = {field: place(field, partial(_is_field, field)) for field in _CLIP}
    if found["label"] is None:
        # `pose` holds the number of a person, or a text such as `up` that says what is done.
        found["label"] = place("label", lambda name: simplified(name) == "pose" and name in texts)
    return {field: at for field, at in found.items() if at is not None}


def _roles(place: Callable[[str, Callable[[str], bool]], int | None]) -> dict[str, int]:
    """Return the columns of x, y, z and confidence in a long table; names without a prefix have priority."""
    roles: dict[str, int] = {}
    for role in ("x", "y", "z", "confidence"):
        exact = place(role, partial(_is_role, role))
        at = place(role, partial(_has_role, role)) if exact is None else exact
        if at is not None:
            roles[role] = at
    return roles


def _unread(names: list[str], read: set[int | None]) -> tuple[str, ...]:
    return tuple(name for at, name in enumerate(names) if at not in read and name and not _UNNAMED.fullmatch(name))


def _is_role(role: str, name: str) -> bool:
    return name.lower() != "s" and simplified(name) != "presence" and _role_of(name) == role


def _has_role(role: str, name: str) -> bool:
    """Return whether a column such as `Landmark_X` or `x_coord` of a long table has a role."""
    words = [word for word in _words(name) if word not in JOINTS and word not in ("point", "image", "img")]
    return _is_role(role, "".join(words)) or (simplified(name) == "presence" and role == "confidence")


def _role_of(name: str) -> str | None:
    """Return x, y, z or confidence, if that is what the name of a column, or a part of it, stands for."""
    if match := _AXIS.fullmatch(simplified(name)):
        return match[1]
    return "confidence" if is_confidence(name) else None


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", CAMEL.sub("_", name).lower()) if word]


def _is_field(field: str, name: str) -> bool:
    return field_of(name) == field and simplified(name) not in _PEOPLE


def is_long(names: list[str]) -> bool:
    """Return whether the columns are those of a table with one row per joint."""
    return any(simplified(name) in JOINTS for name in names) and all(
        any(_has_role(axis, name) for name in names) for axis in "xy"
    )


def joints_and_axes(names: list[str], space: str = "image") -> dict[str, dict[str, int]]:
    """Return the columns by role for each joint that has x and y.

    Args:
        names: names of the columns.
        space: `world` to prefer columns named `world_...`, `image` to prefer others.
    """
    joints: dict[str, dict[str, int]] = {}
    for at, name in enumerate(names):
        if parts := _joint_and_axis(name):
            joint, role = parts
            # The first of several columns counts, but MediaPipe's visibility counts more than its presence.
            before = joints.setdefault(joint, {}).setdefault(role, at)
            if simplified(names[before]).endswith("presence"):
                joints[joint][role] = at
    joints = {joint: axes for joint, axes in joints.items() if {"x", "y"} <= axes.keys()}
    world = {joint.removeprefix("world_"): axes for joint, axes in joints.items() if joint.startswith("world_")}
    image = {joint: axes for joint, axes in joints.items() if not joint.startswith("world_")}
    return world if world and (space == "world" or not image) else image


def _joint_and_axis(name: str) -> tuple[str, str] | None:
    """Return joint and role of a column such as `x12`, `nose_x`, `noseX` or `x_nose`; None if it is not of a joint."""
    if (match := re.fullmatch(r"([a-z]+)(\d+)", name.lower())) and (role := _role_of(match[1])):
        return match[2], role
    words = _words(name)
    for count in (3, 2, 1):
        if len(words) > count and (role := _role_of("".join(words[-count:]))):
            return "_".join(words[:-count]), role
    for count in (3, 2, 1):
        if len(words) > count and (role := _role_of("".join(words[:count]))):
            return "_".join(words[count:]), role
    return None
