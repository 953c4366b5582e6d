"""Formats of motion capture: BVH, C3D and archives in the style of Human3.6M."""
