"""The auditor's questions on stores of three kinds that contain the same runs."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.lineage.sql_oracle import CACHED, COMPLETE, FAILED, SqlOracle

STATES = {COMPLETE: "done", CACHED: "cached", FAILED: "failed"}


@pytest.fixture(scope="module")
def oracle(recorded):
    return SqlOracle(recorded.root, recorded.url)


def bundle(recorded, version=1) -> Path:
    return recorded.root / "pushed" / "tiny" / str(version)


def test_a_bundle_that_was_copied_and_renamed_is_traced_to_its_run_and_people(recorded, oracle, tmp_path):
    shutil.copytree(bundle(recorded), tmp_path / "on a phone")
    answer = recorded.ask("trace", str(tmp_path / "on a phone"), "--json").json
    first = recorded.runs_named("first")[0]
    assert answer["known"]
    assert answer["made_by"]["run"] == answer["trained_by"]["run"] == first
    assert answer["push"]["version"] == "1"
    [data] = answer["data"]
    table = pq.read_table(Path(oracle.uri(data["artifact"])) / "sequences.parquet").to_pylist()
    assert data["subjects"] == {
        split: sorted({row["subject"] for row in table if row["split"] == split}) for split in ("train", "eval", "test")
    }
    assert set(answer["lineage"]["artifacts"]) == oracle.upstream(answer["artifact"]["id"])
    assert {gate["node"] for gate in answer["gates"]} == {
        *("DataGate", "Evaluator", "ModelValidator", "ServingSmoke", "SessionEvaluator")
    }
    assert answer["code"]["git_commit"]
    assert answer["trained_by"]["parameters"]["custom_config"]["seed"] == 0
    assert answer["schema"][0]["content_digest"]


@pytest.mark.parametrize("name", ["model_int8.tflite", "saved_model", "model_float.tflite"])
def test_a_part_of_a_bundle_is_traced_alone(recorded, tmp_path, name):
    source = bundle(recorded, 2) / name
    target = tmp_path / "renamed"
    shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    answer = recorded.ask("trace", str(target), "--json").json
    assert answer["push"]["version"] == "2"
    assert answer["trained_by"]["parameters"]["custom_config"]["seed"] == 1
    assert answer["model"]["type"] == "Model"


def test_one_byte_changed_is_unknown(recorded, tmp_path):
    shutil.copytree(bundle(recorded), tmp_path / "copy")
    file = tmp_path / "copy" / "model_int8.tflite"
    content = bytearray(file.read_bytes())
    content[7] ^= 1
    file.write_bytes(content)
    answer = recorded.ask("trace", str(tmp_path / "copy"), "--json", expect=1).json
    assert answer["files"] == ["model_int8.tflite"]
    assert not answer["known"]
    message = recorded.ask("trace", str(file), expect=1).text
    assert "unknown" in message
    assert recorded.runs_named("first")[0] in message, "the message repeats the run that the manifest claims"


def test_an_altered_manifest_still_says_what_it_claims(recorded, tmp_path):
    shutil.copytree(bundle(recorded), tmp_path / "copy")
    manifest = tmp_path / "copy" / "manifest.json"
    content = json.loads(manifest.read_text()) | {"labels": 3, "files": None}
    manifest.write_text(json.dumps(content))
    (tmp_path / "copy" / "model_int8.tflite").write_bytes(b"another model")
    message = recorded.ask("trace", str(tmp_path / "copy"), expect=1).text
    assert recorded.runs_named("first")[0] in message


def test_a_bundle_mixed_of_two_is_unknown(recorded, tmp_path):
    shutil.copytree(bundle(recorded), tmp_path / "copy")
    shutil.copy(bundle(recorded, 2) / "model_int8.tflite", tmp_path / "copy" / "model_int8.tflite")
    recorded.ask("trace", str(tmp_path / "copy"), expect=1)


def test_a_target_that_is_neither_file_nor_id_is_wrong_use(recorded):
    assert "no file" in recorded.ask("trace", "nothing here", expect=2).text
    assert "no artifact" in recorded.ask("trace", "99999", expect=2).text


def test_the_trace_of_every_artifact_agrees_with_the_raw_tables(recorded, oracle):
    for artifact in oracle.column("SELECT id FROM Artifact"):
        answer = recorded.ask("trace", str(artifact), "--json").json
        assert set(answer["lineage"]["artifacts"]) == oracle.upstream(artifact), artifact


def test_the_impact_of_every_artifact_agrees_with_the_raw_tables(recorded, oracle):
    for artifact in oracle.column("SELECT id FROM Artifact"):
        answer = recorded.ask("impact", str(artifact), "--json").json
        found = {id_ for ids in answer["artifacts"].values() for id_ in ids}
        # The answer also contains the other inputs of what was made.
        assert oracle.downstream([artifact]) <= found
        made = {e for e in found if e in oracle.downstream([artifact])}
        assert {m["id"] for m in answer["models"] if m["id"] in made} == made & oracle.of_type("Model")


def test_impact_says_which_models_saw_a_person_and_how(recorded):
    def saw(person):
        answer = recorded.ask("impact", "--subject", person, "--json").json
        return {(m["trained"] if "trained" in m else m["id"]): m["how"] for m in answer["models"]}, answer

    # Persons 0 and 3 are in train, 1 and 4 in eval, 2 and 5 in test; span 2 holds persons 2 to 6.
    trained, answer = saw("person 3")
    assert set(trained.values()) == {"trained on"}
    assert len(trained) == 4
    assert {push["version"] for push in answer["pushes"]} == {"1", "2", "3"}
    assert all(push["there"] == ["tiny"] for push in answer["pushes"])
    assert [push["version"] for push in answer["pushes"] if push["in_use"]] == ["3"]
    only_first, _ = saw("person 0")
    assert len(only_first) == 2, "the person is not in the second span"
    chosen, _ = saw("person 4")
    assert set(chosen.values()) == {"chosen by"}
    tested, _ = saw("person 5")
    assert set(tested.values()) == {"only tested on"}
    assert "no recorded data" in recorded.ask("impact", "--subject", "person 99", expect=1).text


def test_impact_finds_the_models_and_pushes_of_a_span(recorded):
    answer = recorded.ask("impact", "--span", "2", "--json").json
    assert len(answer["models"]) == 2
    assert [push["version"] for push in answer["pushes"]] == ["3"]
    assert recorded.ask("impact", "--span", "77", expect=1)
    assert "exactly one of" in recorded.ask("impact", expect=2).text


def test_the_state_of_every_node_agrees_with_the_raw_tables(recorded, oracle):
    listed = recorded.ask("runs", "--json", "--limit", "100").json
    names = oracle.column("SELECT c.name FROM Context c JOIN Type t ON t.id = c.type_id WHERE t.name = 'pipeline_run'")
    assert {run["run_id"] for run in listed} == names
    for run in listed:
        assert run["nodes"] == {node: STATES[state] for node, state in oracle.states(run["run_id"]).items()}
    assert [run["run_id"] for run in listed] == sorted(names, reverse=True)


def test_a_run_names_the_origin_of_cached_results(recorded):
    first, unchanged = recorded.runs_named("first")[0], recorded.runs_named("unchanged")[0]
    answer = recorded.ask("run", unchanged, "--json").json
    assert answer["state"] == "cached" or {a["state"] for a in answer["attempts"]} == {"cached", "done"}
    for attempt in answer["attempts"]:
        if attempt["node"] != "LatestBlessedModel":
            assert attempt["cached_from"]["run"] == first, attempt
    assert answer["properties"]["git_commit"]


def test_a_run_shows_failed_attempts_with_their_messages(recorded):
    answer = recorded.ask("run", recorded.runs_named("another seed")[0], "--json").json
    attempts = [a for a in answer["attempts"] if a["node"] == "Trainer"]
    assert [a["state"] for a in attempts] == ["failed", "done"], "the retry is an attempt of its own"
    assert "made to fail" in attempts[0]["failure"]
    refused = recorded.ask("run", recorded.runs_named("new data")[0]).text
    assert "the data is not fit" in refused


def test_a_killed_node_is_shown_as_failed(recorded):
    listed = recorded.ask("runs", "--json").json
    [killed] = {run["run_id"] for run in listed} - {entry["run"] for entry in recorded.log}
    [attempt] = [a for a in recorded.ask("run", killed, "--json").json["attempts"] if a["node"] == "Reader"]
    assert attempt["state"] == "failed"
    assert attempt["failure"] == "its process ended without recording how"


def test_a_partial_run_names_the_origin_of_reused_nodes(recorded):
    answer = recorded.ask("run", recorded.runs_named("from the Trainer")[0], "--json").json
    taken = {a["node"]: a["cached_from"]["run"] for a in answer["attempts"] if a["cached_from"]}
    assert taken["Transform"] == recorded.runs_named("first")[0]
    assert taken["Trainer"] == recorded.runs_named("another seed")[0]


def test_diff_names_the_parameter_that_changed(recorded):
    first, later = recorded.runs_named("first")[0], recorded.runs_named("from the Trainer")[0]
    answer = recorded.ask("diff", first, later, "--json").json
    assert answer["parameters"] == {"Trainer": {"custom_config.seed": [0, 1]}}
    assert answer["summary"] == "changed: parameters Trainer.custom_config.seed"
    assert not answer["data"]
    assert not answer["environment"]


def test_diff_names_the_sequences_and_people_that_came_and_went(recorded, oracle):
    first, later = recorded.runs_named("first")[0], recorded.runs_named("new data again")[0]
    answer = recorded.ask("diff", first, later, "--json").json
    rows = [{tuple(row) for row in json.loads(oracle.parameter(run, "Reader", "rows"))} for run in (first, later)]
    assert {entry[0] for entry in answer["data"]["added"]} == {row[0] for row in rows[1] - rows[0]}
    assert {entry[0] for entry in answer["data"]["gone"]} == {row[0] for row in rows[0] - rows[1]}
    assert answer["data"]["subjects_gone"] == ["person 0", "person 1"]
    assert answer["data"]["subjects_added"] == ["person 6"]
    assert "sequences added" in answer["summary"]


def test_nothing_differs_between_a_run_and_its_repetition(recorded):
    first, unchanged = recorded.runs_named("first")[0], recorded.runs_named("unchanged")[0]
    assert "nothing differs" in recorded.ask("diff", first, unchanged).text


def test_diff_shows_figures_by_slice(recorded):
    before, after = recorded.runs_named("new data again")[0], recorded.runs_named("not blessed")[0]
    answer = recorded.ask("diff", before, after, "--json").json
    assert answer["figures"]["accuracy"] == [0.6, 0.2]
    assert answer["slices"]["label=bow"]["accuracy"] == [0.6, 0.2]


def test_why_names_the_run_compared_with_and_what_changed(recorded):
    first, unchanged = recorded.runs_named("first")[0], recorded.runs_named("unchanged")[0]
    assert recorded.ask("why-cached", "Trainer", unchanged, "--json").json["compared_with"] == first
    ran = recorded.ask("why-ran", "Trainer", recorded.runs_named("another seed")[0], "--json").json
    assert ran["parameters"] == {"custom_config.seed": [0, 1]}
    assert ran["compared_with"] == unchanged
    moved = recorded.ask("why-ran", "EdgeConverter", recorded.runs_named("from the Trainer")[0], "--json").json
    assert list(moved["inputs"]) == ["model"]
    assert recorded.ask("why-cached", "Trainer", first, expect=1).text
    assert "no node" in recorded.ask("why-ran", "Nobody", first, expect=2).text


def test_blame_names_the_run_and_the_change_that_moved_a_figure(recorded):
    history = recorded.ask("blame", "accuracy", "--json").json["history"]
    moved = [entry for entry in history if entry["change"]]
    assert [entry["run"] for entry in moved] == [
        *recorded.runs_named("not blessed"),
        *recorded.runs_named("back to what was blessed"),
    ]
    assert "Evaluator.quality" in moved[0]["cause"]
    assert "there are" in recorded.ask("blame", "beauty", expect=2).text


def test_everything_is_as_it_was_recorded(recorded):
    answer = recorded.ask("verify", "--all", "--json").json
    assert answer["faults"] == []
    assert answer["without_digest"] == []
    assert answer["versions"] == 3


def test_every_execution_and_artifact_carries_what_an_audit_needs(recorded):
    store = recorded.store()
    executions = [e for part in store.whole() for e in part.executions.values()]
    for execution in executions:
        assert execution.node
        assert execution.run
        assert {"git_commit", "git_dirty", "lock_digest"} <= execution.properties.keys(), execution
        assert execution.node == "LatestBlessedModel" or execution.properties["code_digest"]
        if execution.node != "LatestBlessedModel":  # it makes nothing
            cached = "cached_from" in execution.properties
            # A process that was killed may have recorded the origin of a cached node, but not yet its state.
            assert (execution.state == "CACHED") == cached or "recovered" in execution.properties
        assert execution.started <= execution.ended
    for artifact in (a for part in store.whole() for a in part.artifacts.values()):
        assert len(artifact.properties["content_digest"]) == 64
        assert artifact.properties["files"] >= 1
        assert "bytes" in artifact.properties


def test_no_file_of_a_root_contains_the_password(recorded):
    if recorded.url is None:
        pytest.skip("SQLite has no password")
    for path in recorded.root.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"s3cret" not in content, path
