"""Marks: contexts of ML Metadata by which the artifacts of a file, a person or a span are found.

A context is found by its name through an index, in the same time however many runs there are. Marking an artifact does
not change the artifact itself, whose fields are all part of the cache keys of later nodes.
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
    """Return the digest that identifies a person in the metadata store, which contains no names."""
    return hashlib.sha256(f"subject:{subject}".encode()).hexdigest()


def subject_mark(subject: str, split: str) -> str:
    """Return the name of the mark for Examples artifacts that contain a person in a split."""
    return f"{subject_digest(subject)}.{split}"
