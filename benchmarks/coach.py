"""Measures the coach on recorded people that its references have not seen, with the metrics of `serving_targets/coach`.

.venv/bin/python -m benchmarks.coach [--people 1 3] [--datasets FOLDER] [--only counting ...]

Counting, form and corrections are measured on UI-PRMD: the references are made of the good repetitions of all other
people, and the exercise is known. No incorrect repetition is used. The counts of Baduanjin are made without any
reference. Sessions are those of UTKinect, with a classifier of windows that is trained on the other people in a few
seconds (kernel ridge regression); the order of the actions is not used.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.files import write_atomically
from serving_targets.coach.coach import Coach, follow_recording, recorded_signal
from serving_targets.coach.form.faults import bent, fault
from serving_targets.coach.form.references import Performances, References, build_references, cycle_of
from serving_targets.coach.metrics import (
    causal_agreement,
    correction_metrics,
    counting_metrics,
    form_metrics,
    live_metrics,
    ranked_corrections,
    session_metrics,
)
from serving_targets.coach.movement.angles import ANGLES
from serving_targets.coach.movement.signals import body_signal, without_gaps
from serving_targets.coach.movement.skeleton import SkeletonReader, places
from serving_targets.coach.recognition import Model
from serving_targets.coach.settings import CoachSettings, Duration
from serving_targets.coach.timeline import BACKGROUND, Correction, Timeline, as_predictions, labels_at

DATASETS = Path(os.environ.get("POSELINE_DATASETS") or Path(__file__).parents[2] / "shared" / "data")
PARTS = ("counting", "form", "corrections", "sessions")
FPS = 30.0


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


WINDOW = 60
"""Frames of a window of the sessions' classifier."""


def window_features(window: np.ndarray) -> np.ndarray:
    """Return features of a window `[WINDOW, 20, 4]`: the signal at twelve moments, its speed, its extent and path."""
    signal = without_gaps(body_signal(window[:: WINDOW // 12]))
    moments = signal[:12]
    path = window[[-1], 0, :3] - window[[0], 0, :3]
    return np.concatenate(
        [moments.ravel() / 3, 2 * np.diff(moments, axis=0).ravel(), 2 * signal.std(axis=0), 60 * np.abs(path).ravel()]
    )


def train_classifier(sessions: list[Session]) -> tuple[Callable[[np.ndarray], np.ndarray], CoachSettings, list[str]]:
    """Train kernel ridge regression on windows that are labelled by their middle third."""
    labels = sorted({label for session in sessions for label in session.labels})
    rows, targets = [], []
    for session in sessions:
        grid = np.arange(0, session.times[-1], 0.4)
        nearest = np.searchsorted(session.times, grid).clip(0, len(session.times) - 1)
        for moment, frame in zip(grid, nearest, strict=True):
            wanted = np.searchsorted(session.times, moment + (np.arange(WINDOW) - WINDOW // 2) / FPS)
            rows.append(window_features(session.poses[wanted.clip(0, len(session.times) - 1)]))
            targets.append(labels.index(session.labels[frame]))
    given, truth = np.stack(rows), np.array(targets)
    mean, spread = given.mean(axis=0), given.std(axis=0) + 1
    given = (given - mean) / spread
    width = given.shape[1]
    counts = np.bincount(truth, minlength=len(labels))
    weights = (1 / np.sqrt(counts))[truth]
    kernel = np.exp(-_squares(given, given) / width)
    scaled = kernel * weights[:, None] * weights
    dual = np.linalg.solve(scaled + 3e-3 * np.diag(weights**2), weights[:, None] * np.eye(len(labels))[truth])
    dual *= weights[:, None]

    def classify(window: np.ndarray) -> np.ndarray:
        row = (window_features(window) - mean) / spread
        scores = np.exp(-_squares(row[None], given) / width) @ dual
        shares = np.exp(5 * (scores[0] - scores.max()))
        return shares / shares.sum()

    lengths: dict[str, list[float]] = {}
    for session in sessions:
        changes = [0, *(i for i in range(1, len(session.labels)) if session.labels[i] != session.labels[i - 1])]
        for start, end in zip(changes, [*changes[1:], len(session.labels)], strict=True):
            seconds = float(session.times[end - 1] - session.times[start])
            lengths.setdefault(session.labels[start], []).append(seconds)
    durations = {
        label: Duration(minimum=max(float(np.quantile(seconds, 0.05)) * 0.8, 0.2), typical=float(np.mean(seconds)))
        for label, seconds in lengths.items()
    }
    # Background fills most of a session. Half of its advantage is in the weights already, the rest is divided out.
    priors = dict(zip(labels, np.sqrt(counts / counts.sum()).tolist(), strict=True))
    return classify, CoachSettings(durations=durations, priors=priors), labels


def _squares(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1) - 2 * first @ second.T


def measure_sessions(sessions: list[Session], people: list[int], predictions: Path | None) -> None:
    """Recognise the sessions of held-out people, offline and live, and print the figures."""
    truth: list[list[str]] = []
    found: dict[str, list[list[str]]] = {"offline": [], "live": []}
    timelines, agreements = [], []
    for person in people:
        classify, settings, labels = train_classifier([each for each in sessions if each.person != person])
        model = Model(classify, tuple(labels), "kinect20", 4, WINDOW, FPS, settings)
        for number, session in enumerate(each for each in sessions if each.person == person):
            truth.append(session.labels)
            for name, predicted in found.items():
                coach = Coach("kinect20", model, offline=name == "offline")
                name_of_session = f"person {person}, session {number}, {name}"
                timelines.append(follow_recording(coach, session.poses, session.times, name_of_session))
                predicted.append(labels_at(timelines[-1].segments, session.times))
            cut = len(session.times) // 2
            shorter = follow_recording(Coach("kinect20", model), session.poses[:cut], session.times[:cut])
            labels_of_cut = labels_at(shorter.segments, session.times[:cut])
            agreements.append(causal_agreement(found["live"][-1], labels_of_cut, session.times[:cut]))
    for name, predicted in found.items():
        show(f"sessions, {name}", session_metrics(truth, predicted))
    print(f"{'sessions, live, cut short':<42}causal_agreement {np.mean(agreements):.3f}")
    if predictions:
        write_atomically(predictions, json.dumps(as_predictions(timelines), indent=1) + "\n")


def show(name: str, figures: Any) -> None:
    """Print one line of figures."""
    values = {key: value for key, value in asdict(figures).items() if not isinstance(value, dict)}
    shown = "  ".join(f"{key} {'-' if value is None else f'{value:.3f}'}" for key, value in values.items())
    print(f"{name:<42}{shown}", flush=True)


def main() -> None:
    """Print one line for each table of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=[1, 3], help="held-out people; default: %(default)s")
    parser.add_argument("--datasets", type=Path, default=DATASETS, help="folder of the recorded data sets")
    parser.add_argument("--predictions", type=Path, help="also write the timelines of the sessions to this JSON file")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure; default: all")
    arguments = parser.parse_args()
    figures: dict[str, list[Any]] = {}
    if set(arguments.only) - {"sessions"}:
        recordings = ui_prmd(arguments.datasets)
        measures = {"counting": measure_counting, "form": measure_form, "corrections": measure_corrections}
        for person in arguments.people:
            references = references_of([each for each in recordings if each.person != person])
            for part in arguments.only:
                if part in measures:
                    measures[part]([each for each in recordings if each.person == person], references, figures)
    summaries: dict[str, Callable[[list[Any]], Any]] = {
        "counting live": lambda pairs: live_metrics(*zip(*pairs, strict=True)),
        "counting": lambda pairs: counting_metrics(*zip(*pairs, strict=True)),
        "form": form_metrics,
        "corrections": correction_metrics,
    }
    for name, rows in sorted(figures.items()):
        show(name, next(summary for start, summary in summaries.items() if name.startswith(start))(rows))
    if "counting" in arguments.only:
        for movement, cycles, sides, counted in count_baduanjin(arguments.datasets):
            print(f"{movement:<42}cycles {cycles}, sides {sides}, counted {counted:.2f}")
    if "sessions" in arguments.only:
        sessions = utkinect(arguments.datasets)
        measure_sessions(
            sessions, sorted({each.person for each in sessions} & set(arguments.people)), arguments.predictions
        )


if __name__ == "__main__":
    main()
