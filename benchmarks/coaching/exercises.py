"""Counting, form and corrections, measured on recordings of known exercises."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.coaching.recordings import FPS, Recording
from serving_targets.coach.coach import Coach, follow_recording, recorded_signal
from serving_targets.coach.form.faults import bent, fault
from serving_targets.coach.form.references import Performances, References, build_references, cycle_of
from serving_targets.coach.metrics import (
    ranked_corrections,
)
from serving_targets.coach.movement.angles import ANGLES
from serving_targets.coach.movement.signals import body_signal
from serving_targets.coach.movement.skeleton import places
from serving_targets.coach.timeline import Correction, Timeline


def references_of(recordings: list[Recording]) -> References:
    """Make references of the good recordings, of which each repetition is known."""
    performances: dict[str, dict[str, Performances]] = {}
    for each in recordings:
        if each.good:
            signal, times = recorded_signal("kinect20", each.poses, np.arange(len(each.poses)) / FPS)
            bounds = np.interp(np.concatenate([[0], each.ends]) / FPS, times, np.arange(len(times)))
            cycles = np.stack([cycle_of(signal, a, b) for a, b in pairwise(bounds)])
            seconds = np.diff(np.concatenate([[0], each.ends])) / FPS
            performances.setdefault(each.label, {})[str(each.person)] = Performances(cycles, seconds)
    return build_references(performances)


def follow(references: References | None, label: str, poses: np.ndarray, layout: str = "kinect20") -> Timeline:
    """Return the timeline of a recording of a known exercise."""
    coach = Coach(layout, None, references, label=label, offline=True)
    return follow_recording(coach, poses, np.arange(len(poses)) / FPS)


def with_stillness(poses: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a recording with 2 to 5 s of standing still before and after it."""
    parts = [poses]
    for pose, place in ((poses[0], 0), (poses[-1], len(parts) + 1)):
        idle = np.repeat(pose[None], round(random.uniform(2, 5) * FPS), axis=0)
        idle[..., :3] += random.normal(0, 0.003, idle[..., :3].shape)
        parts.insert(place, idle)
    return np.concatenate(parts)


def measure_counting(held_out: list[Recording], references: References, figures: dict[str, list[Any]]) -> None:
    """Count whole recordings, with stillness around them, and cut short."""
    random = np.random.default_rng(0)
    for each in held_out:
        kind = "correct" if each.good else "incorrect"
        for name, poses in (("full", each.poses), ("idle", with_stillness(each.poses, random))):
            counted = follow(references, each.label, poses).repetitions
            figures.setdefault(f"counting {name}, {kind}", []).append((len(each.ends), counted))
        number = int(random.integers(2, len(each.ends)))
        share = random.uniform(0.1, 0.9)
        start, end = each.ends[number - 1], each.ends[number]
        cut = follow(references, each.label, each.poses[: int(start + share * (end - start))]).repetitions
        figures.setdefault(f"counting live, {kind}", []).append((number + share, cut))


def measure_form(held_out: list[Recording], references: References, figures: dict[str, list[Any]]) -> None:
    """Score recordings and single repetitions."""
    for each in held_out:
        figures.setdefault("form recordings", []).append(
            (each.label, each.good, follow(references, each.label, each.poses).score)
        )
        for start, end in zip([0, *each.ends], each.ends, strict=False):
            scored = follow(references, each.label, each.poses[start:end]).score
            figures.setdefault("form repetitions", []).append((each.label, each.good, scored))


def measure_corrections(held_out: list[Recording], references: References, figures: dict[str, list[Any]]) -> None:
    """Bend one joint in halves of good recordings and ask for corrections; a random third of all bends is tried."""
    random = np.random.default_rng(0)
    for each in held_out:
        if not each.good:
            continue
        middle = each.ends[len(each.ends) // 2 - 1]
        for half, ends in (
            (each.poses[:middle], each.ends[: len(each.ends) // 2]),
            (each.poses[middle:], each.ends[len(each.ends) // 2 :] - middle),
        ):
            untouched = _corrections(references, each.label, half)
            for degrees in (15.0, 25.0):
                for where in ("throughout", "at the extreme"):
                    trials = figures.setdefault(f"corrections {degrees:.0f} degrees, {where}", [])
                    trials.append((None, untouched))
                    for angle in random.choice(ANGLES, 3, replace=False):
                        change = degrees * float(random.choice([-1, 1]))
                        size = np.full(len(half), change) if where == "throughout" else change * _bumps(half, ends)
                        if (turned := bent(places(half), str(angle), size)) is not None:
                            poses = np.concatenate([turned, half[..., 3:]], axis=-1)
                            known = fault(str(angle), change, throughout=where == "throughout")
                            trials.append((known, _corrections(references, each.label, poses)))


def _corrections(references: References, label: str, poses: np.ndarray) -> list[Correction]:
    return ranked_corrections(follow(references, label, poses).segments)


def _bumps(poses: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return weights `[T]` with a bump, a third of a repetition wide, around the extreme of each repetition."""
    signal = body_signal(poses)[:, len(ANGLES) :]
    weights = np.full(len(poses), 1e-9)
    for start, end in zip([0, *ends], ends, strict=False):
        part = signal[start:end]
        at = int(np.linalg.norm(part - part[[0, -1]].mean(axis=0), axis=1).argmax())
        away = (np.arange(end - start) - at) / ((end - start) / 3)
        weights[start:end] += np.where(np.abs(away) < 0.5, np.cos(np.pi * away) ** 2, 0)
    return weights


def count_baduanjin(folder: Path) -> Iterator[tuple[str, int, int, float]]:
    """Yield movement, cycles, sides of a cycle, and the count without any reference."""
    with np.load(folder / "baduanjin" / "baduanjin_coco17.npz", allow_pickle=False) as store:
        frames, offsets = store["frames"], store["offsets"]
        described = list(zip(store["label_names"], store["cycles"], store["sides_per_cycle"], strict=True))
    for number, (name, cycles, sides) in enumerate(described):
        poses = frames[offsets[number] : offsets[number + 1]]
        yield str(name), int(cycles), int(sides), follow(None, str(name), poses, "coco17").repetitions
