"""Turns poses of one layout into poses of another, by joint name."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from data.layouts.layout import TABLES, Layout, load_layout, read_yaml


@dataclass(frozen=True)
class JointMapping:
    """Where every joint of `target` comes from in `source`.

    Attributes:
        source: layout of the given poses.
        target: layout of the wanted poses.
        members: for each target joint the source joints that are averaged; empty where there is none.
    """

    source: Layout
    target: Layout
    members: tuple[tuple[int, ...], ...]

    @property
    def unmapped(self) -> tuple[str, ...]:
        """Target joints that the source can't give."""
        return tuple(joint for joint, members in zip(self.target.joints, self.members, strict=True) if not members)

    def apply(self, keypoints: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Maps poses; coordinates stay in the source's unit and axes.

        Args:
            keypoints: float32 [..., source joints, channels], the last channel a confidence.

        Returns:
            float32 [..., target joints, channels]. A mean is as sure as its least sure member; a joint that can't be
            had is all zeros, so its confidence too.
        """
        mapped = np.zeros((*keypoints.shape[:-2], len(self.members), keypoints.shape[-1]), np.float32)
        for joint, members in enumerate(self.members):
            if members:
                given = keypoints[..., list(members), :]
                mapped[..., joint, :-1] = given[..., :-1].mean(axis=-2)
                mapped[..., joint, -1] = given[..., -1].min(axis=-1)
        return mapped


@cache
def joint_mapping(source: str, target: str) -> JointMapping:
    """The mapping from one layout to another: same names first, then other names and means (`same_joints.yaml`).

    Raises:
        InputError: one of the layouts is unknown.
    """
    given, wanted = load_layout(source), load_layout(target)
    recipes = _recipes()
    members = tuple(_members(joint, given, recipes) for joint in wanted.joints)
    return JointMapping(given, wanted, members)


def _members(joint: str, source: Layout, recipes: dict[str, list[list[str]]]) -> tuple[int, ...]:
    for names in [[joint], *recipes.get(joint, [])]:
        if all(name in source.joints for name in names):
            return tuple(source.joints.index(name) for name in names)
    return ()


@cache
def _recipes() -> dict[str, list[list[str]]]:
    recipes: dict[str, list[list[str]]] = {}
    for joint, options in read_yaml(TABLES / "same_joints.yaml").items():
        for side in ("left", "right") if "{side}" in joint else ("",):
            recipes[joint.format(side=side)] = [[name.format(side=side) for name in names] for names in options]
    return recipes
