import fcntl
import json
import os

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd

from data.errors import NodeError
from pipelines.running.recovery import journal, recover
from pipelines.workspace import Workspace

ACTIVE = mlmd.Execution.RUNNING
PIPELINE, RUN, NODE = "gymnastics", "gymnastics-1", "Trainer"


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def connection(workspace):
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(workspace.metadata_file)
    config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return config


def put_execution(connection, state):
    store = MetadataStore(connection)
    contexts = []
    for kind, name in (("pipeline_run", RUN), ("node", f"{PIPELINE}.{NODE}")):
        type_id = store.put_context_type(mlmd.ContextType(name=kind))
        existing = store.get_context_by_type_and_name(kind, name)
        contexts.append(existing or mlmd.Context(type_id=type_id, name=name))
    type_id = store.put_execution_type(mlmd.ExecutionType(name="trainer"))
    execution_id, _, _ = store.put_execution(
        mlmd.Execution(type_id=type_id, last_known_state=state), [], contexts, reuse_context_if_already_exist=True
    )
    return execution_id


def leave_files_of(workspace, execution_id):
    half = workspace.artifacts(PIPELINE) / NODE / "model" / str(execution_id)
    half.mkdir(parents=True)
    (half / "part-0").write_text("half")
    workspace.journal.mkdir(exist_ok=True)
    entry = {"pipeline": PIPELINE, "run_id": RUN, "node_id": NODE, "pid": 1}
    (workspace.journal / f"{RUN}.{NODE}.json").write_text(json.dumps(entry))
    return half


def test_a_dead_attempt_is_marked_failed_and_its_outputs_are_removed(workspace, connection):
    dead = put_execution(connection, mlmd.Execution.RUNNING)
    half = leave_files_of(workspace, dead)
    assert recover(workspace, connection) == [f"{RUN}.{NODE}"]
    [execution] = MetadataStore(connection).get_executions_by_id([dead])
    assert execution.last_known_state == mlmd.Execution.FAILED
    assert not half.exists()
    assert not list(workspace.journal.iterdir())


def test_a_result_that_was_published_in_time_is_kept(workspace, connection):
    complete = put_execution(connection, mlmd.Execution.COMPLETE)
    whole = leave_files_of(workspace, complete)
    recover(workspace, connection)
    [execution] = MetadataStore(connection).get_executions_by_id([complete])
    assert execution.last_known_state == mlmd.Execution.COMPLETE
    assert (whole / "part-0").read_text() == "half"


def test_a_running_process_is_left_alone(workspace, connection):
    alive = put_execution(connection, mlmd.Execution.RUNNING)
    half = leave_files_of(workspace, alive)
    with (workspace.journal / f"{RUN}.{NODE}.json").open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert recover(workspace, connection) == []
    assert half.exists()


@pytest.mark.parametrize("content", ['{"pipel', "", "{}", '["x"]', "\0" * 50])
def test_an_entry_cut_short_or_damaged_is_dropped(workspace, connection, content):
    put_execution(connection, mlmd.Execution.COMPLETE)
    workspace.journal.mkdir()
    (workspace.journal / f"{RUN}.{NODE}.json").write_text(content)
    recover(workspace, connection)
    assert not list(workspace.journal.iterdir())


def test_an_entry_cut_short_does_not_hinder_the_next_attempt(workspace, connection):
    workspace.journal.mkdir()
    (workspace.journal / f"{RUN}.{NODE}.json").write_text('{"pipel')
    with journal(workspace, connection, PIPELINE, RUN, NODE):
        [path] = workspace.journal.iterdir()
        assert json.loads(path.read_text())["node_id"] == NODE
    assert not list(workspace.journal.iterdir())


def test_the_journal_names_what_runs_and_is_cleared_also_on_failure(workspace, connection):
    def fail_while_running():
        with journal(workspace, connection, PIPELINE, RUN, NODE):
            [path] = workspace.journal.iterdir()
            assert json.loads(path.read_text())["pid"] == os.getpid()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_while_running()
    assert not list(workspace.journal.iterdir())


def test_one_node_of_one_run_cannot_be_launched_twice_at_once(workspace, connection):
    with (
        journal(workspace, connection, PIPELINE, RUN, NODE),
        pytest.raises(NodeError, match="another process"),
        journal(workspace, connection, PIPELINE, RUN, NODE),
    ):
        pass


def test_an_interrupted_attempt_stays_in_the_journal_for_the_next_process(workspace, connection):
    interrupted = put_execution(connection, mlmd.Execution.RUNNING)
    with pytest.raises(KeyboardInterrupt), journal(workspace, connection, PIPELINE, RUN, NODE):
        raise KeyboardInterrupt
    assert recover(workspace, connection) == [f"{RUN}.{NODE}"]
    [execution] = MetadataStore(connection).get_executions_by_id([interrupted])
    assert execution.last_known_state == mlmd.Execution.FAILED


def test_an_attempt_that_ended_without_recording_how_is_closed_at_once(workspace, connection):
    def fail_while_running():
        with journal(workspace, connection, PIPELINE, RUN, NODE):
            half = workspace.artifacts(PIPELINE) / NODE / "model" / str(put_execution(connection, ACTIVE))
            half.mkdir(parents=True)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_while_running()
    [execution] = MetadataStore(connection).get_executions()
    assert execution.last_known_state == mlmd.Execution.FAILED
    assert not list((workspace.artifacts(PIPELINE) / NODE / "model").iterdir())
    assert not list(workspace.journal.iterdir())


def test_if_the_store_cannot_be_used_the_next_process_closes_the_attempt(workspace, connection):
    dead = put_execution(connection, ACTIVE)
    whole = workspace.metadata_file.read_bytes()

    def lose_the_store():
        with journal(workspace, connection, PIPELINE, RUN, NODE):
            workspace.metadata_file.write_bytes(b"no database" * 1000)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        lose_the_store()
    assert [path.stem for path in workspace.journal.iterdir()] == [f"{RUN}.{NODE}"]
    workspace.metadata_file.write_bytes(whole)
    assert recover(workspace, connection) == [f"{RUN}.{NODE}"]
    [execution] = MetadataStore(connection).get_executions_by_id([dead])
    assert execution.last_known_state == mlmd.Execution.FAILED
