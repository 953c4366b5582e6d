"""The DAG file in Airflow's own interpreter, with a DAG manifest that the real compiler wrote."""

import json
import re

import pytest

from data.errors import ExitCode


def test_the_dag_parses_fast_and_without_tensorflow(facts):
    assert facts["heavy modules"] == []
    assert facts["parse"]["cpu"] < 0.3


def test_a_task_is_a_node_and_an_edge_is_an_edge(facts, root):
    nodes = json.loads((root / "manifests" / "baduanjin.json").read_text())["nodes"]
    assert facts["tasks"].keys() == {"prepare", *(node["id"] for node in nodes)}
    for node in nodes:
        task = facts["tasks"][node["id"]]
        assert task["upstream"] == (sorted(node["upstream"]) or ["prepare"])
        assert task["group"] == node["group"]
        assert (task["pool"] == "poseline_heavy") == node["heavy"]
        assert node["doc"] in task["doc"]
    assert [node["id"] for node in nodes if node["group"] == "other"] == [], (
        "describe it in pipelines/compilation/dag_manifest.py"
    )
    assert {node["id"] for node in nodes if node["heavy"]} >= {"Transform", "Trainer", "Evaluator", "EdgeConverter"}


def test_the_nodes_that_announce_are_nodes_of_the_graph(facts):
    announced = {name: task["announces"] for name, task in facts["tasks"].items() if task["announces"]}
    assert announced == {"Evaluator": "baduanjin blessed model", "Pusher": "baduanjin pushed bundle"}


def test_exit_codes_are_those_of_the_commands(facts):
    assert facts["exit codes"] == {code.name: code.value for code in ExitCode}


def test_what_an_airflow_user_expects_is_set(facts):
    assert facts["dag"] == {"runs": 1, "catchup": False, "on failure": True, "on success": True}
    for task in facts["tasks"].values():
        assert task["retries"] >= 2
        assert task["backoff"]
        assert task["timeout"] > 0
        assert task["rule"] == "none_failed"


def test_every_wrong_parameter_is_refused(facts):
    assert [what for what, message in facts["refused"].items() if not message] == []


def test_defaults_change_nothing_and_changes_become_overrides(facts):
    assert facts["overrides"] == [[], ["training.epochs=3", 'only_warn=["evaluator"]', "training.seed=1"]]


def test_an_unusable_manifest_is_an_import_error_that_says_what_to_do(facts):
    assert "there is no manifest" in facts["without a manifest"]
    for message in facts["unusable"].values():
        assert "poseline compile --config baduanjin" in message


def test_a_backfill_counts_spans_by_date_in_every_time_zone(facts):
    expected = [[str(day), f"1970-01-0{day + 1}T00:00:00+00:00", None] for day in (1, 2, 3)]
    assert {zones: found for zones, found in facts["spans"].items() if found != expected} == {}
    assert len(facts["spans"]) == 36


def test_time_alone_starts_nothing(facts):
    assert facts["spans by time alone"] == []


def test_only_complete_spans_are_seen(facts):
    assert facts["latest spans"] == [10, 0]


def test_the_name_of_a_run_may_name_a_file_and_is_found_by_pipeline(facts):
    names = facts["run ids"]
    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(r"baduanjin-[A-Za-z0-9_.-]{1,100}", name)


@pytest.mark.parametrize(
    ("situation", "kind", "words"),
    [
        ("wrong input", "AirflowFailException", ["no node 'Nonsense'", "the nodes are: "]),
        ("no environment", "AirflowFailException", ["make setup"]),
        ("damaged environment", "AirflowException", ["poseline doctor"]),
    ],
)
def test_a_failure_is_of_the_right_kind_and_says_what_to_do(facts, situation, kind, words):
    found, message = facts[situation]
    assert found == kind
    assert [word for word in words if word not in message] == []


def test_only_a_verdict_that_rejects_is_logged_as_an_error(facts):
    assert [line.partition(" (")[0] for line in facts["logged verdicts"]] == [
        "INFO passed: min_form_auc 0.4",
        "INFO not measured: min_edit: no session",
        "WARNING rejected, but this gate only warns: min_f1_10 0.4",
        "ERROR rejected: min_f1_50 0.4",
    ]


def test_what_a_command_prints_has_no_effect_in_logs_and_xcom(facts):
    shown = "\\x1b]0;owned\\x07\\x9b\\u202e<script> می\u200cخواهم"
    said = facts["said by a program"]
    assert said["result"] == {"reason": shown, "outputs": [{"uri": shown}]}
    assert said["log"][0].endswith(f" node 'a b{shown}'")
    assert said["log"][1:] == [f"INFO {shown}"]


def test_a_manifest_is_whole_or_not_there(root):
    assert [path.name for path in (root / "manifests").iterdir()] == ["baduanjin.json"]
