"""Stores that cannot be opened, are of another version, are written concurrently, or contain hostile names."""

import multiprocessing
import re
import sqlite3
import subprocess
import sys
from contextlib import closing

import ml_metadata
import pytest
from ml_metadata.errors import NotFoundError
from ml_metadata.metadata_store import MetadataStore, metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

from data.errors import InputError, PoselineError
from data.text import harmless
from lineage.store import backend, locking
from lineage.store.postgresql import PostgresqlStore
from lineage.store.reader import LineageStore
from tests.lineage.conftest import ENCODED, PASSWORD
from tests.lineage.sql_oracle import SqlOracle

HOSTILE = [
    "quote's",
    'double"quote',
    "new\nline\r\ttab",
    "back\\slash\\",
    "\\'; DROP TABLE Artifact; --",
    "<script>alert(1)</script>",
    "$(rm -rf ~) `id` && x | y",
    "[bold]markup[/bold] [link=file:///etc/passwd]x[/link]",
    "\x1b[31mred\x1b[0m\x07",
    "left\u202etfel",
    "漢字 é ’ %s $1 ?",
]


@pytest.fixture(scope="module")
def hostile(database, tmp_path_factory):
    """A store of each kind with hostile names in it."""
    root = tmp_path_factory.mktemp("hostile")
    url = database()
    config = backend.parse_url(url) if url else backend.sqlite_connection(root / "metadata.sqlite")
    store = backend.open_store(config)
    types = {name: store.put_context_type(pb.ContextType(name=name)) for name in ("pipeline", "pipeline_run", "node")}
    model = store.put_artifact_type(pb.ArtifactType(name="Model"))
    trainer = store.put_execution_type(pb.ExecutionType(name="Trainer"))
    for name in HOSTILE:
        contexts = [pb.Context(type_id=types[kind], name=name) for kind in types]
        execution = pb.Execution(type_id=trainer, last_known_state=pb.Execution.COMPLETE)
        execution.custom_properties["node_id"].string_value = name
        execution.custom_properties["note"].string_value = name
        artifact = pb.Artifact(type_id=model, uri=f"/nowhere/{name}", state=pb.Artifact.LIVE)
        event = pb.Event(type=pb.Event.OUTPUT)
        event.path.steps.add().key = name
        store.put_execution(execution, [(artifact, event)], contexts)
    return root, url, config


def test_hostile_names_are_stored_and_read_unchanged(hostile):
    store = LineageStore(hostile[2])
    assert {run.name for run in store.runs(None)} == set(HOSTILE)
    for name in HOSTILE:
        run = store.run(name)
        [execution] = store.executions_of(run)
        assert execution.node == execution.properties["note"] == name
        [artifact] = store.run_subgraph(run).artifacts.values()
        assert artifact.uri == f"/nowhere/{name}"
    artifacts = SqlOracle(hostile[0], hostile[1]).column("SELECT id FROM Artifact")
    assert len(artifacts) == len(HOSTILE), "no name was run as SQL"


def test_tables_show_names_harmlessly(hostile, answers):
    root, url, _ = hostile
    for arguments in (["runs"], *(["run", name] for name in HOSTILE), *(["trace", str(i + 1)] for i in range(3))):
        shown = answers(root, url, *arguments)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown), arguments
    listed = answers(root, url, "runs")
    for name in HOSTILE:
        assert harmless(name) in listed
    assert "[bold]markup[/bold]" in listed


def test_a_long_name_is_cut():
    assert len(harmless("x" * 10_000)) == 200


@pytest.fixture(scope="module")
def answers():
    from click.testing import CliRunner

    from pipelines.cli.main import main

    def ask(root, url, *arguments):
        result = CliRunner().invoke(
            main, ["lineage", *arguments, "--root", str(root)], env={backend.URL_VARIABLE: url or ""}
        )
        assert result.exit_code == 0, result.output
        return result.output

    return ask


def _write(arguments):
    url, path, number = arguments
    config = backend.parse_url(url) if url else backend.sqlite_connection(path)
    store = backend.open_store(config)
    type_id = store.put_execution_type(pb.ExecutionType(name="Writer"))
    return [store.put_executions([pb.Execution(type_id=type_id, name=f"{number}-{i}")])[0] for i in range(25)]


def test_several_write_at_once(database, tmp_path):
    url = database()
    backend.open_store(backend.parse_url(url) if url else backend.sqlite_connection(tmp_path / "metadata.sqlite"))
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        ids = pool.map(_write, [(url, tmp_path / "metadata.sqlite", number) for number in range(4)])
    assert len({id_ for found in ids for id_ in found}) == 100
    assert len(SqlOracle(tmp_path, url).column("SELECT id FROM Execution")) == 100


def test_a_store_of_an_older_version_is_named_and_upgraded_after_a_backup(tmp_path):
    from click.testing import CliRunner

    from pipelines.cli.main import main

    config = backend.sqlite_connection(tmp_path / "metadata.sqlite")
    MetadataStore(config).put_context_type(pb.ContextType(name="pipeline_run"))
    metadata_store.downgrade_schema(config, 8)
    with pytest.raises(InputError, match="older version") as raised:
        LineageStore(config)
    assert "poseline lineage upgrade" in str(raised.value)
    asked = CliRunner().invoke(main, ["lineage", "upgrade", "--root", str(tmp_path)])
    assert asked.exit_code == 0, asked.output
    assert LineageStore(config).runs(None) == []
    [copy] = (tmp_path / "backups").iterdir()
    with pytest.raises(InputError, match="older version"):
        LineageStore(backend.sqlite_connection(copy))


def test_a_store_of_a_newer_version_is_named(tmp_path):
    config = backend.sqlite_connection(tmp_path / "metadata.sqlite")
    MetadataStore(config)
    with closing(sqlite3.connect(tmp_path / "metadata.sqlite")) as connection, connection:
        connection.execute("UPDATE MLMDEnv SET schema_version = schema_version + 1")
    with pytest.raises(InputError, match="newer version"):
        LineageStore(config)


def test_the_postgresql_workaround_sees_every_text_of_every_call(tmp_path):
    """Tried on SQLite, where a second, plain store shows what was written."""
    config = backend.sqlite_connection(tmp_path / "metadata.sqlite")
    with_workaround, plain = PostgresqlStore(config), MetadataStore(config)
    type_id = with_workaround.put_artifact_type(pb.ArtifactType(name="a\\type", properties={"a\\property": pb.STRING}))
    artifact = pb.Artifact(type_id=type_id, name="a\\name", uri="a\\folder")
    artifact.properties["a\\property"].string_value = "\\"
    artifact.custom_properties["b\\property"].struct_value.fields["c\\"].string_value = "d\\"
    [id_] = with_workaround.put_artifacts([artifact])
    assert b"\\" not in plain.get_artifacts_by_id([id_])[0].SerializeToString()
    assert b"\\" not in plain.get_artifact_types()[0].SerializeToString()
    [read] = with_workaround.get_artifacts_by_id([id_])
    assert (read.type, read.name, read.uri) == ("a\\type", "a\\name", "a\\folder")
    assert dict(read.properties) == dict(artifact.properties)
    assert dict(read.custom_properties) == dict(artifact.custom_properties)
    assert with_workaround.get_artifacts_by_uri("a\\folder") == [read]


def test_ml_metadata_still_quotes_backslashes_wrongly(servers):
    """If this fails, the workaround in `lineage/store/postgresql.py` is not needed any more."""
    store = MetadataStore(backend.parse_url(servers.database("postgresql")))
    store.put_context_type(pb.ContextType(name="without"))
    with pytest.raises(Exception, match=r"syntax error|unterminated"):
        store.put_context_type(pb.ContextType(name="quote's and back\\slash"))


def test_another_version_of_ml_metadata_is_rejected_with_what_to_do(monkeypatch):
    monkeypatch.setattr(ml_metadata, "__version__", "1.22.0")
    config = backend.parse_url("postgresql://user:password@127.0.0.1:1/base")
    with pytest.raises(InputError, match=r"ML Metadata 1\.22\.0 is installed, but .* needs 1\.21\.0") as caught:
        backend.open_store(config)
    assert "make setup" in caught.value.remedy


def test_the_password_of_a_store_is_in_no_file_and_no_record(recorded):
    written = [path.read_bytes() for path in recorded.root.rglob("*") if path.is_file()]
    mlmd = recorded.store().mlmd
    kept = (mlmd.get_contexts(), mlmd.get_executions(), mlmd.get_artifacts())
    for password in (PASSWORD, ENCODED):
        assert not [content for content in written if password.encode() in content]
        assert password not in str(kept)


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_the_cause_of_a_failed_connection_is_reported_without_the_password(kind, servers):
    url = servers.database(kind)
    place, _, name = url.rpartition("/")
    wrong = {
        f"{place}/nothing_{name}": "no such database|refused this user, password or database",
        url.replace("s3cret", "0ther"): "refused this user, password or database",
        re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:1", url): "nobody answers",
    }
    for address, expected in wrong.items():
        with pytest.raises(PoselineError, match=expected) as raised:
            backend.open_store(backend.parse_url(address))
        assert "s3cret" not in str(raised.value)
        assert "0ther" not in str(raised.value)


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_server_is_backed_up_before_it_is_upgraded(kind, servers, tmp_path):
    from lineage.store.upgrading import upgrade

    config = backend.parse_url(servers.database(kind))
    backend.open_store(config).put_context_type(pb.ContextType(name="a type of context"))
    assert "a type of context" in upgrade(config, tmp_path / "backups").read_text()


def test_urls_are_parsed_and_wrong_ones_rejected():
    config = backend.parse_url("postgresql://user:p%40ss@host/base")
    assert (config.postgresql.password, config.postgresql.port, config.postgresql.dbname) == ("p@ss", "5432", "base")
    assert backend.parse_url("mysql://u:p@localhost:1234/base").mysql.port == 1234
    assert backend.describe(config) == "postgresql://host:5432/base"
    for url in ("", "ftp://host/base", "postgresql://host", "sqlite://relative", "mysql://host:port/base"):
        with pytest.raises(InputError, match="not understood"):
            backend.parse_url(url)
    for url in ("mysql://user:12/s3cret@host/base", "postgresql://user:s3cret/1@host/base"):
        with pytest.raises(InputError, match="not understood") as raised:
            backend.parse_url(url)
        assert "s3cret" not in str(raised.value)


def test_the_url_can_be_in_a_file(tmp_path, monkeypatch):
    (tmp_path / "url").write_text(f"sqlite://{tmp_path}/other.sqlite\n")
    monkeypatch.setenv(backend.FILE_VARIABLE, str(tmp_path / "url"))
    assert backend.connection(tmp_path).sqlite.filename_uri == f"{tmp_path}/other.sqlite"
    monkeypatch.setenv(backend.FILE_VARIABLE, str(tmp_path / "nothing"))
    with pytest.raises(InputError, match="cannot be read"):
        backend.connection(tmp_path)


def test_questions_import_neither_tensorflow_nor_tfx_nor_beam(tmp_path):
    script = (
        "import sys\nfrom pipelines.cli.main import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "print([name for name in ('tensorflow', 'tfx', 'apache_beam', 'pandas', 'pyarrow') if name in sys.modules])"
    )
    store = MetadataStore(backend.sqlite_connection(tmp_path / "metadata.sqlite"))
    store.put_context_type(pb.ContextType(name="pipeline_run"))
    done = subprocess.run(
        [sys.executable, "-c", script, "runs", "--json", "--root", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


_HOLD = (
    "import sqlite3, sys, time\n"
    "store = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    "store.execute('BEGIN EXCLUSIVE')\n"
    "print('locked', flush=True)\n"
    "sys.stdin.read()\n"
)


@pytest.fixture
def locked(tmp_path):
    """A store, and a process that has locked it until its standard input is closed."""
    config = backend.sqlite_connection(tmp_path / "metadata.sqlite")
    store = backend.open_store(config)
    command = [sys.executable, "-c", _HOLD, str(tmp_path / "metadata.sqlite")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "locked\n"
        yield config, store, holder


def test_a_call_waits_while_another_process_has_locked_the_store(locked, monkeypatch, capsys):
    _, store, holder = locked
    monkeypatch.setattr(locking.STOP, "wait", lambda _: holder.stdin.close())  # the first pause ends the lock
    assert store.put_context_type(pb.ContextType(name="pipeline_run"))
    assert "waiting for the metadata store, which another process has locked" in capsys.readouterr().err


def test_a_store_that_remains_locked_is_named_with_what_to_do(locked, monkeypatch):
    config, store, holder = locked
    monkeypatch.setattr(locking, "TRIES", 1)
    for call in (store.get_context_types, lambda: backend.open_store(config)):
        with pytest.raises(InputError, match="locked by another process") as caught:
            call()
        assert "end the process that has locked it" in caught.value.remedy
    holder.stdin.close()
    holder.wait()
    assert store.get_context_types() == []


@pytest.mark.parametrize("content", [b"no database at all" * 100, None], ids=["other", "half"])
def test_a_damaged_store_is_named_with_what_to_do(tmp_path, content):
    path = tmp_path / "metadata.sqlite"
    config = backend.sqlite_connection(path)
    store = backend.open_store(config)
    whole = path.read_bytes()
    path.write_bytes(content or whole[: len(whole) // 2])
    for call in (store.get_artifact_types, lambda: backend.open_store(config)):
        with pytest.raises(PoselineError, match="it is damaged") as caught:
            call()
        assert "restore it from a backup, or name a new root" in caught.value.remedy
    path.write_bytes(whole)
    assert backend.open_store(config).get_artifact_types() is not None


def test_an_answer_that_is_an_error_of_ml_metadata_stays_one(tmp_path):
    store = backend.open_store(backend.sqlite_connection(tmp_path / "metadata.sqlite"))
    with pytest.raises(NotFoundError):
        store.get_artifact_type("to be resolved")
