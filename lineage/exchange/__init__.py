"""Lineage in forms that other programs read."""
