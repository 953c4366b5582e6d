"""What a crash or a failing disk can leave in a root does not hinder the next run."""

import json

import pytest

pytestmark = pytest.mark.e2e


def test_damaged_files_of_the_root_do_not_hinder_the_next_run(bench, first_run):
    plans = list((bench.root / "plans").glob("*.json"))
    for number, plan in enumerate(plans):
        plan.write_bytes(plan.read_bytes()[: 1000 * (number % 2)])
    records = {path: path.read_bytes() for path in bench.root.glob("runs/*/*.json")}
    for number, record in enumerate(records):
        record.write_text(["", '{"node": "Tr', "[]", "null"][number % 4])
    for number, content in enumerate(['{"pipel', "", "{}", '["x"]', json.dumps(dict.fromkeys(("run_id", "x"), "y"))]):
        (bench.root / "running" / f"baduanjin-{number}.Trainer.json").write_text(content)
    (bench.root / "running" / "folder.json").mkdir()
    report = bench.run()
    for record, content in records.items():  # other tests of the session read them
        record.write_bytes(content)
    assert plans
    assert records
    assert {node["state"] for node in report["nodes"].values()} <= {"cached", "resolved"}
    assert [path.name for path in (bench.root / "running").iterdir()] == ["folder.json"]
    (bench.root / "running" / "folder.json").rmdir()


@pytest.mark.parametrize("left", [None, b""], ids=["missing", "empty"])
def test_a_new_store_does_not_take_the_payloads_of_a_lost_one_for_its_own(bench, first_run, left):
    store, kept = bench.root / "metadata.sqlite", bench.root / "kept"
    store.rename(kept)
    if left is not None:
        store.write_bytes(left)
    try:
        done = bench.poseline(*bench.run_arguments(), expect=2)
    finally:
        store.unlink(missing_ok=True)
        kept.rename(store)
    assert "their metadata store is missing or empty" in done.stderr
    assert "restore the store from a backup" in done.stderr
    assert bench.run()["nodes"]["Trainer"]["state"] == "cached"
