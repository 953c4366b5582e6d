"""Verification of altered, missing, extra and orphaned files, and removal of payloads by `prune` and `forget`."""

import json
import os
import shutil
from pathlib import Path

import pytest

from lineage.places import plans_folder
from lineage.questions.removal import remove
from lineage.store import backend
from lineage.store.locking import using_root
from lineage.store.reader import LineageStore
from lineage.unfinished import NODES
from tests.lineage.conftest import record
from tests.surroundings import NAMES, make_surroundings, new_names, snapshot


def everything(recorded):
    found = {}
    for part in LineageStore(recorded.connection()).whole():
        found |= part.artifacts
    return found


def named(recorded, type_, state="LIVE"):
    return [a for a in everything(recorded).values() if a.type == type_ and a.state == state]


def faults(recorded, expect=1):
    answer = recorded.ask("verify", "--all", "--json", expect=expect).json
    return {(fault["kind"], fault["path"]) for fault in answer["faults"]}


def test_verify_names_altered_missing_extra_and_orphaned_files(changeable):
    model = Path(named(changeable, "Model")[0].uri) / "Format-Serving" / "saved_model.pb"
    content = bytearray(model.read_bytes())
    content[3] ^= 1
    times = model.stat()
    model.write_bytes(content)
    os.utime(model, ns=(times.st_atime_ns, times.st_mtime_ns))
    shipped = changeable.root / "pushed/tiny/1/model_int8.tflite"
    shipped.write_bytes(b"int9" + shipped.read_bytes()[4:])
    gone = Path(named(changeable, "Schema")[0].uri) / "schema.pbtxt"
    gone.unlink()
    extra = Path(named(changeable, "PoselineEdgeModel")[0].uri) / "extra"
    extra.write_text("x")
    whole = Path(named(changeable, "ModelEvaluation")[0].uri)
    shutil.rmtree(whole)
    orphan = changeable.root / "artifacts/tiny/Trainer/model/9999"
    orphan.mkdir()
    assert faults(changeable) == {
        ("altered", str(model)),
        ("altered", str(shipped)),
        ("missing", str(gone)),
        ("extra", str(extra)),
        ("missing", str(whole)),
        ("orphaned", str(orphan)),
    }
    assert changeable.ask("trace", str(shipped), expect=1)


def test_verify_of_one_run_reads_that_run_alone(changeable):
    runs = [run["run_id"] for run in changeable.ask("runs", "--json").json]
    [newest] = LineageStore(changeable.connection()).run_subgraph("latest").of_type("PoselineEdgeModel")
    first = runs[-1]
    (Path(newest.uri) / "model_int8.tflite").write_bytes(b"")
    changeable.ask("verify", first)
    assert "altered" in changeable.ask("verify", runs[0], expect=1).text
    changeable.ask("verify", expect=2)


def test_prune_only_lists_payloads_without_yes(changeable):
    before = everything(changeable)
    planned = changeable.ask("prune", "--keep", "1", "--json").json
    assert planned["remove"]
    assert not planned["done"]
    assert everything(changeable) == before
    assert all(Path(entry["uri"]).is_dir() for entry in planned["remove"])


def test_prune_never_removes_what_is_kept_served_or_blessed(changeable):
    store = LineageStore(changeable.connection())
    protected = set()
    for artifact in everything(changeable).values():
        pushed = artifact.type == "PushedModel" and artifact.properties.get("pushed")
        blessed = artifact.type == "ModelBlessing" and artifact.properties.get("blessed")
        if pushed or blessed:
            protected |= store.upstream(artifact.id).artifacts.keys()
    kept = set(store.run_subgraph(store.runs(1)[0]).artifacts)
    done = changeable.ask("prune", "--keep", "1", "--yes", "--json").json
    removed = {entry["id"] for entry in done["remove"]}
    assert {"Model", "PoselineEdgeModel"} <= {entry["type"] for entry in done["remove"]}, "one model was never blessed"
    assert not removed & (protected | kept)
    for id_, artifact in everything(changeable).items():
        assert (artifact.state == "DELETED") == (id_ in removed)
        assert Path(artifact.uri).is_dir() == (id_ not in removed)
    changeable.ask("verify", "--all")
    assert not changeable.ask("prune", "--keep", "1", "--json").json["remove"], "nothing is left to do"


def test_prune_keeps_what_a_run_of_an_orchestrator_needs_between_two_tasks(changeable):
    planned = changeable.ask("prune", "--keep", "0", "--json").json["remove"]
    store = LineageStore(changeable.connection())
    run = next(run for run in store.runs(None) if {a["id"] for a in planned} & set(store.run_subgraph(run).artifacts))
    plan = plans_folder(changeable.root) / f"{run.name}.json"
    plan.parent.mkdir(exist_ok=True)
    plan.write_text(json.dumps({"run": {NODES: {"Trainer": [], "Pusher": ["Trainer"]}}}))
    answer = changeable.ask("prune", "--keep", "0", "--yes", "--json").json
    assert answer["under_way"] == [run.name]
    needed = {edge.artifact_id for edge in store.edges_of_executions(e.id for e in store.executions_of(run))}
    assert not needed & {entry["id"] for entry in answer["remove"]}
    assert run.name in changeable.ask("prune", "--keep", "0").text


def test_a_pruned_payload_is_made_again_and_the_rest_is_still_cached(changeable, record_more):
    newest = LineageStore(changeable.connection()).run_subgraph("latest")
    [target] = newest.of_type("PoselineEdgeModel")
    mlmd = backend.open_store(changeable.connection())
    assert remove(mlmd, changeable.root, [target.id]) == 1
    states = record_more(changeable)
    made_again = {node for node, state in states.items() if state == "done"}
    assert "EdgeConverter" in made_again
    assert states["Trainer"] == "cached"
    changeable.ask("verify", "--all")


def test_a_prune_that_was_interrupted_is_finished_by_the_next(changeable):
    planned = changeable.ask("prune", "--keep", "1", "--json").json["remove"]
    victim = next(entry for entry in planned if Path(entry["uri"]).is_dir())
    shutil.copytree(victim["uri"], changeable.root / "aside")
    changeable.ask("prune", "--keep", "1", "--yes")
    shutil.copytree(changeable.root / "aside", victim["uri"])
    assert faults(changeable) >= {("orphaned", victim["uri"])}
    again = changeable.ask("prune", "--keep", "1", "--yes", "--json").json["remove"]
    assert [entry["id"] for entry in again] == [victim["id"]]
    assert not Path(victim["uri"]).exists()


def test_nothing_is_removed_while_a_node_runs(changeable):
    with using_root(changeable.root):
        for question in (("prune", "--keep", "0"), ("forget", "--subject", "person 3"), ("set-aside",)):
            assert "a run is in progress" in changeable.ask(*question, "--yes", expect=2).text


def test_forget_removes_and_marks_only_with_yes(changeable):
    listed = changeable.ask("forget", "--subject", "person 3", "--json").json
    assert {entry["type"] for entry in listed["payloads"]} == {"Examples", "PoselineEdgeModel"}
    assert all(Path(entry["uri"]).is_dir() for entry in listed["payloads"])
    assert len(listed["retrain"]) == 4
    before = everything(changeable)
    changeable.ask("forget", "--subject", "person 3", "--yes")
    for entry in listed["payloads"]:
        assert not Path(entry["uri"]).exists()
    after = everything(changeable)
    for model in listed["retrain"]:
        assert after[model] == before[model], "a model's own record must stay as it is: it is part of cache keys"
        assert changeable.ask("trace", str(model), "--json").json["retrain"]
    marked = changeable.ask("impact", "--subject", "person 3", "--json").json
    assert all(model["retrain"] for model in marked["models"])
    assert "no recorded data" in changeable.ask("forget", "--subject", "nobody").text


def test_a_person_who_was_only_tested_on_has_no_model_retrained(changeable):
    listed = changeable.ask("forget", "--subject", "person 5", "--json").json
    assert listed["examples"]
    assert listed["retrain"] == []


@pytest.mark.parametrize("place", ["/", "elsewhere"])
def test_a_payload_outside_of_the_root_is_never_removed(changeable, place):
    outside = changeable.root / "elsewhere"
    outside.mkdir()
    mlmd = backend.open_store(changeable.connection())
    [artifact] = mlmd.get_artifacts_by_id([named(changeable, "Schema")[0].id])
    artifact.uri = "/" if place == "/" else str(outside)
    mlmd.put_artifacts([artifact])
    assert remove(mlmd, changeable.root, [artifact.id]) == 0
    assert outside.is_dir()


@pytest.fixture
def crowded(changeable, tmp_path):
    """A root with files of other people in all its folders, and a snapshot of these."""
    root, model = changeable.root, Path(named(changeable, "Model")[0].uri)
    before = snapshot(root)
    for folder in (root, root / "artifacts", model.parents[1], root / "running", root / "pushed/tiny"):
        make_surroundings(folder)
    for entry in (root / "running").iterdir():
        if entry.is_symlink() or not entry.is_file():  # named like an entry of the journal
            entry.rename(entry.with_name(f"tiny-1{entry.name}.Trainer.json"))
    elsewhere = make_surroundings(tmp_path / "elsewhere")
    for number in range(100):
        (elsewhere / str(number)).mkdir()
    (model.parents[1] / "link").symlink_to(elsewhere)
    foreign = snapshot(root)
    return changeable, {name: foreign[name] for name in foreign.keys() - before.keys()}, elsewhere


def test_what_is_not_recorded_is_never_removed(crowded):
    changeable, foreign, elsewhere = crowded
    before = snapshot(elsewhere)
    inside = elsewhere / named(changeable, "Model")[0].uri.rpartition("/")[2]
    mlmd = backend.open_store(changeable.connection())
    stranger = mlmd.get_artifacts_by_id([named(changeable, "Schema")[0].id])[0]
    for uri in (changeable.root / "artifacts", inside, changeable.root / "artifacts/tiny/Trainer/link" / inside.name):
        stranger.uri = str(uri)
        mlmd.put_artifacts([stranger])
        assert remove(mlmd, changeable.root, [stranger.id]) == 0
    changeable.ask("forget", "--subject", "person 3", "--yes")
    changeable.ask("prune", "--keep", "0", "--yes")
    assert [a for a in named(changeable, "Examples") if Path(a.uri).exists()] == []
    record(changeable.root, None, "again")
    new_names(foreign, changeable.root)
    assert new_names(before, elsewhere) == set()


def test_drawings_and_exports_change_nothing_but_their_targets(crowded):
    changeable, _, elsewhere = crowded
    commands = [("export", "--format", form) for form in ("openlineage", "prov", "csv", "parquet")]
    commands += [("report", "latest"), ("graph", "latest"), ("blame", "accuracy", "--limit", "2")]
    for command, name in zip(commands, NAMES, strict=False):
        ending = "" if "export" in command else ".html"
        target = elsewhere / f"{name}{ending}"
        if ending:
            (elsewhere / f".{name}{ending}").write_text("mine")
        before = snapshot(elsewhere)
        changeable.ask(*command, "--to", str(target))
        assert {new.partition("/")[0] for new in new_names(before, elsewhere)} == {target.name}
        if target.is_dir():
            changeable.ask(*command, "--to", str(target), "--overwrite", expect=2)
        else:
            changeable.ask(*command, "--to", str(target))
            target.write_text("mine")
            assert "--overwrite" in changeable.ask(*command, "--to", str(target), expect=2).text


def test_a_root_may_be_named_by_any_of_its_paths(changeable, monkeypatch, tmp_path):
    (tmp_path / "link").symlink_to(changeable.root)
    monkeypatch.chdir(changeable.root / "runs")
    for root in ("..", "../../root", tmp_path / "link"):
        found = type(changeable)(Path(root), None).ask("verify", "--all", "--json").json
        assert found["faults"] == []


def test_another_store_with_the_same_root_never_writes_into_its_folders(changeable):
    before = snapshot(changeable.root / "artifacts")
    (changeable.root / "metadata.sqlite").rename(changeable.root / "old.sqlite")
    with pytest.raises(AssertionError, match="their metadata store is missing or empty"):
        record(changeable.root, None, "again")
    assert snapshot(changeable.root / "artifacts") == before
