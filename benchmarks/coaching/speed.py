"""Measures the time of the coach for a frame, and its memory, while it recognises, counts, scores and corrects.

.venv/bin/python -m benchmarks.coaching.speed BUNDLE [DATA] [--minutes 10] [--hours 8] [--fps 30] [--write]

The sessions in DATA are pushed one after the other as one endless stream, live; without DATA, synthetic practices of
Baduanjin. Times are processor times of the thread: for the frames after which no window is classified, and for the mean
frame of each step of the recognition. Memory is the most that the process ever had, Python and all libraries included.
`--write` keeps the figures in `benchmarks/results/coaching_speed.json` and in the table of `docs/coach.md`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.coaching.__main__ import DOCUMENT, Row, table
from data.errors import InputError
from data.files import write_atomically
from data.records import KeypointSequence
from data.store import read_sequences, span_folder
from data.synthetic.baduanjin import SyntheticSpec, generate
from serving_targets.bundle import load_bundle
from serving_targets.classifier import Classifier
from serving_targets.coach.coach import Coach, shipped_model
from serving_targets.coach.recognition import hop_of
from serving_targets.coach.settings import read_references

RESULTS = Path(__file__).parents[1] / "results" / "coaching_speed.json"
BEGIN, END = "<!-- coaching speed -->\n", "<!-- /coaching speed -->\n"
_PAUSE_SECONDS = 5.0
"""Time between two sessions, in which nobody is in view."""


def sessions_of(data: Path | None, fps: float) -> list[KeypointSequence]:
    """Return the sessions of a data folder, or synthetic ones.

    Raises:
        InputError: the folder has no sessions of one layout.
    """
    if data is None:
        return list(generate(SyntheticSpec(subjects=4, repetitions=0, sessions=4, fps=fps, seed=7)))
    found = [each for each in read_sequences(span_folder(data, None)) if each.segments]
    if len({each.layout for each in found}) != 1:
        raise InputError("there are no sessions of one layout", str(data), "give data with segments")
    return found


def stream(sessions: Sequence[KeypointSequence], seconds: float) -> Iterator[tuple[np.ndarray, float]]:
    """Yield poses and their times until a duration is reached: one session after the other, again and again."""
    start = 0.0
    for session in itertools.cycle(sessions):
        times = session.frame_times - session.frame_times[0] + start
        for pose, moment in zip(session.keypoints, times.tolist(), strict=True):
            if moment >= seconds:
                return
            yield pose, moment
        start = float(times[-1]) + _PAUSE_SECONDS


class Stopwatch:
    """A coach that is timed.

    Attributes:
        coach: the coach.
        events: kind of event to its number.
    """

    def __init__(self, bundle: Path, layout: str) -> None:
        loaded = load_bundle(bundle)
        predict = Classifier(loaded.int8_model).predict

        def classify(window: np.ndarray) -> np.ndarray:
            self._classified += 1
            return predict(window)

        self._classified = 0
        model = shipped_model(loaded, classify)
        self.coach = Coach(layout, model, read_references(loaded.folder))
        self.step_seconds = hop_of(model) / model.fps
        self.events: Counter[str] = Counter()
        self.bytes = sum(file.bytes for file in loaded.manifest.files if file.path in _ON_THE_DEVICE)

    def push(self, pose: np.ndarray, moment: float) -> tuple[float, bool]:
        """Push a pose and return the processor time in microseconds, and whether a window was classified."""
        classified = self._classified
        before = time.thread_time_ns()
        events = self.coach.push(pose, moment)
        spent = time.thread_time_ns() - before
        self.events.update(event.kind for event in events)
        return spent / 1000, self._classified > classified


_ON_THE_DEVICE = ("model_int8.tflite", "references.json", "coach.json")


def measure(bundle: Path, sessions: Sequence[KeypointSequence], minutes: float, hours: float) -> Iterator[Row]:
    """Yield time, then memory."""
    watch = Stopwatch(bundle, sessions[0].layout)
    timed = [(*watch.push(pose, moment), moment) for pose, moment in stream(sessions, 60 * minutes)]
    spent, classified, moments = (np.array(column) for column in zip(*timed, strict=True))
    steps = np.unique(np.floor(moments / watch.step_seconds), return_inverse=True)[1]
    means = np.bincount(steps, spent) / np.bincount(steps)
    yield Row("bundle on the device, bytes", {"all": float(watch.bytes)})
    yield Row("events", {kind: float(number) for kind, number in sorted(watch.events.items())})
    yield Row("frame without inference, ms", _quantiles(spent[~classified]))
    yield Row("frame, mean of a step, ms", _quantiles(means))
    if not hours:
        return
    watch = Stopwatch(bundle, sessions[0].layout)
    hour = 1
    most: dict[str, float | None] = {}
    for pose, moment in stream(sessions, 3600 * hours):
        if moment >= 3600 * hour:
            most[f"after {hour} h"] = _megabytes()
            hour *= 2
        watch.coach.push(pose, moment)
    yield Row("memory, MB", most | {f"after {hours:g} h": _megabytes()})


def _quantiles(microseconds: np.ndarray) -> dict[str, float | None]:
    return {f"p{part}": float(np.quantile(microseconds, part / 100)) / 1000 for part in (50, 95)}


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the figures of the bundle of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="folder of a pushed version or of a push target")
    parser.add_argument("data", type=Path, nargs="?", help="data folder with sessions; default: synthetic ones")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the stream that is timed")
    parser.add_argument("--hours", type=float, default=8.0, help="length of the stream for the memory; 0 for none")
    parser.add_argument("--fps", type=float, default=30.0, help="frames per second of synthetic sessions")
    parser.add_argument("--write", action="store_true", help="keep the figures")
    arguments = parser.parse_args()
    rows = []
    sessions = sessions_of(arguments.data, arguments.fps)
    for each in measure(arguments.bundle, sessions, arguments.minutes, arguments.hours):
        print(f"{each.name:<32}{'  '.join(f'{key} {value:.3f}' for key, value in each.figures.items())}", flush=True)
        rows.append(each)
    if arguments.write:
        write_atomically(RESULTS, json.dumps({each.name: each.figures for each in rows}, indent=1) + "\n")
        page = DOCUMENT.read_text(encoding="utf-8")
        before, _, after = page.partition(BEGIN)
        write_atomically(DOCUMENT, before + BEGIN + table(rows) + END + after.partition(END)[2])


if __name__ == "__main__":
    main()
