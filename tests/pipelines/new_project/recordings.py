"""Recordings of invented people, as small or uneven as those of a first hour."""

from pathlib import Path

import numpy as np

from data.layouts import load_layout
from data.records import KeypointSequence, Segment
from data.store import write_span


def clip(name, label, subject="unknown", seconds=2.0, fps=30.0, layout="coco17", seed=0, **more):
    """Return a clip of a person who stands and moves the arms, in the way of the label."""
    random = np.random.default_rng([seed, len(name), *map(ord, label + name)])
    found = load_layout(layout)
    frames = max(2, round(seconds * fps))
    body = np.random.default_rng(1).uniform(0.3, 0.7, (len(found.joints), 2))
    body[[joint for joint, side in enumerate(found.sides) if side == "left"], 0] += 0.1
    time = np.arange(frames)[:, None] / fps
    speed = 1 + sum(map(ord, label)) % 5
    moved = 0.05 * np.sin(2 * np.pi * speed * time + random.uniform(0, 0.3))[..., None] * body
    poses = body + moved + random.normal(0, 0.003, (frames, *body.shape))
    keypoints = np.concatenate([poses, np.full((frames, len(body), 1), 0.9)], axis=-1).astype(np.float32)
    return KeypointSequence(name, subject, label, fps, found.reference, keypoints, **more)


def session(name, labels, subject="unknown", seconds=2.0):
    """Return a session with a segment for each label."""
    whole = clip(name, "rest", subject, seconds * len(labels))
    step = len(whole.keypoints) // len(labels)
    segments = tuple(Segment(n * step, (n + 1) * step, label) for n, label in enumerate(labels))
    return clip(name, "session", subject, seconds * len(labels), segments=segments)


def people(count, labels, each=2, **more):
    """Return clips of people, `each` of every label."""
    return [
        clip(f"{person}-{label}-{number}", label, f"person{person}", seed=number, **more)
        for person in range(count)
        for label in labels
        for number in range(each)
    ]


def span(folder: Path, sequences, number=1) -> Path:
    """Write a span, and return the data folder."""
    write_span(folder, number, sequences)
    return folder
