"""What `explain-cache` compares with: the last record of a node that succeeded."""

import os
from types import SimpleNamespace

from payloads.node_record import NodeRecord
from pipelines.compilation.fingerprint import Closure
from pipelines.running.forecast import changes_since_last
from pipelines.workspace import Workspace


def record(workspace, run, age, **values):
    written = NodeRecord(node="Trainer", **values)
    written.write(workspace.run_folder(run))
    os.utime(NodeRecord.file(workspace.run_folder(run), "Trainer"), (1_000_000 - age, 1_000_000 - age))


def changes(workspace, key):
    plan = SimpleNamespace(config=SimpleNamespace(name="gymnastics"), code={"Trainer": Closure((), frozenset())})
    return changes_since_last(plan, workspace, "Trainer", key)


def test_changes_are_those_since_the_newest_success_of_the_same_pipeline(tmp_path):
    workspace = Workspace(tmp_path)
    assert changes(workspace, {"parameter epochs": "3"}) == []
    record(workspace, "gymnastics-1", 30, state="done", key={"parameter epochs": "1"})
    record(workspace, "gymnastics-2", 20, state="cached", key={"parameter epochs": "2"}, code={"run.py": "abc"})
    record(workspace, "gymnastics-3", 10, state="failed", key={"parameter epochs": "3"})
    record(workspace, "other-1", 5, state="done", key={"parameter epochs": "4"})
    NodeRecord.file(workspace.run_folder("gymnastics-2"), "Trainer").with_name("Evaluator.json").write_text("{")
    assert changes(workspace, {"parameter epochs": "3"}) == ["code run.py: gone (was abc)", "parameter epochs: 2 -> 3"]


def test_a_damaged_record_is_passed_over(tmp_path):
    workspace = Workspace(tmp_path)
    record(workspace, "gymnastics-1", 30, state="done", key={"parameter epochs": "1"})
    damaged = NodeRecord.file(workspace.run_folder("gymnastics-2"), "Trainer")
    damaged.parent.mkdir()
    damaged.write_text('{"state": "do')
    assert changes(workspace, {"parameter epochs": "3"}) == ["parameter epochs: 1 -> 3"]
