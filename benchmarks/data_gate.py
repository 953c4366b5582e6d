"""Counts the mistakes of DataGate: sound data that it stops, and faults that it does not stop.

Sound data are random divisions of the people of a recorded data set into training and test split. Faults are injected
into synthetic people, who are compared with other synthetic people, as a second span is with the first.

TFDV's statistics and the gate's own judgement are used as in a run, without the pipeline around them, so that a
division takes a second or two. `keypoints` itself has no statistics here; its faults are found by its shape and range.

Usage: python -m benchmarks.data_gate [--divisions 200] [--data-root FOLDER] [upper5 nw_ucla]
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import DATASETS, imported
from data.health import window_health
from data.layouts import load_layout
from data.records import KeypointSequence
from data.store import read_sequences, span_folder
from data.synthetic import SyntheticSpec, generate
from data.text import say
from data.windows import WindowSpec, cut_windows
from payloads.data_judgement import Finding
from payloads.window_table import RowWriter
from pipelines.config import PipelineConfig, load_config
from schema.window_contract import read_window_contract

SHARES = (0.2, 1 / 3, 0.5)
"""Shares of the people in the test split, in turn."""

Columns = dict[str, np.ndarray]
Change = Callable[[np.ndarray], np.ndarray]
"""Function that gets the keypoints of a clip, `[T, J, 3]`, and returns faulty ones."""

_LEFT_OUT = ("keypoints", "label_id", "start_frame")


def columns_of(sequences: Iterable[KeypointSequence], config: PipelineConfig) -> Columns:
    """Return the features of all windows that a configuration cuts from sequences, but for their keypoints."""
    contract = read_window_contract(config.schema_file)
    spec = WindowSpec(length=contract.length, **config.windows.model_dump())
    cut = [(clip, window) for clip in sequences for window in cut_windows(clip, spec)]
    health = window_health([window for _, window in cut], load_layout(config.layout))
    texts = {
        name: [getattr(clip, name) or "" for clip, _ in cut] for name in ("label", "subject", "view", "sequence_id")
    }
    extremes = {f"keypoints_{end}": [getattr(w.keypoints, at)() for _, w in cut] for end, at in _ENDS}
    return {
        **{name: np.array(values, object) for name, values in texts.items()},
        **health,
        **{name: np.array(values, np.float32) for name, values in extremes.items()},
    }


_ENDS = (("least", "min"), ("greatest", "max"))


class Gate:
    """DataGate with the schema and the policy of a configuration."""

    def __init__(self, config: PipelineConfig) -> None:
        import tensorflow_data_validation as tfdv

        self._policy = config.read_gates().data_gate
        self._schema = tfdv.load_schema_text(str(config.schema_file))
        kept = [feature for feature in self._schema.feature if feature.name not in _LEFT_OUT]
        del self._schema.feature[:]
        self._schema.feature.extend(kept)

    def judge(self, splits: Mapping[str, Columns], baseline: Mapping[str, Columns]) -> list[Finding]:
        """Return the findings about a span.

        Args:
            splits: features of the windows of each split.
            baseline: the same of the span to compare with; empty if there is none.
        """
        import tensorflow_data_validation as tfdv

        from components.data_gate.judge import Evidence, judge
        from components.data_gate.window_evidence import WindowEvidence

        statistics = {split: _statistics(columns) for split, columns in splits.items()}
        before = {split: _statistics(columns) for split, columns in baseline.items()}
        anomalies = {
            split: tfdv.validate_statistics(
                found,
                self._schema,
                previous_statistics=before.get(split),
                serving_statistics=None if split == "train" else statistics["train"],
            )
            for split, found in statistics.items()
        }
        with tempfile.TemporaryDirectory() as folder:
            for split, columns in splits.items():
                with RowWriter(Path(folder), split, 0, 1) as table:
                    for row in zip(*columns.values(), strict=True):
                        table.add(dict(zip(columns, row, strict=True)))
            evidence = Evidence(anomalies, statistics, before, "the other span", WindowEvidence(Path(folder)))
            return judge(evidence, self._policy)


def _statistics(columns: Columns) -> Any:
    import pyarrow as pa
    import tensorflow_data_validation as tfdv
    from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory

    arrays = {
        name: pa.array([[v] for v in values], pa.large_list(pa.string() if values.dtype == object else pa.float32()))
        for name, values in columns.items()
        if not name.startswith("keypoints_")
    }
    return generate_statistics_in_memory(pa.RecordBatch.from_pydict(arrays), tfdv.StatsOptions())


def divided(columns: Columns, tested: Sequence[str]) -> dict[str, Columns]:
    """Return the windows of the training split and of the test split, which has the given people."""
    chosen = np.isin(columns["subject"].astype(str), tested)
    return {
        split: {name: values[rows] for name, values in columns.items()}
        for split, rows in (("train", ~chosen), ("test", chosen))
    }


def false_stops(gate: Gate, columns: Columns, divisions: int, seed: int = 0) -> tuple[int, Counter[str]]:
    """Return how many random divisions of the people are stopped, and how often each finding stops one."""
    people = sorted(set(columns["subject"].astype(str)))
    random = np.random.default_rng(seed)
    stopped, why = 0, Counter[str]()
    for number in range(divisions):
        count = max(1, round(SHARES[number % len(SHARES)] * len(people)))
        findings = gate.judge(divided(columns, random.permutation(people)[:count].tolist()), {})
        faults = {f"{finding.feature} {finding.anomaly}" for finding in findings if finding.stops}
        stopped += bool(faults)
        why.update(faults)
    return stopped, why


def _each(change: Change) -> Callable[[Sequence[KeypointSequence]], list[KeypointSequence]]:
    return lambda sequences: [replace(s, keypoints=change(s.keypoints.copy()).astype(np.float32)) for s in sequences]


def _linear(scale: Sequence[float], shift: Sequence[float] = (0, 0, 0)) -> Change:
    return lambda keypoints: keypoints * np.array(scale) + np.array(shift)


def _at(joints: Sequence[str], value: Any) -> Change:
    def change(keypoints: np.ndarray) -> np.ndarray:
        keypoints[:, [load_layout("coco17").index(joint) for joint in joints]] = value
        return keypoints

    return change


def _exchanged(pairs: Sequence[tuple[str, str]]) -> Change:
    def change(keypoints: np.ndarray) -> np.ndarray:
        order = np.arange(keypoints.shape[1])
        for pair in pairs:
            first, second = (load_layout("coco17").index(joint) for joint in pair)
            order[[first, second]] = order[[second, first]]
        return keypoints[:, order]

    return change


def _noisy(keypoints: np.ndarray) -> np.ndarray:
    keypoints[..., :2] += np.random.default_rng(0).normal(0, 0.06, keypoints[..., :2].shape)
    return keypoints


def _half_unsure(clips: Sequence[KeypointSequence]) -> list[KeypointSequence]:
    people = sorted({clip.subject for clip in clips})
    unsure = _each(_linear((1, 1, 0.34)))
    return [new if clip.subject in people[::2] else clip for clip, new in zip(clips, unsure(clips), strict=True)]


_SIDES = load_layout("coco17").mirror
_ARMS = (("left_elbow", "right_elbow"), ("left_wrist", "right_wrist"), ("left_shoulder", "right_shoulder"))

FAULTS: dict[str, Callable[[Sequence[KeypointSequence]], list[KeypointSequence]]] = {
    "people stand a quarter of the image lower": _each(_linear((1, 1, 1), (0, 0.25, 0))),
    "a wrist is frozen": _each(_at(["left_wrist"], [0.5, 0.5, 0.9])),
    "a new class": lambda clips: [replace(s, label="fist") if s.label == "lift_the_sky" else s for s in clips],
    "left and right are exchanged": _each(lambda k: k[:, list(_SIDES)]),
    "pixels instead of image heights": _each(_linear((480, 480, 1))),
    "people have half the size": _each(_linear((0.5, 0.5, 1))),
    "people are upside down": _each(_linear((1, -1, 1), (0, 1, 0))),
    "x and y are exchanged": _each(lambda k: k[..., [1, 0, 2]]),
    "the image is mirrored": _each(_linear((-1, 1, 1), (1, 0, 0))),
    "wrists and ankles are exchanged": _each(
        _exchanged([("left_wrist", "left_ankle"), ("right_wrist", "right_ankle")])
    ),
    "arms are on the other side": _each(_exchanged(_ARMS)),
    "every frame is the first": _each(lambda k: np.repeat(k[:1], len(k), axis=0)),
    "joints jump": _each(_noisy),
    "the confidence is a tenth": _each(_linear((1, 1, 0.1))),
    "the confidence of every other person is a third": _half_unsure,
}
"""Name of each fault to the function that injects it; the first four are also sent through the whole pipeline by
`tests/components/test_spans_through_the_gate.py`."""


def missed_faults(names: Iterable[str] = FAULTS) -> dict[str, list[str]]:
    """Return what stops each fault; nothing for a fault that is missed."""
    config = load_config("baduanjin")
    gate = Gate(config)
    first, second = (tuple(generate(SyntheticSpec(subjects=7, repetitions=1, seed=seed))) for seed in (1, 2))
    baseline = _span(first, config)
    found = {}
    for name in names:
        findings = gate.judge(_span(FAULTS[name](second), config), baseline)
        found[name] = sorted({f"{finding.feature} {finding.anomaly}" for finding in findings if finding.stops})
    return found


def _span(sequences: Sequence[KeypointSequence], config: PipelineConfig) -> dict[str, Columns]:
    return divided(columns_of(sequences, config), [sequences[0].subject])


def main() -> None:
    """Print the table of `docs/data-quality.md`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["upper5", "nw_ucla"])
    parser.add_argument("--divisions", type=int, default=200)
    parser.add_argument("--data-root", type=Path, default=DATASETS, help="folder of the .npz files (docs/datasets.md)")
    arguments = parser.parse_args()
    say("| sound data | stopped | by |\n| --- | ---: | --- |")
    for name in arguments.names:
        config = load_config(name)
        with tempfile.TemporaryDirectory() as folder:
            data = imported(name, Path(folder) / name, arguments.data_root)
            columns = columns_of(read_sequences(span_folder(data, None)), config)
        stopped, why = false_stops(Gate(config), columns, arguments.divisions)
        reasons = ", ".join(f"{reason} {count}" for reason, count in why.most_common())
        say(f"| {name}, {arguments.divisions} divisions of its people | {stopped} | {reasons} |")
    say("\n| fault | stopped by |\n| --- | --- |")
    for name, reasons_ in missed_faults().items():
        say(f"| {name} | {', '.join(reasons_) or 'MISSED'} |")


if __name__ == "__main__":
    main()
