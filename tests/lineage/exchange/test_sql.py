"""SQL over lineage: answers are right, and a query can write nothing."""

import csv
import hashlib
import io

import pytest

from lineage.exchange import sql, tables

sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

WRITING = [
    "DROP TABLE nodes",
    "DELETE FROM nodes",
    "UPDATE nodes SET node = 'x'",
    "INSERT INTO nodes SELECT * FROM nodes",
    "CREATE TABLE x AS SELECT * FROM nodes",
    "CREATE VIEW x AS SELECT * FROM nodes",
    "ALTER TABLE nodes RENAME TO x",
    "MERGE INTO nodes USING runs ON true WHEN MATCHED THEN DELETE",
    "TRUNCATE nodes",
    "WITH x AS (DELETE FROM nodes RETURNING *) SELECT * FROM x",
    "WITH x AS (UPDATE nodes SET node = 'x' RETURNING *) SELECT * FROM x",
    "WITH x AS (INSERT INTO nodes SELECT * FROM nodes RETURNING *) SELECT * FROM x",
    "WITH x AS (COPY nodes TO '{there}') SELECT * FROM x",
    "COPY nodes TO '{there}'",
    "COPY (SELECT 1) TO '{there}' (FORMAT parquet)",
    "EXPORT DATABASE '{there}'",
    "ATTACH '{there}' AS other",
    "ATTACH '{store}' AS other (TYPE sqlite)",
    "INSTALL sqlite",
    "LOAD sqlite",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "SELECT 1; DROP TABLE nodes",
    "BEGIN; SELECT 1",
    "CALL pragma_version()",
    "CHECKPOINT",
    "VACUUM",
    "USE memory",
    "PREPARE p AS SELECT 1",
    "EXPLAIN ANALYZE SELECT 1",
    "CREATE SECRET s (TYPE s3)",
    "SELECT * FROM query('DROP TABLE nodes')",
    "SELECT * FROM sqlite_scan('{store}', 'Artifact')",
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM read_text('{file}')",
    "SELECT * FROM read_blob('{file}')",
    "SELECT * FROM read_json('https://example.org/x.json')",
    "SELECT * FROM read_parquet('{file}')",
    "SELECT * FROM '{file}'",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM store",
    "SELECT getenv('HOME')",
    "",
    ";",
    "nonsense",
]


def ask(recorded, query, *more, expect=0):
    return recorded.ask("sql", query, *more, expect=expect)


def test_answers_agree_with_what_ran(recorded):
    ran = [entry["run"] for entry in recorded.log if entry["run"]]
    found = ask(recorded, "SELECT run, pipeline, git_commit FROM runs", "--json").json
    assert {row["run"] for row in found} >= set(ran)
    assert {row["pipeline"] for row in found} == {"tiny"}
    assert all(len(row["git_commit"]) == 40 for row in found)
    last = recorded.log[-1]
    query = f"SELECT node, arg_max(state, id) AS state FROM nodes WHERE run = '{last['run']}' GROUP BY node"
    states = {row["node"]: row["state"] for row in ask(recorded, query, "--json").json}
    assert {node for node, state in states.items() if state == "CACHED"} == {
        node for node, state in last["states"].items() if state == "cached"
    }


def test_metrics_and_people_are_those_of_the_payloads(recorded):
    query = "SELECT run, value, threshold, passed FROM metrics WHERE metric = 'evaluator accuracy' ORDER BY artifact_id"
    found = ask(recorded, query, "--json").json
    assert found[0] == {"run": recorded.runs_named("first")[0], "value": 0.6, "threshold": 0.5, "passed": True}
    [refused] = [row for row in found if row["run"] == recorded.runs_named("not blessed")[0]]
    assert refused["passed"] is False
    query = "SELECT subject, subject_digest, sequences, windows FROM subjects WHERE split = 'test' ORDER BY ALL LIMIT 1"
    digest = hashlib.sha256(b"subject:person 2").hexdigest()
    assert ask(recorded, query, "--json").json == [
        {"subject": "person 2", "subject_digest": digest, "sequences": 2, "windows": 6}
    ]


def test_edges_join_nodes_and_artifacts(recorded):
    query = """
        SELECT n.node, e.kind, a.type
        FROM edges e JOIN nodes n ON n.id = e.node_id JOIN artifacts a ON a.id = e.artifact_id
        WHERE n.run = '{}' AND n.node = 'Trainer' ORDER BY ALL
    """.format(recorded.runs_named("first")[0])
    assert ask(recorded, query, "--json").json == [
        {"node": "Trainer", "kind": "input", "type": "Examples"},
        {"node": "Trainer", "kind": "output", "type": "Model"},
    ]


@sqlite
@pytest.mark.parametrize("query", WRITING)
def test_nothing_can_be_written_or_read_elsewhere(recorded, tmp_path, query):
    secret = tmp_path / "secret.csv"
    secret.write_text("word\nhidden\n")
    before = (recorded.root / "metadata.sqlite").read_bytes()
    names = {"there": tmp_path / "there", "file": secret, "store": recorded.root / "metadata.sqlite"}
    answer = ask(recorded, query.format(**names), expect=2)
    assert "hidden" not in answer.text
    assert list(tmp_path.iterdir()) == [secret]
    assert (recorded.root / "metadata.sqlite").read_bytes() == before


@sqlite
def test_only_what_a_query_names_is_loaded(recorded, monkeypatch):
    loaded = []
    batches = tables.Table.batches
    monkeypatch.setattr(
        tables.Table, "batches", lambda self, *a, **k: loaded.append(self.name) or batches(self, *a, **k)
    )
    list(sql.query(recorded.store(), "WITH edges AS (SELECT 1) SELECT count(*) FROM RUNS, edges")[1])
    assert loaded == ["runs"]


@sqlite
def test_an_answer_can_be_a_table_json_or_csv(recorded):
    query = "SELECT 1 AS a, NULL AS b, TIMESTAMP '2026-01-02 03:04:05' AS c, [1, 2] AS d, 'x,\"y' AS e"
    assert ask(recorded, query, "--json").json == [
        {"a": 1, "b": None, "c": "2026-01-02T03:04:05", "d": [1, 2], "e": 'x,"y'}
    ]
    rows = list(csv.reader(io.StringIO(ask(recorded, query, "--csv").text)))
    assert rows == [["a", "b", "c", "d", "e"], ["1", "", "2026-01-02T03:04:05", "[1, 2]", 'x,"y']]
    assert "1 row" in ask(recorded, query).text
    assert "choose one" in ask(recorded, query, "--csv", "--json", expect=2).text


@sqlite
def test_control_characters_are_escaped_and_markup_has_no_effect(recorded):
    text = ask(recorded, "SELECT chr(27) || '[31m' || chr(8238) || '[bold]x[/bold]' AS \"[red]y\"").text
    assert "\\x1b[31m\\u202e[bold]x[/bold]" in text
    assert "[red]y" in text
    assert "\x1b" not in text


@sqlite
def test_the_schema_describes_every_column(recorded):
    described = recorded.ask("sql", "--schema", "--json").json
    assert set(described) == {"runs", "nodes", "artifacts", "edges", "metrics", "subjects"}
    for name, table in described.items():
        columns, _ = sql.query(recorded.store(), f"SELECT * FROM {name} LIMIT 0")
        assert columns == list(table["columns"])
        assert all(column["meaning"] for column in table["columns"].values())
    assert "whether the gate accepted" in recorded.ask("sql", "--schema").text
