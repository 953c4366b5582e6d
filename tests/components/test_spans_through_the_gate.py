"""Whole spans of synthetic Baduanjin, correct and faulty, through all components up to DataGate."""

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from data.errors import GateError
from data.layouts import load_layout
from data.store import content_digest, write_span
from data.synthetic import SyntheticSpec, generate
from data.windows import WindowSpec
from schema.gates import read_gates
from schema.window_contract import read_window_contract

SCHEMAS = Path(__file__).parents[2] / "schema"
CONTRACT = read_window_contract(SCHEMAS / "baduanjin.pbtxt")


@cache
def people(seed):
    return tuple(generate(SyntheticSpec(subjects=7, repetitions=1, seed=seed)))


class Span:
    """A span and the results of the components for it."""

    def __init__(self, folder, sequences, number):
        self.folder, self.number = folder, number
        write_span(folder / "data", number, sequences)
        self.examples, self.statistics = self.artifact("Examples"), self.artifact("ExampleStatistics")
        self._make_examples(sequences[0].subject)
        self._make_statistics()

    def artifact(self, kind):
        from tfx.types import standard_artifacts

        artifact = getattr(standard_artifacts, kind)()
        artifact.uri = str(self.folder / kind)
        return artifact

    def _make_examples(self, tested):
        import apache_beam as beam

        from components.keypoint_example_gen.executor import Executor

        context = Executor.Context(make_beam_pipeline_fn=lambda: beam.Pipeline("FnApiRunner"))
        split = {"method": "subjects", "subjects": {"train": ["*"], "test": [tested]}, "eval_share": 0}
        Executor(context).Do(
            {},
            {"examples": [self.examples]},
            {
                "span": self.number,
                "span_digest": content_digest(self.folder / "data" / f"span-{self.number}"),
                "data_folder": str(self.folder / "data"),
                "layout": "coco17",
                "labels": json.dumps(CONTRACT.labels),
                "windows": WindowSpec(length=CONTRACT.length, stride=24, fps=15).model_dump_json(),
                "split": json.dumps(split),
                "num_shards": 1,
            },
        )

    def _make_statistics(self):
        import apache_beam as beam
        from tfx.components.statistics_gen.executor import Executor

        context = Executor.Context(make_beam_pipeline_fn=lambda: beam.Pipeline("FnApiRunner"))
        Executor(context).Do({"examples": [self.examples]}, {"statistics": [self.statistics]}, {"exclude_splits": "[]"})

    def pass_the_gate(self, baseline=None):
        """Return the verdict, or raise GateError."""
        from components.artifacts.types import DataBlessing
        from components.data_gate.executor import Executor
        from components.example_validator.executor import Executor as Validator

        schema = self.artifact("Schema")
        schema.uri = str(self.folder / "schema")
        (self.folder / "schema").mkdir(exist_ok=True)
        (self.folder / "schema" / "schema.pbtxt").write_bytes((SCHEMAS / "baduanjin.pbtxt").read_bytes())
        anomalies, blessing = self.artifact("ExampleAnomalies"), DataBlessing()
        blessing.uri = str(self.folder / "blessing")
        given = {"statistics": [self.statistics], "baseline": [baseline.statistics] if baseline else []}
        Validator().Do(given | {"schema": [schema]}, {"anomalies": [anomalies]}, {})
        policy = read_gates(SCHEMAS / "gates.yaml").data_gate
        Executor().Do(
            given | {"anomalies": [anomalies], "examples": [self.examples]},
            {"blessing": [blessing]},
            {"policy": policy.model_dump_json()},
        )
        return json.loads((self.folder / "blessing" / "verdict.json").read_text())


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return Span(tmp_path_factory.mktemp("first"), people(seed=1), 1)


@pytest.fixture
def span(tmp_path):
    return lambda change: Span(tmp_path, change(people(seed=2)), 2)


def each(change):
    """Return a change of all sequences; `change` gets keypoints [T, J, 3] and returns the changed ones."""
    return lambda sequences: [replace(s, keypoints=change(s.keypoints.copy())) for s in sequences]


def shifted(keypoints):
    keypoints[..., 1] += 0.25
    return keypoints


def frozen_wrist(keypoints):
    keypoints[:, load_layout("coco17").index("left_wrist")] = [0.5, 0.5, 0.9]
    return keypoints


def swapped(keypoints):
    return np.ascontiguousarray(keypoints[:, list(load_layout("coco17").mirror)])


def new_class(sequences):
    return [replace(s, label="drunken_fist") if s.label == "lift_the_sky" else s for s in sequences]


def test_other_people_pass(first, span):
    assert first.pass_the_gate()["baseline"] is None
    verdict = span(lambda sequences: sequences).pass_the_gate(first)
    assert {finding["verdict"] for finding in verdict["findings"]} <= {"pass", "warn"}, (
        "the one person of the test split"
    )
    drifts = {entry["feature"]: entry for entry in verdict["compared"] if entry["comparison"] == "drift"}
    assert {"torso_length", "centre_x", "centre_y", "label", "sides", "broken_joint"} <= drifts.keys()
    assert verdict["baseline"]["span"] == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (each(shifted), ["centre_y", "drift", "Jensen-Shannon", "span 1", "people are in another part of the image"]),
        (each(frozen_wrist), ["broken_joint", "left_wrist frozen", "none in 90% of windows"]),
        (new_class, ["label", "drunken_fist", "one of 8 values", "a new one goes to the end"]),
        (each(swapped), ["sides", "swapped", "as_named, unclear in 90% of windows", "left and right are swapped"]),
    ],
    ids=["shifted", "broken joint", "new class", "swapped"],
)
def test_what_is_broken_is_stopped_by_name(first, span, change, words):
    broken = span(change)
    with pytest.raises(GateError) as raised:
        broken.pass_the_gate(first)
    text = " ".join(str(raised.value).split())
    assert [word for word in words if word not in text] == []
    assert raised.value.exit_code == 1
    assert not (broken.folder / "blessing").exists()
    windows, total = re.search(rf"train +{words[0]} +\w+ +([\d,]+) of ([\d,]+) ", raised.value.what).groups()
    assert 0.05 < int(windows.replace(",", "")) / int(total.replace(",", "")) <= 1
    ids = {s.sequence_id for s in people(seed=2)}
    assert sum(f'"{name}"' in text for name in ids) >= 3
