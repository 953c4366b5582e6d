"""Measures the coach on recorded people that it has not seen, with the metrics of `serving_targets/coach/metrics.py`.

.venv/bin/python -m benchmarks.coaching [--people 1 3] [--datasets FOLDER] [--only counting ...] [--write]

Counting, form and corrections are measured on UI-PRMD: the references are made of the good repetitions of all other
people, and the exercise is known. No incorrect repetition is used. The counts of Baduanjin are made without any
reference. Sessions are those of UTKinect. The classifier of their windows is not the pipeline's network, but kernel
ridge regression, which trains on the other people in seconds; the heads of the recogniser are fitted to answers for
people whom a classifier has not seen. The order of the actions is not used.

Simple methods are measured in the same way, as rows `baseline`: peaks of the first principal component, and distance to
the reference by dynamic time warping of joint angles.
`--write` keeps all rows in `benchmarks/results/coaching.json`, and in the table of `docs/coach.md`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.files import write_atomically
from serving_targets.coach.coach import Coach, follow_recording, recorded_signal
from serving_targets.coach.form.faults import bent, fault
from serving_targets.coach.form.references import Performances, References, build_references, cycle_of
from serving_targets.coach.head import Answered, fit_heads
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
from serving_targets.coach.movement.cycles import smoothed
from serving_targets.coach.movement.signals import body_signal, without_gaps
from serving_targets.coach.movement.skeleton import SkeletonReader, places
from serving_targets.coach.recognition import HOP_SECONDS, Model, answers_of
from serving_targets.coach.settings import CoachSettings, Duration
from serving_targets.coach.timeline import BACKGROUND, Correction, Timeline, as_predictions, labels_at

DATASETS = Path(os.environ.get("POSELINE_DATASETS") or Path(__file__).parents[2] / "shared" / "data")
RESULTS = Path(__file__).parent / "results" / "coaching.json"
DOCUMENT = Path(__file__).parents[1] / "docs" / "coach.md"
BEGIN, END = "<!-- coaching -->\n", "<!-- /coaching -->\n"
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


def measure_baselines(held_out: list[Recording], references: References, figures: dict[str, list[Any]]) -> None:
    """Count by peaks of the first principal component, and score by dynamic time warping."""
    for each in held_out:
        signal, times = recorded_signal("kinect20", each.poses, np.arange(len(each.poses)) / FPS)
        kind = "correct" if each.good else "incorrect"
        figures.setdefault(f"counting baseline, {kind}", []).append((len(each.ends), _peaks(without_gaps(signal))))
        bounds = np.interp(np.concatenate([[0], each.ends]) / FPS, times, np.arange(len(times)))
        reference = references.movements[each.label].rows[:, : len(ANGLES)]
        apart = [
            _warped_distance(cycle_of(signal, a, b)[:, : len(ANGLES)], reference) for a, b in pairwise(bounds.tolist())
        ]
        figures.setdefault("form baseline, recordings", []).append((each.label, each.good, -float(np.mean(apart))))
        rows = figures.setdefault("form baseline, repetitions", [])
        rows.extend((each.label, each.good, -distance) for distance in apart)


def _peaks(signal: np.ndarray) -> float:
    """Count peaks of the first principal component that rise above its middle by half a standard deviation."""
    centred = signal - signal.mean(axis=0)
    line = smoothed(centred @ np.linalg.eigh(np.cov(centred.T))[1][:, [-1]], 9)[:, 0]
    above, below = line > line.std() / 2, line < -line.std() / 2
    count, is_up = 0, False
    for high, low in zip(above, below, strict=True):
        count += int(high and not is_up)
        is_up = (is_up or high) and not low
    return float(count)


def _warped_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean distance of two cycles along the cheapest way through both."""
    apart = np.linalg.norm(first[:, None] - second[None], axis=-1)
    total = np.full((len(first) + 1, len(second) + 1), np.inf)
    total[0, 0] = 0.0
    for i, row in enumerate(apart, 1):
        for j, cost in enumerate(row, 1):
            total[i, j] = cost + min(total[i - 1, j], total[i, j - 1], total[i - 1, j - 1])
    return float(total[-1, -1] / (len(first) + len(second)))


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


GRID_SECONDS = 0.8
"""Time between two windows of the training."""


def train_model(sessions: list[Session]) -> Model:
    """Train a classifier of windows, and heads on its answers for people whom it has not seen."""
    classify, settings, labels = train_classifier(sessions)
    answered = []
    for person in sorted({each.person for each in sessions}):
        others, _, known = train_classifier([each for each in sessions if each.person != person])
        model = Model(others, tuple(known), "kinect20", 4, WINDOW, FPS)
        for session in (each for each in sessions if each.person == person):
            answers, times = answers_of(model, session.poses, session.times)
            nearest = np.searchsorted(session.times, times).clip(0, len(session.times) - 1)
            answered.append(Answered(answers, [session.labels[frame] for frame in nearest]))
    heads = fit_heads(answered, round(WINDOW / FPS / HOP_SECONDS))
    return Model(classify, tuple(labels), "kinect20", 4, WINDOW, FPS, settings.model_copy(update={"heads": heads}))


def train_classifier(sessions: list[Session]) -> tuple[Callable[[np.ndarray], np.ndarray], CoachSettings, list[str]]:
    """Train kernel ridge regression on windows that are labelled by their middle."""
    labels = sorted({label for session in sessions for label in session.labels})
    rows, targets = [], []
    for session in sessions:
        grid = np.arange(0, session.times[-1], GRID_SECONDS)
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

    known: dict[bytes, np.ndarray] = {}

    def classify(window: np.ndarray) -> np.ndarray:
        key = hashlib.sha256(window.tobytes()).digest()  # a session is followed offline and live
        if key not in known:
            known[key] = answer(window)
        return known[key]

    def answer(window: np.ndarray) -> np.ndarray:
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


def measure_sessions(sessions: list[Session], people: list[int], predictions: Path | None) -> Iterator[Row]:
    """Recognise the sessions of held-out people, offline and live, with and without heads."""
    truth: list[list[str]] = []
    found: dict[str, list[list[str]]] = {
        f"{mode}{part}": [] for part in (", without heads", "") for mode in ("offline", "live")
    }
    timelines, agreements = [], []
    for person in people:
        model = train_model([each for each in sessions if each.person != person])
        plain = replace(model, settings=model.settings.model_copy(update={"heads": None}))
        for number, session in enumerate(each for each in sessions if each.person == person):
            truth.append(session.labels)
            for name, predicted in found.items():
                used = plain if "without" in name else model
                coach = Coach("kinect20", used, offline=name.startswith("offline"))
                name_of_session = f"person {person}, session {number}, {name}"
                timelines.append(follow_recording(coach, session.poses, session.times, name_of_session))
                predicted.append(labels_at(timelines[-1].segments, session.times))
            cut = len(session.times) // 2
            shorter = follow_recording(Coach("kinect20", model), session.poses[:cut], session.times[:cut])
            labels_of_cut = labels_at(shorter.segments, session.times[:cut])
            agreements.append(causal_agreement(found["live"][-1], labels_of_cut, session.times[:cut]))
    for name, predicted in found.items():
        yield row(f"sessions, {name}", session_metrics(truth, predicted))
    yield Row("sessions, live, cut short", {"causal_agreement": float(np.mean(agreements))})
    if predictions:
        write_atomically(predictions, json.dumps(as_predictions(timelines), indent=1) + "\n")


class Row(NamedTuple):
    """One line of figures."""

    name: str
    figures: dict[str, float | None]


def row(name: str, figures: Any) -> Row:
    """Return the figures of a data class, without its tables."""
    return Row(name, {key: value for key, value in asdict(figures).items() if not isinstance(value, dict)})


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table, with all figures of a row in one cell."""
    lines = ["| measured | figures |", "| --- | --- |"]
    for each in rows:
        shown = ", ".join(
            f"{key.replace('_', ' ')} {'-' if value is None else f'{value:.2f}'}" for key, value in each.figures.items()
        )
        lines.append(f"| {each.name} | {shown} |")
    return "\n".join(lines) + "\n"


def measure(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield all rows that are wanted."""
    figures: dict[str, list[Any]] = {}
    if set(arguments.only) - {"sessions"}:
        recordings = ui_prmd(arguments.datasets)
        measures = {"counting": measure_counting, "form": measure_form, "corrections": measure_corrections}
        for person in arguments.people:
            references = references_of([each for each in recordings if each.person != person])
            held_out = [each for each in recordings if each.person == person]
            for part in arguments.only:
                if part in measures:
                    measures[part](held_out, references, figures)
            measure_baselines(held_out, references, figures)
    summaries: dict[str, Callable[[list[Any]], Any]] = {
        "counting live": lambda pairs: live_metrics(*zip(*pairs, strict=True)),
        "counting": lambda pairs: counting_metrics(*zip(*pairs, strict=True)),
        "form": form_metrics,
        "corrections": correction_metrics,
    }
    for name, rows in sorted(figures.items()):
        yield row(name, next(summary for start, summary in summaries.items() if name.startswith(start))(rows))
    if "counting" in arguments.only:
        for movement, cycles, sides, counted in count_baduanjin(arguments.datasets):
            yield Row(f"counting, {movement}", {"cycles": cycles, "sides": sides, "counted": round(counted, 2)})
    if "sessions" in arguments.only:
        sessions = utkinect(arguments.datasets)
        people = sorted({each.person for each in sessions} & set(arguments.people))
        yield from measure_sessions(sessions, people, arguments.predictions)


def main() -> None:
    """Print one line for each table of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--people", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6, 7, 9], help="held-out people; default: %(default)s"
    )
    parser.add_argument("--datasets", type=Path, default=DATASETS, help="folder of the recorded data sets")
    parser.add_argument("--predictions", type=Path, help="also write the timelines of the sessions to this JSON file")
    parser.add_argument("--write", action="store_true", help=f"write the figures to {RESULTS.name}")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure; default: all")
    arguments = parser.parse_args()
    rows = []
    for each in measure(arguments):
        shown = "  ".join(f"{key} {'-' if value is None else f'{value:.3f}'}" for key, value in each.figures.items())
        print(f"{each.name:<42}{shown}", flush=True)
        rows.append(each)
    if arguments.write:
        content = {"people": arguments.people, "rows": {each.name: each.figures for each in rows}}
        write_atomically(RESULTS, json.dumps(content, indent=1) + "\n")
        page = DOCUMENT.read_text(encoding="utf-8")
        before, _, after = page.partition(BEGIN)
        write_atomically(DOCUMENT, before + BEGIN + table(rows) + END + after.partition(END)[2])


if __name__ == "__main__":
    main()
