"""Exports are valid against the published schemas, complete, without names of people, and never half written."""

import json
import uuid
from pathlib import Path

import duckdb
import jsonschema
import prov.model
import pytest
import referencing

from tests.lineage.sql_oracle import INPUT, OUTPUT, SqlOracle

SCHEMAS = Path(__file__).parents[1] / "schemas"
sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def load(name):
    return json.loads((SCHEMAS / name).read_text())


@pytest.fixture(scope="module")
def openlineage():
    """Validator of events, and of each facet by its name."""
    core = referencing.Resource.from_contents(load("openlineage/OpenLineage.json"))
    registry = referencing.Registry(retrieve=lambda uri: core if uri.endswith("/OpenLineage.json") else None)

    def validator(schema):
        kind = jsonschema.Draft202012Validator
        return kind(schema, registry=registry, format_checker=kind.FORMAT_CHECKER)

    facets = {
        file.stem: validator(json.loads(file.read_text())) for file in (SCHEMAS / "openlineage").glob("*Facet.json")
    }
    return validator({"$ref": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"}), facets


def facets_of(event):
    yield from event["run"]["facets"].items()
    yield from event["job"]["facets"].items()
    for dataset in event.get("inputs", []) + event.get("outputs", []):
        yield from dataset["facets"].items()
        yield from dataset.get("inputFacets", {}).items()


def events(recorded, tmp_path, *more):
    recorded.ask("export", "--format", "openlineage", "--to", str(tmp_path / "events.ndjson"), *more)
    return [json.loads(line) for line in (tmp_path / "events.ndjson").read_text().splitlines()]


def test_openlineage_events_are_valid_and_complete(recorded, openlineage, tmp_path):
    event_schema, facet_schemas = openlineage
    found = events(recorded, tmp_path)
    seen = set()
    for event in found:
        event_schema.validate(event)
        uuid.UUID(event["run"]["runId"])
        for key, facet in facets_of(event):
            name = facet["_schemaURL"].rpartition("/")[2]
            facet_schemas[name].validate({key: facet})
            assert key in facet_schemas[name].schema["properties"], "a facet has its own key"
            seen.add(name)
    assert seen == set(facet_schemas), "every schema that is kept is used"
    oracle = SqlOracle(recorded.root, recorded.url)
    ended = [event for event in found if event["eventType"] in ("COMPLETE", "FAIL", "ABORT")]
    executions = {
        tag["value"] for event in ended for tag in event["run"]["facets"]["tags"]["tags"] if tag["key"] == "execution"
    }
    assert executions == {str(id_) for id_ in oracle.column("SELECT id FROM Execution")}
    assert any(event["eventType"] == "FAIL" and "errorMessage" in event["run"]["facets"] for event in found)
    starts = [event["run"]["runId"] for event in found if event["eventType"] == "START"]
    assert len(starts) == len(set(starts))
    assert {event["run"]["runId"] for event in ended} <= set(starts)
    assert {
        event["run"]["facets"]["parent"]["run"]["runId"] for event in ended if "parent" in event["run"]["facets"]
    } <= set(starts)


@sqlite
def test_the_openlineage_schemas_reject_wrong_events(openlineage, recorded, tmp_path):
    event_schema, facet_schemas = openlineage
    [event, *_] = events(recorded, tmp_path)
    for broken in (
        {key: value for key, value in event.items() if key != "job"},
        event | {"eventType": "DONE"},
        event | {"run": {"runId": "no uuid"}},
        event | {"job": {"namespace": "x"}},
        event | {"run": event["run"] | {"facets": {"tags": {"tags": []}}}},
    ):
        assert not event_schema.is_valid(broken)
    assert not facet_schemas["ParentRunFacet"].is_valid({"parent": {"_producer": "urn:x", "_schemaURL": "urn:y"}})


@sqlite
def test_the_same_store_gives_the_same_events(recorded, tmp_path):
    assert events(recorded, tmp_path) == events(recorded, tmp_path)
    texts = []
    for _ in range(2):
        recorded.ask("export", "--format", "prov", "--to", str(tmp_path / "prov.json"))
        texts.append((tmp_path / "prov.json").read_text())
    assert texts[0] == texts[1]


@sqlite
def test_one_run_is_exported_alone(recorded, tmp_path):
    first = recorded.runs_named("first")[0]
    found = events(recorded, tmp_path, "--run", first)
    assert {event["job"]["name"] for event in found} >= {"Trainer", "Pusher", "tiny"}
    assert len(found) == 2 * (1 + len(recorded.store().executions_of(recorded.store().run(first))))
    assert (
        "no run"
        in recorded.ask("export", "--format", "prov", "--to", str(tmp_path / "x"), "--run", "none", expect=2).text
    )


def test_prov_is_valid_and_another_program_reads_it(recorded, tmp_path):
    recorded.ask("export", "--format", "prov", "--to", str(tmp_path / "prov.json"))
    document = json.loads((tmp_path / "prov.json").read_text())
    schema = load("prov-json.schema.json")
    validator = jsonschema.validators.validator_for(schema)(schema)
    validator.validate(document)
    assert not validator.is_valid(document | {"used": {"_:1": {"prov:entity": 3}}})
    read = prov.model.ProvDocument.deserialize(tmp_path / "prov.json", format="json")
    oracle = SqlOracle(recorded.root, recorded.url)
    entities = list(read.get_records(prov.model.ProvEntity))
    assert {str(entity.identifier) for entity in entities} == {
        f"artifact:{id_}" for id_ in oracle.column("SELECT id FROM Artifact")
    }
    inputs = {tuple(row) for row in oracle.rows(f"SELECT execution_id, artifact_id FROM Event WHERE type IN {INPUT}")}
    used = {(str(record.args[0]), str(record.args[1])) for record in read.get_records(prov.model.ProvUsage)}
    assert used == {(f"execution:{e}", f"artifact:{a}") for e, a in inputs}
    made = [str(record.args[0]) for record in read.get_records(prov.model.ProvGeneration)]
    assert len(made) == len(set(made)), "a thing is made once"


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_tables_hold_what_the_store_holds(recorded, tmp_path, form):
    recorded.ask("export", "--format", form, "--to", str(tmp_path / "tables"))
    oracle = SqlOracle(recorded.root, recorded.url)

    def rows(query):
        return duckdb.sql(query).fetchall()

    there = tmp_path / "tables"
    assert {file.name for file in there.iterdir()} == {
        f"{name}.{form}" for name in ("runs", "nodes", "artifacts", "edges", "metrics", "subjects")
    }
    for table, source in (("nodes", "Execution"), ("artifacts", "Artifact")):
        ids = {row[0] for row in rows(f"SELECT id FROM '{there}/{table}.{form}'")}
        assert ids == oracle.column(f"SELECT id FROM {source}")
    for kind, types in (("input", INPUT), ("output", OUTPUT)):
        found = rows(f"SELECT node_id, artifact_id FROM '{there}/edges.{form}' WHERE kind = '{kind}'")
        events_ = oracle.rows(f"SELECT execution_id, artifact_id FROM Event WHERE type IN {types}")
        assert sorted(found) == sorted(tuple(row) for row in events_)
    assert rows(f"SELECT count(*) > 0, count(subject) FROM '{there}/subjects.{form}'") == [(True, 0)]
    with pytest.raises(AssertionError, match="the target exists already and is a folder"):
        recorded.ask("export", "--format", form, "--to", str(there))


@sqlite
@pytest.mark.parametrize("form", ["openlineage", "prov", "csv"])
def test_a_failed_export_leaves_nothing_and_keeps_the_file_before_it(recorded, tmp_path, monkeypatch, form):
    from lineage.store.reader import LineageStore

    target = tmp_path / "export"
    if form != "csv":
        target.write_text("before")

    def breaks(store):
        yield next(iter(whole(store)))
        raise OSError("the disk is full")

    whole = LineageStore.whole
    monkeypatch.setattr(LineageStore, "whole", breaks)
    with pytest.raises(AssertionError, match=r"exit code 3\n.*unexpected OSError: the disk is full"):
        recorded.ask("export", "--format", form, "--to", str(target), "--overwrite")
    assert [path.name for path in tmp_path.iterdir()] == (["export"] if form != "csv" else [])
    assert form == "csv" or target.read_text() == "before"
