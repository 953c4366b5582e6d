"""Launches one node of a plan: the same function for a local run and for a task of an orchestrator.

TFX's launcher does the driving (inputs, cache, publishing); it runs here without TensorFlow. What it lacks is added:
an executor in a child process, an execution of its own for every attempt, errors that name their cause, and a state
that is read back from the metadata store instead of being trusted.
"""

from __future__ import annotations

import contextlib
import functools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.orchestration.portable import (
    base_executor_operator,
    data_types,
    execution_publish_utils,
    inputs_utils,
    launcher,
)
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.proto.orchestration import executable_spec_pb2, execution_result_pb2, pipeline_pb2
from tfx.types.artifact import Artifact

from data.errors import NodeError, PoselineError
from data.files import write_atomically
from pipelines.processes.executor_main import execute, read_error
from pipelines.running import attempts, cache_key, late_binding, recording
from pipelines.running.recovery import journal
from pipelines.running.run_context import RunContext
from pipelines.tfx_patches.bounded_queries import ResolverHandler
from pipelines.tfx_patches.shared_store import SharedMetadata

DONE, CACHED, RESOLVED, SKIPPED, FAILED = "done", "cached", "resolved", "skipped", "failed"
_STATES = {metadata_store_pb2.Execution.COMPLETE: DONE, metadata_store_pb2.Execution.CACHED: CACHED}


@dataclass
class NodeResult:
    """What became of a node.

    Attributes:
        node: its id.
        state: `done` (its executor ran), `cached`, `resolved` (it has no executor), `skipped` (its turn never came) or
            `failed`.
        seconds: wall time.
        execution_id: in the metadata store.
        reason: why it ran, or what it failed of.
        digest: TFX's cache key.
        key: parts of the cache key.
        code: file of the node's code to a short digest.
        error: what it failed of.
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

    def to_dict(self) -> dict[str, Any]:
        """For records and `--json`."""
        values = asdict(self)
        values["error"] = str(self.error) if self.error else None
        return values


def launch_node(run: RunContext, node_id: str, started: Callable[[str], None] = lambda _: None) -> NodeResult:
    """Runs one node, or finds its result in the cache.

    Args:
        run: the run it belongs to; its upstream nodes have ended well.
        node_id: the node.
        started: called with the reason when the executor is about to start.

    Returns:
        What became of it; a failure is returned, not raised.
    """
    begin = time.monotonic()
    result = NodeResult(node_id, FAILED)
    try:
        with journal(run.workspace, run.connection, run.plan.config.name, run.run_id, node_id):
            _launch(run, node_id, result, started)
    except PoselineError as error:
        result.error = error
    except Exception as error:
        result.error = NodeError(f"{type(error).__name__}: {error}", node_id, None)
    if result.error:
        result.state = FAILED
        result.reason = result.error.what
    result.seconds = time.monotonic() - begin
    _record(run, result)
    return result


def _launch(run: RunContext, node_id: str, result: NodeResult, started: Callable[[str], None]) -> None:
    node = pipeline_pb2.PipelineNode()
    node.CopyFrom(run.node(node_id))
    earlier = attempts.ended_well(run, node)
    if earlier is not None and attempts.stands(run, earlier):
        result.execution_id, result.state = earlier.id, _STATES[earlier.last_known_state]
        result.reason = "it ended well in this run before"
        return
    use_cache = run.use_cache and earlier is None
    if earlier is not None:
        attempts.supersede(run, earlier)
    late_binding.bind_before_cache(run.plan.config, run.span, node)
    spec = run.plan.executor_spec(node_id)
    handle = SharedMetadata(run.connection)
    facts = recording.execution_facts(run, node_id)
    if spec is not None:
        result.code = run.plan.code[node_id].short_digests()
        key, found = _look_up(run, handle, node, spec, result, use_cache=use_cache)
        if found is None:
            result.reason = "no earlier result under this key" if use_cache else "the cache is off"
        elif (reason := late_binding.why_stale(run.plan.config, found)) is not None:
            result.reason = reason
            found = None
        node.execution_options.caching_options.enable_cache = found is not None
        if found is None:
            started(result.reason)
        else:
            with handle as open_handle:
                facts |= recording.origin_facts(open_handle.store, found)
        late = late_binding.late_properties(run, node_id, key)
    else:
        late = {}
    failure: list[PoselineError] = []
    recorder = recording.OutputRecorder(run.workspace.root)
    operator = functools.partial(
        _ProcessOperator, run=run, node_id=node_id, late=late, failure=failure, recorder=recorder
    )
    task = _Launcher(
        facts,
        recorder,
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
        info = task.launch()
    except Exception as error:
        raise (failure[0] if failure else error) from error
    result.execution_id = info.execution_id if info else None
    if not result.execution_id:
        result.state, result.reason = SKIPPED, "TFX skipped it"
        return
    with handle as open_handle:
        execution = recording.complete_facts(open_handle.store, result.execution_id, facts)
    result.state = _STATES.get(execution.last_known_state, FAILED)
    if spec is None and result.state != FAILED:
        result.state = RESOLVED
    if result.state == FAILED:
        message = execution_lib.get_execution_result(execution, ignore_parse_errors=True)
        raise NodeError(
            "its inputs could not be resolved" + (f": {message.result_message.strip()}" if message else ""), node_id
        )


def _look_up(
    run: RunContext,
    handle: metadata.Metadata,
    node: pipeline_pb2.PipelineNode,
    spec: Message,
    result: NodeResult,
    *,
    use_cache: bool,
) -> tuple[cache_key.CacheKey, dict[str, list[Artifact]] | None]:
    """The node's cache key, and the outputs that lie under it."""
    with handle as open_handle:
        resolved = inputs_utils.resolve_input_artifacts(pipeline_node=node, metadata_handle=open_handle)
        inputs = resolved[0] if resolved else {}
        key = cache_key.cache_key(node, run.ir.pipeline_info, spec, inputs)
        result.digest, result.key = key.digest, key.parts
        return key, cache_key.cached_outputs(open_handle, key) if use_cache else None


def _record(run: RunContext, result: NodeResult) -> None:
    with contextlib.suppress(OSError):  # the metadata store holds the truth; a full disk must not hide the error
        write_atomically(run.record_file(result.node), json.dumps(result.to_dict(), indent=1))


class _Launcher(launcher.Launcher):
    """TFX's launcher, but each attempt is an execution of its own.

    TFX reuses the failed execution of a retried node: same folder, and its input events are never written. What is
    recorded beyond TFX's own is written with the execution's registration and with the publication of its outputs.
    """

    def __init__(self, facts: Mapping[str, str | int], recorder: recording.OutputRecorder, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._facts, self._recorder = facts, recorder
        if self._pipeline_node.node_info.type.name == ResolverHandler.NODE_TYPE:
            self._system_node_handler: Any = ResolverHandler()

    def _register_or_reuse_execution(
        self,
        metadata_handle: metadata.Metadata,
        contexts: list[metadata_store_pb2.Context],
        input_artifacts: Any = None,
        exec_properties: Any = None,
    ) -> metadata_store_pb2.Execution:
        return execution_publish_utils.register_execution(
            metadata_handle=metadata_handle,
            execution_type=self._pipeline_node.node_info.type,
            contexts=contexts,
            input_artifacts=input_artifacts,
            exec_properties={**(exec_properties or {}), **self._facts},
        )

    def _publish_successful_execution(
        self, execution_id: int, contexts: list[metadata_store_pb2.Context], output_dict: Any, executor_output: Any
    ) -> None:
        with self._mlmd_connection as handle:
            marked = self._recorder.contexts(handle.store)
        super()._publish_successful_execution(execution_id, [*contexts, *marked], output_dict, executor_output)


class _ProcessOperator(base_executor_operator.BaseExecutorOperator):
    """Runs executors of Python and Beam in a child process."""

    SUPPORTED_EXECUTOR_SPEC_TYPE = (
        executable_spec_pb2.PythonClassExecutableSpec,
        executable_spec_pb2.BeamExecutableSpec,
    )
    SUPPORTED_PLATFORM_CONFIG_TYPE = ()

    def __init__(
        self,
        executor_spec: Message,
        platform_config: Message | None = None,
        *,
        run: RunContext,
        node_id: str,
        late: Mapping[str, Any],
        failure: list[PoselineError],
        recorder: recording.OutputRecorder,
    ) -> None:
        super().__init__(executor_spec, platform_config)
        self._run, self._node_id, self._late, self._failure = run, node_id, late, failure
        self._recorder = recorder

    def run_executor(self, execution_info: data_types.ExecutionInfo) -> execution_result_pb2.ExecutorOutput:
        execution_info.exec_properties.update(self._late)
        outcome = Path(execution_info.execution_output_uri).with_name("outcome.pb")
        outcome.parent.mkdir(parents=True, exist_ok=True)
        log = self._run.log_file(self._node_id)
        code = self._run.children.run(
            execute,
            (
                execution_info.to_proto().SerializeToString(),
                self._executor_spec.SerializeToString(),
                isinstance(self._executor_spec, executable_spec_pb2.BeamExecutableSpec),
                str(outcome),
            ),
            log,
            heavy=self._run.plan.is_heavy(self._node_id),
        )
        error = read_error(outcome)
        if error is None and outcome.exists():
            output = execution_result_pb2.ExecutorOutput.FromString(outcome.read_bytes())
            for name in self._late:  # they depend on the machine and the moment, not on the result
                output.execution_properties.pop(name, None)
            return self._recorder.describe(output, execution_info.output_dict)
        if error is None:
            ended = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            error = NodeError(
                f"the executor process {ended}", str(log), "out of memory? see the log; run again to resume"
            )
        self._failure.append(error)
        return execution_result_pb2.ExecutorOutput(
            execution_result=execution_result_pb2.ExecutionResult(code=1, result_message=str(error))
        )
