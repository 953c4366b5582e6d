"""Which attempt at a node counts, tried with a real metadata store."""

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.proto.orchestration import pipeline_pb2

from lineage.store.backend import sqlite_connection
from pipelines.compilation.plan import Plan
from pipelines.config import load_config
from pipelines.processes.children import ChildProcesses
from pipelines.running import attempts
from pipelines.running.run_context import RunContext
from pipelines.workspace import Workspace

RUN, NODE = "baduanjin-1", "Trainer"


@pytest.fixture
def node():
    return pipeline_pb2.PipelineNode(node_info=pipeline_pb2.NodeInfo(id=NODE))


@pytest.fixture
def run_at(tmp_path):
    """Return the run of a process that an orchestrator starts after it was cleared `cleared` times."""
    connection = sqlite_connection(tmp_path / "metadata.sqlite")
    ir = pipeline_pb2.Pipeline(pipeline_info=pipeline_pb2.PipelineInfo(id="baduanjin"))
    plan = Plan(load_config("baduanjin"), ir)
    return lambda cleared: RunContext(
        plan, Workspace(tmp_path), RUN, ChildProcesses(), connection, marks={"cleared": str(cleared)}, cleared=cleared
    )


def put(run, state):
    store = MetadataStore(run.connection)
    contexts = []
    for kind, name in (("pipeline_run", RUN), ("node", f"baduanjin.{NODE}")):
        type_id = store.put_context_type(mlmd.ContextType(name=kind))
        existing = store.get_context_by_type_and_name(kind, name)
        contexts.append(existing or mlmd.Context(type_id=type_id, name=name))
    execution = mlmd.Execution(
        type_id=store.put_execution_type(mlmd.ExecutionType(name="trainer")), last_known_state=state
    )
    for name, value in run.marks.items():
        execution.custom_properties[name].string_value = value
    execution_id, _, _ = store.put_execution(execution, [], contexts, reuse_context_if_already_exist=True)
    return execution_id


def test_before_the_first_attempt_there_is_no_success(run_at, node):
    assert attempts.last_success(run_at(0), node) is None


def test_a_failed_attempt_does_not_count_but_its_retry_does(run_at, node):
    put(run_at(0), mlmd.Execution.FAILED)
    assert attempts.last_success(run_at(0), node) is None
    good = put(run_at(0), mlmd.Execution.COMPLETE)
    found = attempts.last_success(run_at(0), node)
    assert found.id == good
    assert attempts.counts(run_at(0), found)


def test_clearing_discards_a_successful_attempt_once(run_at, node):
    put(run_at(0), mlmd.Execution.COMPLETE)
    cleared = run_at(1)
    found = attempts.last_success(cleared, node)
    assert not attempts.counts(cleared, found)
    attempts.supersede(cleared, found)
    assert attempts.last_success(cleared, node) is None
    again = put(cleared, mlmd.Execution.CACHED)
    retried = attempts.last_success(run_at(1), node)
    assert retried.id == again
    assert attempts.counts(run_at(1), retried)


def test_an_attempt_without_a_mark_counts_until_the_task_is_cleared(run_at, node):
    unmarked = run_at(0)
    put(RunContext(**{**vars(unmarked), "marks": {}}), mlmd.Execution.COMPLETE)
    found = attempts.last_success(unmarked, node)
    assert attempts.counts(unmarked, found)
    assert not attempts.counts(run_at(1), found)
    attempts.supersede(unmarked, found)  # MLMD aborts the process if a property has no value
