"""Attempts at a node within one run: finds the successful one, and discards it if the user asks for another."""

from __future__ import annotations

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.proto.orchestration import pipeline_pb2

from pipelines.running.run_context import RunContext
from pipelines.tfx_patches.bounded_queries import SUPERSEDED, executions_in_all
from pipelines.tfx_patches.shared_store import shared_store

CLEARED = "cleared"
"""Custom property of an execution: how often the orchestrator's user had cleared the task when it started."""


def last_success(run: RunContext, node: pipeline_pb2.PipelineNode) -> metadata_store_pb2.Execution | None:
    """Return the successful execution of a node in this run; None if there is none."""
    store = shared_store(run.connection)
    contexts = [
        store.get_context_by_type_and_name(constants.PIPELINE_RUN_CONTEXT_TYPE_NAME, run.run_id),
        store.get_context_by_type_and_name(
            constants.NODE_CONTEXT_TYPE_NAME, f"{run.ir.pipeline_info.id}.{node.node_info.id}"
        ),
    ]
    if None in contexts:
        return None
    executions = executions_in_all(store, contexts)
    return next((found for found in executions if execution_lib.is_execution_successful(found)), None)


def counts(run: RunContext, execution: metadata_store_pb2.Execution) -> bool:
    """Return whether a successful execution still counts: false if the user has cleared the task since it started."""
    properties = execution.custom_properties  # reading a missing key would add it, without a value
    return (int(properties[CLEARED].string_value) if CLEARED in properties else 0) >= run.cleared


def outputs_live(run: RunContext, execution: metadata_store_pb2.Execution) -> bool:
    """Return whether all outputs of an execution can be used: false if one was altered and set aside, or removed."""
    store = shared_store(run.connection)
    events = store.get_events_by_execution_ids([execution.id])
    made = {event.artifact_id for event in events if event.type == metadata_store_pb2.Event.OUTPUT}
    return all(a.state == metadata_store_pb2.Artifact.LIVE for a in store.get_artifacts_by_id(sorted(made)))


def supersede(run: RunContext, execution: metadata_store_pb2.Execution) -> None:
    """Discard an execution: its artifacts and events stay in the store, but no node of this run uses them any more."""
    execution.custom_properties[SUPERSEDED].string_value = "run again on request"
    shared_store(run.connection).put_executions([execution])
