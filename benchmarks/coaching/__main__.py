"""Measures the coach on recorded people that it has not seen, with the metrics of `serving_targets/coach/metrics.py`.

.venv/bin/python -m benchmarks.coaching [--people 1 3] [--datasets FOLDER] [--only counting ...] [--write]

Counting, form and corrections are measured on UI-PRMD: the references are made of the good repetitions of all other
people, and the exercise is known. No incorrect repetition is used. The counts of Baduanjin are made without any
reference. Sessions are those of UTKinect. The classifier of their windows is not the pipeline's network, but kernel
ridge regression, which trains on the other people in seconds; the heads of the recogniser are fitted to answers for
people whom a classifier has not seen, and its networks of poses as in the pipeline. They read four seconds before a
moment and, offline, after it, so they may learn what usually follows; the order of the actions is not used otherwise.

Simple methods are measured in the same way, as rows `baseline`: peaks of the first principal component, and distance to
the reference by dynamic time warping of joint angles.
`--write` keeps all rows in `benchmarks/results/coaching.json`, and in the table of `docs/coach.md`.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.coaching.baselines import measure_baselines
from benchmarks.coaching.exercises import (
    count_baduanjin,
    measure_corrections,
    measure_counting,
    measure_form,
    references_of,
)
from benchmarks.coaching.recordings import Session, ui_prmd, utkinect
from benchmarks.coaching.window_model import train_model
from data.files import write_atomically
from serving_targets.coach.coach import Coach, follow_recording
from serving_targets.coach.metrics import (
    causal_agreement,
    correction_metrics,
    counting_metrics,
    form_metrics,
    live_metrics,
    session_metrics,
)
from serving_targets.coach.timeline import as_predictions, labels_at

DATASETS = Path(os.environ.get("POSELINE_DATASETS") or Path(__file__).parents[3] / "shared" / "data")
RESULTS = Path(__file__).parents[1] / "results" / "coaching.json"
DOCUMENT = Path(__file__).parents[2] / "docs" / "coach.md"
BEGIN, END = "<!-- coaching -->\n", "<!-- /coaching -->\n"
PARTS = ("counting", "form", "corrections", "sessions")


def measure_sessions(sessions: list[Session], people: list[int], predictions: Path | None) -> Iterator[Row]:
    """Recognise the sessions of held-out people, offline and live, with and without heads."""
    truth: list[list[str]] = []
    found: dict[str, list[list[str]]] = {
        f"{mode}{part}": [] for part in (", without heads", "") for mode in ("offline", "live")
    }
    timelines, agreements = [], []
    for person in people:
        model = train_model([each for each in sessions if each.person != person])
        plain = replace(model, settings=model.settings.model_copy(update={"heads": None, "poses": None}))
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
