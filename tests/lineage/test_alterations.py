"""Payloads and targets that are altered between runs are noticed and named, and the remedy leads to a push."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
ENDED = {"cached", "done", "resolved"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("alterations") / "root"


@pytest.fixture(scope="module")
def log(root):
    """What the runs of `record_alterations` did and said, by case."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.lineage.record_alterations", str(root)],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT), "POSELINE_METADATA": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return json.loads((root / "alterations.json").read_text())


def nodes(entry, state):
    return {node for node, found in entry["states"].items() if found == state}


def test_a_byte_flipped_in_any_payload_is_refused_and_named(log):
    flipped = {case.split(" ", 1)[1]: entry for case, entry in log.items() if case.startswith("flip ")}
    assert len({case.split()[-1] for case in flipped}) == 13
    for case, entry in flipped.items():
        id_, type_, file, node = case.split()
        assert nodes(entry, "failed") == {node}, case
        assert f"artifact {id_} ({type_}, made by {node}): " in entry["error"]
        assert f"/{file} was altered" in entry["error"]
        assert entry["foreseen"][node] == "failed"
        assert entry["versions"] == ["1"]
        assert not nodes(entry, "done")


@pytest.mark.parametrize(
    "case", ["unchanged", "restored", "damaged records of comparisons", "no records of comparisons", "at last"]
)
def test_without_a_difference_nothing_runs(log, case):
    assert set(log[case]["states"].values()) == {"cached", "resolved"}


@pytest.mark.parametrize(
    ("case", "node", "says"),
    [
        ("examples", "Transform", "windows was altered"),
        ("blessing", "Evaluator", "BLESSED was altered"),
        ("push record", "Pusher", "push.json was altered"),
        ("link", "EdgeConverter", "model_int8.tflite was altered (it is a link now)"),
        ("extra", "Trainer", "extra.txt was added"),
        ("missing, and the list of files damaged", "EdgeConverter", "the list of its files is missing or damaged"),
        ("baseline", "Trainer", "saved_model.pb was altered"),
    ],
)
def test_the_remedy_leads_to_a_push(log, case, node, says):
    assert f"made by {node}): " in log[case]["error"]
    assert says in log[case]["error"]
    assert log[case]["remedy"]["code"] == 0
    then = log[f"{case}, then"]
    assert set(then["states"].values()) <= ENDED
    assert then["states"]["Pusher"] == "done"
    assert case == "baseline" or then["states"][node] == "done"
    assert {name for name, state in then["foreseen"].items() if state == "done"} >= nodes(then, "done")


def test_a_run_that_starts_in_the_middle_refuses_what_it_takes_from_an_earlier_run(log):
    assert nodes(log["from the middle"], "failed") == {"ModelValidator"}
    assert "made by EdgeConverter" in log["from the middle"]["error"]
    assert nodes(log["from the middle, then"], "done") >= {"EdgeConverter", "Pusher"}


def test_a_step_of_an_orchestrator_refuses_what_was_altered_after_the_step_before(log):
    assert log["step"]["states"] == {"EdgeConverter": "failed"}
    assert "made by Trainer" in log["step"]["error"]
    assert log["step, then"]["states"] == {"Trainer": "done", "EdgeConverter": "done"}


def test_what_was_set_aside_is_kept_as_evidence_and_no_fault(log, root):
    from click.testing import CliRunner

    from pipelines.cli.main import main

    answer = CliRunner().invoke(main, ["lineage", "verify", "--all", "--json", "--root", str(root)])
    verified = json.loads(answer.output)
    assert len(verified["set_aside"]) == 9
    assert {fault["kind"] for fault in verified["faults"]} <= {"altered", "missing"}
    assert all("/pushed/" in fault["path"] or "/phone/" in fault["path"] for fault in verified["faults"])


@pytest.mark.parametrize(
    ("case", "reason", "latest"),
    [
        ("version lost", "no longer has the pushed version", "3"),
        ("latest lost", "has `latest` at no version, not at version 3", "3"),
        ("latest re-pointed", "has `latest` at version 1, not at version 3", "3"),
        ("latest moved away", "has `latest` at no version", "3"),
        ("manifest altered", "the files of version 3 were altered", "4"),
        ("verdict altered", "the files of version 4 were altered", "5"),
        ("target added", "target 'phone' was added", "./2"),
        ("target removed", "was removed", "./2"),
        ("target emptied", "target 'phone' no longer has the pushed version", "./2"),
    ],
)
def test_a_target_that_is_not_as_the_configuration_wants_it_is_pushed_again(log, case, reason, latest):
    assert nodes(log[case], "done") == {"Pusher"}
    assert log[case]["foreseen"]["Pusher"] == "done"
    assert reason in log[case]["reason"]
    assert log[case]["latest"] == latest


def test_a_link_out_of_the_target_is_not_taken_for_a_version_and_not_replaced(log):
    entry = log["latest leads elsewhere"]
    assert nodes(entry, "failed") == {"Pusher"}
    assert "is not a link to a version" in entry["error"]
    assert (entry["latest"].split("/")[-2:], entry["versions"]) == (["elsewhere", "1"], ["2", "3"])


def test_the_record_of_a_push_claims_the_targets_of_the_configuration_only(log):
    assert log["target added"]["phone"] == "5"
    assert list(log["target removed"]["targets"]) == ["phone"]
    assert log["target emptied"]["phone"] is not None


def test_a_rollback_stays_until_there_is_a_new_version(log):
    assert set(log["rolled back"]["states"].values()) == {"cached", "resolved"}
    assert log["rolled back"]["latest"] == "./2"
    assert log["new model after a rollback"]["latest"] == "6"
    assert log["settings of an earlier model"]["latest"] == "5"
