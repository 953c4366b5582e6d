"""Fifty real runs with caching, failures, retries, kills and parts: answers against a walk of the raw tables."""

import itertools
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lineage.artifact_types import PUSHED_MODEL
from lineage.questions import impact, runs, trace
from lineage.questions.diff import compare
from tests.lineage.sql_oracle import CACHED, COMPLETE, FAILED, Raw

STATES = {COMPLETE: "done", CACHED: "cached", FAILED: "failed"}


@pytest.fixture(scope="module")
def raw(fifty):
    return Raw(fifty.root, None)


@pytest.fixture(scope="module")
def store(fifty):
    return fifty.store()


def people_in(raw, artifact):
    table = pq.read_table(Path(raw.uri(artifact)) / "sequences.parquet").to_pylist()
    return {(row["sequence_id"], row["subject"], row["label"], row["split"]) for row in table}


def sources(raw):
    return {
        artifact for artifact in raw.of_type("Examples") if (Path(raw.uri(artifact)) / "sequences.parquet").exists()
    }


def test_the_history_is_what_it_is_said_to_be(fifty, raw):
    names = raw.column("SELECT c.name FROM Context c JOIN Type t ON t.id = c.type_id WHERE t.name = 'pipeline_run'")
    assert len(names) >= 50
    states = [state for name in names for state in raw.states(name).values()]
    assert states.count(CACHED) > 100
    assert states.count(FAILED) >= 5
    [[recovered]] = raw.rows("SELECT COUNT(*) FROM ExecutionProperty WHERE name = 'recovered'")
    assert recovered >= 3


def test_trace_of_everything(store, raw):
    for artifact in raw.column("SELECT id FROM Artifact"):
        answer = trace.trace(store, store.artifact(artifact))
        behind = raw.upstream(artifact)
        assert set(answer["lineage"]["artifacts"]) == behind
        told = {entry["artifact"]: entry["subjects"] for entry in answer["data"]}
        for examples, subjects in told.items():
            expected = {(subject, split) for _, subject, _, split in people_in(raw, examples)}
            assert {(s, split) for split, found in subjects.items() for s in found} == expected
        made_of = behind & sources(raw)
        assert set(told) <= made_of


def test_impact_of_every_artifact(store, raw):
    for artifact in raw.column("SELECT id FROM Artifact"):
        graph = store.downstream(artifact)
        made = {edge.artifact_id for edge in graph.edges if edge.kind == "output"} | {artifact}
        assert made == raw.downstream([artifact]), artifact


def test_impact_of_every_person(store, raw):
    everyone = {subject for artifact in sources(raw) for _, subject, _, _ in people_in(raw, artifact)}
    assert len(everyone) >= 7
    for person in everyone:
        holding = {a: {split for _, s, _, split in people_in(raw, a) if s == person} for a in sources(raw)}
        holding = {a: splits for a, splits in holding.items() if splits}
        start = impact.of_subject(store, person)
        assert start == holding
        answer = impact.impact(store, start)
        expected = raw.downstream(holding) & raw.of_type("Model")
        assert {model["id"] for model in answer["models"]} == expected
        for model in answer["models"]:
            behind = raw.upstream(model["id"])
            learned = {split for a in holding.keys() & behind for split in holding[a]} & {"train", "eval"}
            assert {split for split in model["saw"] if split != "test"} == learned
        pushed = {push["artifact"] for push in answer["pushes"]}
        assert pushed == {
            artifact
            for artifact in raw.downstream(holding) & raw.of_type("PushedModel")
            if json.loads((Path(raw.uri(artifact)) / "push.json").read_text())["pushed"]
        }


def test_runs_and_their_nodes(store, raw):
    for run in store.runs(None):
        described = runs.describe_run(store, run)
        assert described["nodes"] == {node: STATES[state] for node, state in raw.states(run.name).items()}
        for attempt in described["attempts"]:
            if attempt["state"] == "cached" and attempt["node"] != "LatestBlessedModel":
                assert attempt["cached_from"]["execution"] < attempt["execution"]
            if attempt["state"] == "failed":
                assert attempt["failure"]


def test_diff_of_every_run_with_the_one_before(store, raw, fifty):
    ordered = store.runs(None)[::-1]
    changed = 0
    for before, after in itertools.pairwise(ordered):
        answer = compare(store, fifty.root, before, after)
        outputs = [raw.outputs(run.name) for run in (before, after)]
        assert set(answer["artifacts"]["same"]) == outputs[0] & outputs[1]
        assert set(answer["artifacts"]["only_after"]) == outputs[1] - outputs[0]
        read = [outputs[i] & sources(raw) for i in (0, 1)]
        if read[0] and read[1]:
            left, right = (people_in(raw, min(found)) for found in read)
            if read[0] != read[1]:
                assert {tuple(entry) for entry in answer["data"]["added"]} == right - left
                assert {tuple(entry) for entry in answer["data"]["gone"]} == left - right
            else:
                assert not answer["data"]
        for node, name in (("Trainer", "custom_config"), ("Evaluator", "quality")):
            values = [raw.parameter(run.name, node, name) for run in (before, after)]
            if None not in values and values[0] != values[1]:
                assert node in answer["parameters"], (before.name, after.name)
                changed += 1
    assert changed >= 8


def test_every_verdict_that_led_to_a_push_is_told(store, raw):
    for artifact in raw.of_type("PushedModel"):
        answer = trace.trace(store, store.artifact(artifact))
        gates = {(gate["node"], gate["gate"]) for gate in answer["gates"]}
        assert {
            ("Evaluator", "evaluator accuracy"),
            ("ModelValidator", "max_bytes"),
            ("ServingSmoke", "max_latency_p95_ms"),
        } <= gates
        assert all(gate["passed"] for gate in answer["gates"]) == answer["push"]["pushed"]
        assert answer["artifact"]["type"] == PUSHED_MODEL
