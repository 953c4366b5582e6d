"""Canonical keypoint sequences: record, layouts, importers, synthesis."""
