"""Skeleton layouts: joints, bones and sides from one YAML file each, and mappings between layouts."""

from data.layouts.catalogue import (
    find_layout,
    is_definition,
    layout_label,
    layout_names,
    load_layout,
    preferred_layout,
    preferring,
    read_own_layout,
)
from data.layouts.layout import Layout
from data.layouts.mapping import JointMapping, joint_mapping

__all__ = [
    "JointMapping",
    "Layout",
    "find_layout",
    "is_definition",
    "joint_mapping",
    "layout_label",
    "layout_names",
    "load_layout",
    "preferred_layout",
    "preferring",
    "read_own_layout",
]
