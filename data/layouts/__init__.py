"""Skeleton layouts: joints, bones and sides from one YAML file each, and mappings between layouts."""

from data.layouts.layout import Layout, find_layout, layout_names, load_layout
from data.layouts.mapping import JointMapping, joint_mapping

__all__ = ["JointMapping", "Layout", "find_layout", "joint_mapping", "layout_names", "load_layout"]
