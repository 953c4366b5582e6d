"""Skeleton layouts: joints, bones and left-right pairs, read from YAML files and checked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from data.errors import InputError

Side = Literal["left", "right", "centre"]

TABLES = Path(__file__).parent
_KEYS = {"source", "joints", "bones", "mirror", "root", "torso", "forward", "links", "space", "colours"}
_OPTIONAL = {"forward", "links"}


@dataclass(frozen=True)
class Layout:
    """The joints of a skeleton; joints are given by their index.

    Attributes:
        name: name of the layout, such as `coco17`.
        joints: names of the joints in the order of the joint axis.
        bones: (parent, child) pairs; a tree over all joints, parents before their children.
        mirror: permutation of the joints that swaps left and right.
        root: joints whose mean is the origin of a pose.
        torso: upper and lower joints; the distance between their means is the torso length.
        forward: (heel, toe) pairs of the feet, which give the forward direction; empty without feet.
        links: pairs of joints that are drawn in addition to the bones.
        sides: side of each joint.
        colours: drawing colour of each side, `#rrggbb`.
        y_down: whether y grows downwards (images) or upwards (room sensors).
        unit: unit of the coordinates, `image_height` or `metre`.
        source: origin of the definition.
        definition: definition of a layout of the user's own, as text; empty for those of the project.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    mirror: tuple[int, ...]
    root: tuple[int, ...]
    torso: tuple[tuple[int, ...], tuple[int, ...]]
    forward: tuple[tuple[int, int], ...]
    links: tuple[tuple[int, int], ...]
    sides: tuple[Side, ...]
    colours: dict[Side, str] = field(hash=False)
    y_down: bool
    unit: str
    source: str
    definition: str = ""

    @property
    def reference(self) -> str:
        """Text by which `load_layout` finds this layout again: its name, or the definition of the user's own."""
        return self.definition or self.name

    def pair(self, part: str) -> tuple[int, int] | None:
        """Return the left and the right joint of a part such as `shoulder`; None if the layout does not have both."""
        names = f"left_{part}", f"right_{part}"
        return (self.index(names[0]), self.index(names[1])) if set(names) <= set(self.joints) else None

    @property
    def across(self) -> tuple[tuple[int, int], ...]:
        """(left, right) pairs of joints that give the sideways direction of a body: shoulders and hips, or all."""
        named = tuple(filter(None, map(self.pair, ("shoulder", "hip"))))
        return named or tuple((one, other) for one, other in enumerate(self.mirror) if self.sides[one] == "left")

    def index(self, joint: str) -> int:
        """Return the position of a joint.

        Raises:
            InputError: if the layout has no such joint.
        """
        try:
            return self.joints.index(joint)
        except ValueError:
            raise InputError(
                f"layout {self.name} has no joint {joint!r}", remedy=f"use one of {', '.join(self.joints)}"
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """Return the layout as plain JSON values, for manifests and the web page."""
        return {
            "name": self.name,
            "joints": list(self.joints),
            "bones": [list(bone) for bone in self.bones],
            "mirror": list(self.mirror),
            "root": list(self.root),
            "torso": {"upper": list(self.torso[0]), "lower": list(self.torso[1])},
            "links": [list(link) for link in self.links],
            "sides": list(self.sides),
            "colours": dict(self.colours),
            "y_down": self.y_down,
            "unit": self.unit,
            **({"definition": self.definition} if self.definition else {}),
        }


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the content of a YAML file, by the C parser, which is ten times as fast as the Python one."""
    return yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)


def parse_layout(name: str, table: dict[str, Any], where: str) -> Layout:
    """Check the content of a layout file and convert its joint names to indices.

    Args:
        name: name of the layout.
        table: content of the file.
        where: path of the file, for errors.

    Raises:
        InputError: if a key is missing or unknown, a joint is unknown, or the bones are not a tree over all joints.
    """
    fault = _Fault(where)
    if missing := _KEYS - _OPTIONAL - table.keys():
        raise fault(f"layout {name} lacks {', '.join(sorted(missing))}")
    if unknown := table.keys() - _KEYS:
        raise fault(f"layout {name} has unknown keys: {', '.join(sorted(unknown))}")
    joints = tuple(table["joints"])
    position = {joint: i for i, joint in enumerate(joints)}
    if len(position) != len(joints):
        raise fault(f"layout {name} names a joint twice")

    def indices(names: Sequence[str], key: str) -> tuple[int, ...]:
        if unknown := [joint for joint in names if joint not in position]:
            raise fault(f"{key} of layout {name} has joints that are not in its list: {', '.join(unknown)}")
        return tuple(position[joint] for joint in names)

    def pair(names: Sequence[str], key: str) -> tuple[int, int]:
        if len(names) != 2:
            raise fault(f"{key} of layout {name} must be pairs, found {list(names)}")
        first, second = indices(names, key)
        return first, second

    bones = [pair((parent, child), "bones") for parent, children in table["bones"].items() for child in children]
    mirrored = [pair(names, "mirror") for names in table["mirror"]]
    sides = _sides(len(joints), mirrored, fault)
    return Layout(
        name=name,
        joints=joints,
        bones=_parents_first(len(joints), bones, fault),
        mirror=_permutation(len(joints), mirrored),
        root=indices(table["root"], "root"),
        torso=(indices(table["torso"]["upper"], "torso"), indices(table["torso"]["lower"], "torso")),
        forward=tuple(pair(names, "forward") for names in table.get("forward", ())),
        links=tuple(pair(names, "links") for names in table.get("links", ())),
        sides=sides,
        colours={side: table["colours"][side] for side in ("left", "right", "centre")},
        y_down=table["space"]["y"] == "down",
        unit=table["space"]["unit"],
        source=table["source"],
    )


class _Fault:
    """A factory of the errors of one layout file."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __call__(self, what: str) -> InputError:
        return InputError(what, where=self._where, remedy="correct the layout file")


def _parents_first(count: int, bones: list[tuple[int, int]], fault: _Fault) -> tuple[tuple[int, int], ...]:
    """Return the bones, parents before children."""
    children = [child for _, child in bones]
    roots = set(range(count)) - set(children)
    if len(roots) != 1 or len(set(children)) != len(children):
        raise fault("bones must give every joint but one exactly one parent")
    reached, ordered, waiting = roots, [], list(bones)
    while waiting:
        ready = [bone for bone in waiting if bone[0] in reached]
        if not ready:
            raise fault("bones must be one tree, but there is a loop")
        ordered += ready
        reached = reached | {child for _, child in ready}
        waiting = [bone for bone in waiting if bone not in ready]
    return tuple(ordered)


def _permutation(count: int, mirrored: list[tuple[int, int]]) -> tuple[int, ...]:
    permutation = list(range(count))
    for left, right in mirrored:
        permutation[left], permutation[right] = right, left
    return tuple(permutation)


def _sides(count: int, mirrored: list[tuple[int, int]], fault: _Fault) -> tuple[Side, ...]:
    sides: list[Side] = ["centre"] * count
    for left, right in mirrored:
        if left == right or sides[left] != "centre" or sides[right] != "centre":
            raise fault("a joint is in two mirror pairs")
        sides[left], sides[right] = "left", "right"
    return tuple(sides)
