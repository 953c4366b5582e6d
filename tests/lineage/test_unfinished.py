"""Which runs of an orchestrator are under way, by their plans and the records of their nodes."""

import json
import os

import pytest

from lineage.places import plans_folder, run_folder
from lineage.unfinished import DAYS, NODES, runs_under_way
from payloads.node_record import NodeRecord

RUN = "tiny-1"


@pytest.fixture
def plan(tmp_path):
    """The plan of a run of two nodes, made a minute ago."""
    path = plans_folder(tmp_path) / f"{RUN}.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"run": {"id": RUN, NODES: {"Gen": [], "Trainer": ["Gen"]}}}))
    age(path, 60)
    return path


def age(path, seconds):
    now = path.stat().st_mtime
    os.utime(path, (now - seconds, now - seconds))


def record(root, node, state, seconds=0):
    NodeRecord(node=node, state=state).write(run_folder(root, RUN))
    age(NodeRecord.file(run_folder(root, RUN), node), seconds)


def test_a_run_is_under_way_until_its_last_node_has_succeeded(tmp_path, plan):
    assert runs_under_way(tmp_path) == [RUN]
    record(tmp_path, "Gen", "done", 30)
    assert runs_under_way(tmp_path) == [RUN]
    record(tmp_path, "Trainer", "failed", 20)
    assert runs_under_way(tmp_path) == [RUN]
    record(tmp_path, "Trainer", "cached", 10)
    assert runs_under_way(tmp_path) == []


def test_a_node_that_was_cleared_has_to_succeed_again(tmp_path, plan):
    record(tmp_path, "Gen", "done", 30)
    record(tmp_path, "Trainer", "done", 20)
    record(tmp_path, "Gen", "done", 10)
    assert runs_under_way(tmp_path) == [RUN]
    record(tmp_path, "Trainer", "done", 5)
    assert runs_under_way(tmp_path) == []
    age(plan, -60)
    assert runs_under_way(tmp_path) == [RUN], "the whole run was prepared again"


def test_a_run_that_does_nothing_for_a_week_is_given_up(tmp_path, plan):
    record(tmp_path, "Gen", "failed", 3600)
    age(plan, DAYS * 86400)
    assert runs_under_way(tmp_path) == [RUN]
    record(tmp_path, "Gen", "failed", DAYS * 86400 + 60)
    assert runs_under_way(tmp_path) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"run": {}}', '{"run": {"nodes": ["Gen"]}}', "[" * 9999])
def test_what_is_no_plan_of_a_run_is_not_under_way(tmp_path, plan, content):
    plan.write_text(content)
    assert runs_under_way(tmp_path) == []


def test_a_root_without_plans_has_no_run_under_way(tmp_path):
    assert runs_under_way(tmp_path) == []
