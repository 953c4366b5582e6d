"""Launches one node of a plan, in the same way for a local run and for a task of an orchestrator.

TFX's launcher resolves the inputs, checks the cache and records the outputs; here it runs without TensorFlow. This
module adds what the launcher lacks: a child process for the executor, a separate execution for each attempt, errors
that name their cause, and a final state of the node as the metadata store has it.
"""

from __future__ import annotations

import contextlib
import functools
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.orchestration.portable import data_types, inputs_utils
from tfx.orchestration.portable.input_resolution import exceptions
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2
from tfx.types.artifact import Artifact

from data.errors import NodeError, PoselineError
from data.files import write_atomically
from data.system import faults
from lineage.comparison import refuse_altered
from lineage.node_ids import NodeId
from payloads.node_record import NodeRecord
from pipelines.running import attempts, cache_key, late_binding, recording
from pipelines.running.process_operator import ProcessOperator
from pipelines.running.recovery import journal
from pipelines.running.run_context import RunContext
from pipelines.tfx_patches.attempt_launcher import AttemptLauncher
from pipelines.tfx_patches.shared_store import SharedMetadata

DONE, CACHED, RESOLVED, SKIPPED, FAILED = "done", "cached", "resolved", "skipped", "failed"
_STATES = {metadata_store_pb2.Execution.COMPLETE: DONE, metadata_store_pb2.Execution.CACHED: CACHED}


@dataclass(frozen=True)
class NodeResult:
    """The outcome of a node.

    Attributes:
        node: id of the node.
        state: `done` (its executor ran), `cached`, `resolved` (it has no executor), `skipped` (it was not started) or
            `failed`.
        seconds: wall time.
        execution_id: id of the execution in the metadata store; None if there is none.
        reason: why the node ran, or why it failed.
        digest: TFX's cache key.
        key: parts of the cache key.
        code: path of each file of the node's code to a short digest.
        error: cause of the failure; None if the node did not fail.
    """

    node: str
    state: str
    seconds: float = 0.0
    execution_id: int | None = None
    reason: str = ""
    digest: str | None = None
    key: dict[str, str] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)
    error: PoselineError | None = None

    def to_record(self) -> NodeRecord:
        """Return the result as it is recorded."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return NodeRecord(**values | {"error": str(self.error) if self.error else None})


@dataclass(frozen=True)
class _Lookup:
    """The result of looking up a node in the cache.

    Attributes:
        key: cache key of the node.
        outputs: outputs to take from the cache; None if the executor has to run.
        reason: why the executor has to run.
    """

    key: cache_key.CacheKey
    outputs: dict[str, list[Artifact]] | None
    reason: str = ""


def launch_node(run: RunContext, node_id: str, started: Callable[[str], None] = lambda _: None) -> NodeResult:
    """Run one node, or find its result in the cache.

    Args:
        run: run that the node belongs to; the nodes before this one have succeeded.
        node_id: id of the node.
        started: function that is called with the reason when the executor is about to start.

    Returns:
        The outcome of the node. A failure is returned, not raised.
    """
    begin = time.monotonic()
    result: NodeResult | None = None
    try:
        with journal(run.workspace, run.connection, run.plan.config.name, run.run_id, node_id):
            result = _launch(run, node_id, started)
            if result.error is not None:
                raise result.error  # so that the journal's entry stays if the store cannot say how the node ended
    except Exception as error:
        result = result or _failed(run, NodeResult(node_id, FAILED), error)
    result = replace(result, seconds=time.monotonic() - begin)
    _record(run, result)
    return result


def _launch(run: RunContext, node_id: str, started: Callable[[str], None]) -> NodeResult:
    node = pipeline_pb2.PipelineNode()
    node.CopyFrom(run.node(node_id))
    earlier = attempts.last_success(run, node)
    if earlier is not None and attempts.counts(run, earlier) and attempts.outputs_live(run, earlier):
        reason = "it succeeded in this run before"
        return NodeResult(node_id, _STATES[earlier.last_known_state], execution_id=earlier.id, reason=reason)
    use_cache = run.use_cache and earlier is None
    if earlier is not None:
        attempts.supersede(run, earlier)
    late_binding.bind_before_cache(run.plan.config, run.workspace.root, run.span, node)
    spec = run.plan.executor_spec(node_id)
    if spec is None:
        return _drive(run, node, None, None, NodeResult(node_id, RESOLVED))
    lookup = _look_up(run, node, spec, use_cache=use_cache)
    if lookup.outputs is None:
        started(lookup.reason)
    result = NodeResult(
        node_id,
        DONE,
        reason=lookup.reason,
        digest=lookup.key.digest,
        key=lookup.key.parts,
        code=run.plan.code[node_id].short_digests(),
    )
    try:
        return _drive(run, node, spec, lookup, result)
    except Exception as error:
        return _failed(run, result, error)


def _look_up(run: RunContext, node: pipeline_pb2.PipelineNode, spec: Message, *, use_cache: bool) -> _Lookup:
    with SharedMetadata(run.connection) as handle:
        try:
            resolved = inputs_utils.resolve_input_artifacts(pipeline_node=node, metadata_handle=handle)
        except exceptions.InputResolutionError as error:
            upstream = ", ".join(node.upstream_nodes)
            raise NodeError(
                f"its inputs cannot be resolved: {error}", node.node_info.id, f"run these nodes first: {upstream}"
            ) from error
        inputs = resolved[0] if resolved else {}
        refuse_altered(run.workspace.root, chain.from_iterable(inputs.values()))
        key = cache_key.cache_key(node, run.ir.pipeline_info, spec, inputs)
        outputs = cache_key.cached_outputs(handle, key) if use_cache else None
    if outputs is None:
        reason = "there is no earlier result with this cache key" if use_cache else "the cache is off"
    else:
        refuse_altered(run.workspace.root, chain.from_iterable(outputs.values()))
        stale = late_binding.why_stale(run.plan.config, run.workspace, node.node_info.id, outputs)
        if stale is None:
            return _Lookup(key, outputs)
        reason = stale
    if node.node_info.id == NodeId.PUSHER:
        refuse_altered(run.workspace.root, chain.from_iterable(inputs.values()), thorough=True)
    return _Lookup(key, None, reason)


def _drive(
    run: RunContext,
    node: pipeline_pb2.PipelineNode,
    spec: Message | None,
    lookup: _Lookup | None,
    result: NodeResult,
) -> NodeResult:
    """Let TFX's launcher run the node, or take its result from the cache.

    Args:
        run: run that the node belongs to.
        node: node with all parameters; it is changed.
        spec: spec of the executor; None for a Resolver.
        lookup: what the cache has for the node; None for a Resolver.
        result: outcome of the node if it succeeds.

    Returns:
        `result` with the execution and the state that the metadata store has.
    """
    handle = SharedMetadata(run.connection)
    facts = recording.execution_facts(run, result.node)
    late: Mapping[str, Any] = {}
    if lookup is not None:
        node.execution_options.caching_options.enable_cache = lookup.outputs is not None
        if lookup.outputs is None:
            late = late_binding.late_properties(run, result.node, lookup.key)
        else:
            with handle as open_handle:
                facts |= recording.origin_facts(open_handle.store, lookup.outputs)
    info = _run_launcher(run, node, spec, facts, late, handle)
    execution_id = info.execution_id if info else None
    if not execution_id:
        return replace(result, state=SKIPPED, reason="TFX skipped it")
    with handle as open_handle:
        execution = recording.complete_facts(open_handle.store, execution_id, facts)
    result = replace(result, execution_id=execution_id)
    if execution.last_known_state not in _STATES:
        return _failed(run, result, _unresolved(result.node, execution))
    return result if spec is None else replace(result, state=_STATES[execution.last_known_state])


def _run_launcher(
    run: RunContext,
    node: pipeline_pb2.PipelineNode,
    spec: Message | None,
    facts: Mapping[str, str | int],
    late: Mapping[str, Any],
    handle: metadata.Metadata,
) -> data_types.ExecutionInfo | None:
    recorder = recording.OutputRecorder(run.workspace.root)
    operator = functools.partial(ProcessOperator, run=run, node_id=node.node_info.id, late=late, recorder=recorder)
    launcher = AttemptLauncher(
        facts,
        recorder.contexts,
        pipeline_node=node,
        mlmd_connection=handle,
        pipeline_info=run.ir.pipeline_info,
        pipeline_runtime_spec=run.ir.runtime_spec,
        executor_spec=spec,
        custom_executor_operators=dict.fromkeys(
            (executable_spec_pb2.PythonClassExecutableSpec, executable_spec_pb2.BeamExecutableSpec), operator
        ),
    )
    try:
        return launcher.launch()
    except Exception as error:
        if launcher.executor_error is not None:
            raise launcher.executor_error from error
        raise


def _unresolved(node_id: str, execution: metadata_store_pb2.Execution) -> NodeError:
    message = execution_lib.get_execution_result(execution, ignore_parse_errors=True)
    detail = f": {message.result_message.strip()}" if message else ""
    return NodeError(f"its inputs could not be resolved{detail}", node_id)


def _failed(run: RunContext, result: NodeResult, error: Exception) -> NodeResult:
    """Return the result with a failure; the traceback of an unexpected error goes to a file."""
    if not isinstance(error, PoselineError):
        error = faults.explain(error) or error
    if not isinstance(error, PoselineError):
        log = _write_traceback(run.traceback_file(result.node), error)
        where = f"{result.node}; the traceback is in {log}" if log else result.node
        error = NodeError(f"{type(error).__name__}: {error}", where)
    return replace(result, state=FAILED, reason=error.what, error=error)


def _write_traceback(path: Path, error: Exception) -> Path | None:
    with contextlib.suppress(OSError):
        write_atomically(path, "".join(traceback.format_exception(error)))
        return path
    return None


def _record(run: RunContext, result: NodeResult) -> None:
    with contextlib.suppress(OSError):  # a full disk must not hide the error; the metadata store has the truth
        result.to_record().write(run.workspace.run_folder(run.run_id))
