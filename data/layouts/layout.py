"""One table a layout: the joints of a skeleton and how they hang together, read from YAML and checked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
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
    """The joints of a skeleton, by index, and what is known of them.

    Attributes:
        name: such as `coco17`.
        joints: names in the order of the joint axis.
        bones: (parent, child) pairs; a tree over all joints, parents before their children.
        mirror: permutation of the joints that swaps left and right.
        root: joints whose mean is the origin of a pose.
        torso: upper and lower joints; the distance between their means is the torso length.
        forward: (heel side, toe side) pairs of the feet, which point where the body looks; empty without feet.
        links: pairs that are drawn beside the bones.
        sides: the side every joint is on.
        colours: drawing colour of each side, `#rrggbb`.
        y_down: whether y grows downwards (images) or upwards (sensors in a room).
        unit: of the coordinates, `image_height` or `metre`.
        source: who defined it.
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

    def index(self, joint: str) -> int:
        """Position of a joint.

        Raises:
            InputError: the layout has no such joint.
        """
        try:
            return self.joints.index(joint)
        except ValueError:
            raise InputError(
                f"layout {self.name} has no joint {joint!r}", remedy=f"it has {', '.join(self.joints)}"
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """The table as plain JSON values, for manifests and the web page."""
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
        }


@cache
def layout_names() -> tuple[str, ...]:
    """Every known layout, sorted."""
    return tuple(sorted(path.stem for path in TABLES.glob("*.yaml") if path.stem[-1].isdigit()))


@cache
def load_layout(name: str) -> Layout:
    """Reads a layout's table.

    Raises:
        InputError: there is no such layout, or its table is broken.
    """
    if name not in layout_names():
        raise InputError(f"unknown layout {name!r}", remedy=f"known layouts: {', '.join(layout_names())}")
    path = TABLES / f"{name}.yaml"
    return parse_layout(name, read_yaml(path), where=str(path))


def find_layout(joint_names: Sequence[str]) -> tuple[Layout, tuple[int, ...]]:
    """Finds the layout that a list of joint names belongs to.

    A layout with exactly these joints, in any order, comes first; else the smallest one that has them all.

    Returns:
        The layout, and for each of its joints the position in `joint_names`, -1 where it is absent there.

    Raises:
        InputError: a name occurs twice, or no layout has all of them.
    """
    names = [str(name) for name in joint_names]
    given = set(names)
    if not names or len(given) != len(names):
        raise InputError("joint names must be given, and be unique", where=", ".join(names))
    layouts = sorted((load_layout(name) for name in layout_names()), key=lambda layout: len(layout.joints))
    for layout in layouts:
        if given <= set(layout.joints):
            return layout, tuple(names.index(joint) if joint in given else -1 for joint in layout.joints)
    closest = min(layouts, key=lambda layout: (len(given - set(layout.joints)), len(layout.joints)))
    raise InputError(
        f"no layout has these {len(names)} joints; the closest, {closest.name}, lacks "
        f"{', '.join(sorted(given - set(closest.joints)))}",
        where=", ".join(names),
        remedy=f"name the joints as in data/layouts/*.yaml ({', '.join(layout_names())}) or add a table there",
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads one of this folder's tables with the C parser, which is ten times faster than the Python one."""
    return yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)


def parse_layout(name: str, table: dict[str, Any], where: str) -> Layout:
    """Checks a table and turns its joint names into indices.

    Raises:
        InputError: a key is missing or unknown, a joint is unknown, or the bones are no tree over all joints.
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
        if strangers := [joint for joint in names if joint not in position]:
            raise fault(f"{key} of layout {name} has joints it does not list: {', '.join(strangers)}")
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
    """Makes the errors of one table."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __call__(self, what: str) -> InputError:
        return InputError(what, where=self._where, remedy="correct the layout table")


def _parents_first(count: int, bones: list[tuple[int, int]], fault: _Fault) -> tuple[tuple[int, int], ...]:
    """Orders bones from the tree's root outwards."""
    children = [child for _, child in bones]
    roots = set(range(count)) - set(children)
    if len(roots) != 1 or len(set(children)) != len(children):
        raise fault("bones must give every joint but one exactly one parent")
    reached, ordered, waiting = roots, [], list(bones)
    while waiting:
        ready = [bone for bone in waiting if bone[0] in reached]
        if not ready:
            raise fault("bones must be one tree, found a loop")
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
