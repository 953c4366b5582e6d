"""Digests of files."""

from data.digests import file_digest

__all__ = ["file_digest"]
