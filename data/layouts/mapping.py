"""The mapping of poses from one layout to another, by joint names."""

from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from data.layouts.catalogue import load_layout
from data.layouts.layout import TABLES, Layout, read_yaml


@dataclass(frozen=True)
class JointMapping:
    """The source joints of every target joint.

    Attributes:
        source: layout of the given poses.
        target: layout of the resulting poses.
        members: for each target joint, the source joints that are averaged; empty if the source has none.
    """

    source: Layout
    target: Layout
    members: tuple[tuple[int, ...], ...]

    @property
    def unmapped(self) -> tuple[str, ...]:
        """Names of the target joints for which the source has no joints."""
        return tuple(joint for joint, members in zip(self.target.joints, self.members, strict=True) if not members)

    @property
    def unused(self) -> tuple[str, ...]:
        """Names of the source joints that are in no target joint."""
        used = {member for members in self.members for member in members}
        return tuple(joint for place, joint in enumerate(self.source.joints) if place not in used)

    def apply(self, keypoints: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Map poses; coordinates keep the source's unit and axes.

        Args:
            keypoints: float32 `[..., source joints, channels]`, confidence last.

        Returns:
            float32 `[..., target joints, channels]`. The confidence of a mean is the lowest of its joints; a target
            joint without source joints is 0 with confidence 0.
        """
        mapped = np.zeros((*keypoints.shape[:-2], len(self.members), keypoints.shape[-1]), np.float32)
        for joints, members in self._members_by_number:
            given = keypoints[..., members, :]
            if members.shape[1] == 1:
                mapped[..., joints, :] = given[..., 0, :]
            else:
                mapped[..., joints, :-1] = given[..., :-1].mean(axis=-2)
                mapped[..., joints, -1] = given[..., -1].min(axis=-1)
        return mapped

    @cached_property
    def _members_by_number(self) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
        """For each number of members that occurs: the target joints that have as many, and their members."""
        numbers = sorted({len(members) for members in self.members} - {0})
        alike = [[joint for joint, each in enumerate(self.members) if len(each) == number] for number in numbers]
        return [(np.array(joints), np.array([self.members[joint] for joint in joints])) for joints in alike]


@lru_cache(maxsize=256)
def joint_mapping(source: str, target: str) -> JointMapping:
    """Return the mapping between two layouts: equal names first, then the names and means of `same_joints.yaml`.

    Raises:
        InputError: if one of the layouts is unknown.
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
