"""The recordings that the coach is measured on."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from serving_targets.coach.movement.skeleton import SkeletonReader
from serving_targets.coach.timeline import BACKGROUND

FPS = 30.0
"""Frames per second of all recordings."""


class Recording(NamedTuple):
    """Ten repetitions of an exercise.

    Attributes:
        label: exercise.
        person: number of the person.
        good: whether they were done well.
        poses: poses in metres, `[T, 20, 4]`.
        ends: frame after each repetition.
    """

    label: str
    person: int
    good: bool
    poses: np.ndarray
    ends: np.ndarray


def ui_prmd(folder: Path) -> list[Recording]:
    """Read the recordings of UI-PRMD."""
    with np.load(folder / "ui_prmd" / "ui_prmd.npz", allow_pickle=False) as store:
        arrays = {name: store[name] for name in store.files}
    frames = np.concatenate([arrays["frames"] / 100, np.ones((*arrays["frames"].shape[:2], 1))], axis=-1)
    poses = SkeletonReader("uiprmd22").read(frames)
    keys = list(zip(arrays["labels"].tolist(), arrays["subject"].tolist(), arrays["correct"].tolist(), strict=True))
    recordings = []
    for key in sorted(set(keys)):
        chosen = [number for number, each in enumerate(keys) if each == key]
        chosen.sort(key=lambda number: arrays["episode"][number])
        parts = [poses[arrays["offsets"][number] : arrays["offsets"][number + 1]] for number in chosen]
        ends = np.cumsum([len(part) for part in parts])
        label = str(arrays["label_names"][key[0]])
        recordings.append(Recording(label, key[1], bool(key[2]), np.concatenate(parts), ends))
    return recordings


class Session(NamedTuple):
    """One session of UTKinect.

    Attributes:
        person: number of the person.
        poses: poses in metres, `[T, 20, 4]`.
        times: times of the frames in seconds, from 0.
        labels: label of each frame.
    """

    person: int
    poses: np.ndarray
    times: np.ndarray
    labels: list[str]


def utkinect(folder: Path) -> list[Session]:
    """Read the sessions of UTKinect."""
    with np.load(folder / "utkinect" / "utkinect_odd.npz", allow_pickle=False) as store:
        arrays = {name: store[name] for name in store.files}
    names = arrays["label_names"].tolist()
    sessions = []
    for number, person in enumerate(arrays["subject"].tolist()):
        part = slice(arrays["offsets"][number], arrays["offsets"][number + 1])
        frames = arrays["frames"][part]
        poses = np.concatenate([frames, np.ones((*frames.shape[:2], 1))], axis=-1)
        times = arrays["frame_number"][part] / FPS
        labels = [names[label] if label >= 0 else BACKGROUND for label in arrays["frame_label"][part]]
        sessions.append(Session(person, poses, times - times[0], labels))
    return sessions
