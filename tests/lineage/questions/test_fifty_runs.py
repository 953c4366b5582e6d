"""Answers about fifty real runs (cached, failed, retried, killed, partial), compared with the raw tables."""

import itertools
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lineage.artifact_types import PUSHED_MODEL
from lineage.questions import impact, trace
from lineage.questions.diff import compare
from lineage.questions.run import describe_run
from tests.lineage.sql_oracle import CACHED, COMPLETE, FAILED, SqlOracle

STATES = {COMPLETE: "done", CACHED: "cached", FAILED: "failed"}


@pytest.fixture(scope="module")
def oracle(fifty):
    return SqlOracle(fifty.root, None)


@pytest.fixture(scope="module")
def store(fifty):
    return fifty.store()


def people_in(oracle, artifact):
    table = pq.read_table(Path(oracle.uri(artifact)) / "sequences.parquet").to_pylist()
    return {(row["sequence_id"], row["subject"], row["label"], row["split"]) for row in table}


def sources(oracle):
    examples = oracle.of_type("Examples")
    return {artifact for artifact in examples if (Path(oracle.uri(artifact)) / "sequences.parquet").exists()}


def test_the_history_has_fifty_runs_with_cached_failed_and_killed_nodes(fifty, oracle):
    names = oracle.column("SELECT c.name FROM Context c JOIN Type t ON t.id = c.type_id WHERE t.name = 'pipeline_run'")
    assert len(names) >= 50
    states = [state for name in names for state in oracle.states(name).values()]
    assert states.count(CACHED) > 100
    assert states.count(FAILED) >= 5
    [[recovered]] = oracle.rows("SELECT COUNT(*) FROM ExecutionProperty WHERE name = 'recovered'")
    assert recovered >= 3


def test_the_trace_of_everything_names_its_artifacts_and_people(store, oracle):
    for artifact in oracle.column("SELECT id FROM Artifact"):
        answer = trace.trace(store, trace.Found([store.artifact(artifact)], []))
        behind = oracle.upstream(artifact)
        assert set(answer.lineage.artifacts) == behind
        subjects_of = {entry.artifact: entry.subjects for entry in answer.data}
        for examples, subjects in subjects_of.items():
            expected = {(subject, split) for _, subject, _, split in people_in(oracle, examples)}
            assert {(s, split) for split, found in subjects.items() for s in found} == expected
        made_of = behind & sources(oracle)
        assert set(subjects_of) <= made_of


def test_the_impact_of_every_artifact_is_complete(store, oracle):
    for artifact in oracle.column("SELECT id FROM Artifact"):
        graph = store.downstream(artifact)
        made = {edge.artifact_id for edge in graph.edges if edge.kind == "output"} | {artifact}
        assert made == oracle.downstream([artifact]), artifact


def test_the_impact_of_every_person_names_examples_models_and_pushes(store, oracle):
    everyone = {subject for artifact in sources(oracle) for _, subject, _, _ in people_in(oracle, artifact)}
    assert len(everyone) >= 7
    for person in everyone:
        holding = {a: {split for _, s, _, split in people_in(oracle, a) if s == person} for a in sources(oracle)}
        holding = {a: splits for a, splits in holding.items() if splits}
        start = impact.of_subject(store, person)
        assert start == holding
        answer = impact.impact(store, start)
        expected = oracle.downstream(holding) & oracle.of_type("Model")
        assert {model.id for model in answer.models} == expected
        for model in answer.models:
            behind = oracle.upstream(model.id)
            learned = {split for a in holding.keys() & behind for split in holding[a]} & {"train", "eval"}
            assert {split for split in model.saw if split != "test"} == learned
        pushed = {push.artifact for push in answer.pushes}
        assert pushed == {
            artifact
            for artifact in oracle.downstream(holding) & oracle.of_type("PushedModel")
            if json.loads((Path(oracle.uri(artifact)) / "push.json").read_text())["pushed"]
        }


def test_every_run_is_described_as_it_is_in_the_tables(store, oracle):
    for run in store.runs(None):
        described = describe_run(store, run)
        assert described.nodes == {node: STATES[state] for node, state in oracle.states(run.name).items()}
        for attempt in described.attempts:
            if attempt.state == "cached" and attempt.node != "LatestBlessedModel":
                assert attempt.cached_from.execution < attempt.execution
            if attempt.state == "failed":
                assert attempt.failure


def test_diff_finds_every_change_from_the_run_before(store, oracle, fifty):
    ordered = store.runs(None)[::-1]
    changed = 0
    for before, after in itertools.pairwise(ordered):
        answer = compare(store, fifty.root, before, after)
        outputs = [oracle.outputs(run.name) for run in (before, after)]
        assert set(answer.artifacts.same) == outputs[0] & outputs[1]
        assert set(answer.artifacts.only_after) == outputs[1] - outputs[0]
        read = [outputs[i] & sources(oracle) for i in (0, 1)]
        if read[0] and read[1]:
            left, right = (people_in(oracle, min(found)) for found in read)
            if read[0] != read[1]:
                assert {tuple(entry) for entry in answer.data.added} == right - left
                assert {tuple(entry) for entry in answer.data.gone} == left - right
            else:
                assert not answer.data
        for node, name in (("Trainer", "custom_config"), ("Evaluator", "quality")):
            values = [oracle.parameter(run.name, node, name) for run in (before, after)]
            if None not in values and values[0] != values[1]:
                assert node in answer.parameters, (before.name, after.name)
                changed += 1
    assert changed >= 8


def test_the_trace_of_a_push_contains_every_verdict_on_it(store, oracle):
    for artifact in oracle.of_type("PushedModel"):
        answer = trace.trace(store, trace.Found([store.artifact(artifact)], []))
        gates = {(gate.node, gate.gate) for gate in answer.gates}
        assert {
            ("Evaluator", "evaluator accuracy"),
            ("ModelValidator", "max_bytes"),
            ("ServingSmoke", "max_latency_p95_ms"),
        } <= gates
        assert all(gate.passed or gate.lacks_data for gate in answer.gates) == answer.push.pushed
        assert answer.artifact.type == PUSHED_MODEL
