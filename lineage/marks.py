"""Marks by which an artifact is found again: contexts of ML Metadata, written with the artifact, looked up by name.

A context is found through an index, however many runs there are, and belonging to one does not touch the artifact
itself, whose every field is part of the cache keys of what follows.
"""

from __future__ import annotations

import hashlib

FILE = "poseline_file"
SUBJECT = "poseline_subject"
SPAN = "poseline_span"
FORGOTTEN = "poseline_forgotten"
RETRAIN = "retrain"

SPLITS = ("train", "eval", "test")


def subject_digest(subject: str) -> str:
    """Stands for a person in the metadata store, which so holds no names."""
    return hashlib.sha256(f"subject:{subject}".encode()).hexdigest()


def subject_mark(subject: str, split: str) -> str:
    """Name of the mark of examples that hold a person in a split."""
    return f"{subject_digest(subject)}.{split}"
