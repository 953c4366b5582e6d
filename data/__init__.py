"""Canonical keypoint sequences: their form, storage, importers, checks, reports and a synthetic sample."""
