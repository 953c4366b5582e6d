"""Layouts of the user's own: a short YAML file, and the definition by which data, models and bundles carry it along.

The definition is a text that contains the whole layout. It stands wherever the name of a layout of the project could
stand, so that a model of such a layout needs no other file, and two layouts of one name are never taken for the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from data.errors import InputError
from data.layouts.layout import Layout, parse_layout
from data.settings.config_section import ConfigSection
from data.settings.json_text import parse_json, read_bytes
from data.settings.yaml_text import parse_yaml

MAX_DEFINITION = 40_000
"""Largest number of characters of a definition, and of bytes of a file."""

MAX_JOINTS = 200
"""Largest number of joints of a layout of the user's own."""

Joint = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
_Pair = Annotated[tuple[Joint, ...], Field(min_length=2, max_length=2)]
_Joints = Annotated[tuple[Joint, ...], Field(max_length=MAX_JOINTS)]
_Pairs = Annotated[tuple[_Pair, ...], Field(max_length=MAX_JOINTS)]

_COLOURS = {"left": "#2a9d8f", "right": "#e76f51", "centre": "#5c677d"}
_REMEDY = "correct the layout; docs/your-own-exercises.md has an example"


class _Torso(ConfigSection):
    """Joints that give the size of a person: the distance from the mean of `upper` to the mean of `lower`."""

    upper: Annotated[_Joints, Field(min_length=1)]
    lower: Annotated[_Joints, Field(min_length=1)]


class OwnLayout(ConfigSection):
    """The file of a layout of the user's own; only joints and bones are needed if the joints have the usual names.

    Attributes:
        name: name of the layout.
        joints: names of the joints, in the order of the joint axis.
        bones: each joint to the joints that hang on it; a tree over all joints.
        mirror: left and right joint of each pair; found by the names `left_` and `right_` if not given.
        root: joints whose mean is the origin of a pose; the hips if not given.
        torso: joints that give the size of a person; shoulders and hips if not given.
        forward: heel and toe of each foot.
        links: pairs of joints that are drawn in addition to the bones.
        y: direction in which y grows.
        unit: unit of the coordinates.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    joints: Annotated[_Joints, Field(min_length=2)]
    bones: dict[Joint, _Joints] = Field(max_length=MAX_JOINTS)
    mirror: _Pairs | None = None
    root: Annotated[_Joints, Field(min_length=1)] | None = None
    torso: _Torso | None = None
    forward: _Pairs = ()
    links: _Pairs = ()
    y: Literal["down", "up"] = "down"
    unit: Literal["image_height", "metre"] = "image_height"

    @model_validator(mode="after")
    def _complete(self) -> OwnLayout:
        for key, part in (("root", "hip"), ("torso", "shoulder"), ("torso", "hip")):
            if getattr(self, key) is None and not {f"left_{part}", f"right_{part}"} <= set(self.joints):
                raise ValueError(f"there is no left_{part} and right_{part}, so `{key}` must be given")
        return self

    def table(self) -> dict[str, Any]:
        """Return the layout in the form of the project's files, with what was left out."""
        sides = [(joint, joint.replace("left", "right", 1)) for joint in self.joints if "left" in joint]
        mirror = [pair for pair in sides if pair[1] in self.joints] if self.mirror is None else self.mirror
        torso = self.torso or _Torso(upper=("left_shoulder", "right_shoulder"), lower=("left_hip", "right_hip"))
        return {
            "source": "the user's own",
            "joints": list(self.joints),
            "bones": {parent: list(children) for parent, children in self.bones.items()},
            "mirror": [list(pair) for pair in mirror],
            "root": list(self.root or ("left_hip", "right_hip")),
            "torso": {"upper": list(torso.upper), "lower": list(torso.lower)},
            "forward": [list(pair) for pair in self.forward],
            "links": [list(pair) for pair in self.links],
            "space": {"unit": self.unit, "y": self.y},
            "colours": _COLOURS,
        }


def parse_file(path: Path) -> Layout:
    """Read the YAML file of a layout.

    Raises:
        InputError: the file cannot be read, or is not a layout.
    """
    try:
        values = parse_yaml(read_bytes(path, MAX_DEFINITION).decode("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the layout cannot be read: {error}", str(path), "give a YAML file") from error
    return _checked(values, str(path))


def parse_definition(text: str) -> Layout:
    """Return the layout that a definition contains.

    Raises:
        InputError: the text is not a definition.
    """
    where = f"definition {text[:60]!r}"
    try:
        values = parse_json(text.encode(), MAX_DEFINITION)
    except ValueError as error:
        raise InputError(f"the layout cannot be read: {error}", where, _REMEDY) from error
    layout = _checked(values, where)
    if layout.definition != text:
        raise InputError("the definition of the layout is not in its usual form", where, "import the data again")
    return layout


def _checked(values: Any, where: str) -> Layout:
    try:
        own = OwnLayout.model_validate(values)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].removeprefix('Value error, ')}".removeprefix(": ")
            for fault in error.errors(include_input=False, include_url=False)[:5]
        ]
        raise InputError(f"the layout is not valid: {'; '.join(faults)}"[:1000], where, _REMEDY) from error
    layout = parse_layout(own.name, own.table(), where)
    given = own.model_dump(mode="json", exclude_defaults=True)
    definition = json.dumps(given, separators=(",", ":"), sort_keys=True)
    if len(definition) > MAX_DEFINITION:
        raise InputError(f"the layout has more than {MAX_DEFINITION} characters", where, _REMEDY)
    _check_symmetry(layout, where)
    return Layout(**{**vars(layout), "definition": definition})


def _check_symmetry(layout: Layout, where: str) -> None:
    """Raise an error if the mirror image of a bone, of the root or of the torso is not one, too."""
    mirrored = {(layout.mirror[parent], layout.mirror[child]) for parent, child in layout.bones}
    if odd := sorted(set(layout.bones) - mirrored):
        parent, child = (layout.joints[joint] for joint in odd[0])
        raise InputError(
            f"the bone from {parent} to {child} has no counterpart on the other side",
            where,
            "give the left and the right side the same bones, or leave the joint out of `mirror`",
        )
    for key, joints in (("root", layout.root), ("torso.upper", layout.torso[0]), ("torso.lower", layout.torso[1])):
        if {layout.mirror[joint] for joint in joints} != set(joints):
            raise InputError(f"{key} has joints of one side only", where, "add those of the other side")
    if set(layout.torso[0]) == set(layout.torso[1]):
        raise InputError("torso.upper and torso.lower are the same joints", where, "name two ends of the body")
