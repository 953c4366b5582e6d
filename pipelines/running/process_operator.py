"""TFX's executor operator for child processes: runs an executor and reads its result from a file."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from tfx.orchestration.portable import base_executor_operator, data_types
from tfx.proto.orchestration import executable_spec_pb2, execution_result_pb2

from data.errors import PoselineError
from lineage.comparison import refuse_altered
from pipelines.processes.executor_main import execute
from pipelines.running import late_binding
from pipelines.running.recording import OutputRecorder
from pipelines.running.run_context import RunContext


class ProcessOperator(base_executor_operator.BaseExecutorOperator):
    """Operator that runs Python and Beam executors in child processes.

    Args:
        executor_spec: PythonClassExecutableSpec or BeamExecutableSpec.
        platform_config: unused.
        run: run that the node belongs to.
        node_id: id of the node.
        late: execution properties that only the executor gets; they are neither in the cache key nor recorded.
        recorder: recorder that describes the outputs.

    Attributes:
        error: failure of the executor; None as long as it has not failed.
    """

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
        recorder: OutputRecorder,
    ) -> None:
        super().__init__(executor_spec, platform_config)
        self._run, self._node_id, self._late, self._recorder = run, node_id, late, recorder
        self.error: PoselineError | None = None

    def run_executor(self, execution_info: data_types.ExecutionInfo) -> execution_result_pb2.ExecutorOutput:
        """Run the executor and describe its outputs; see `BaseExecutorOperator`.

        Returns:
            The executor's output. After a failure its execution result has an error code.
        """
        execution_info.exec_properties.update(self._late)
        outcome = Path(execution_info.execution_output_uri).with_name("outcome.pb")
        outcome.parent.mkdir(parents=True, exist_ok=True)
        log = self._run.log_file(self._node_id)
        try:
            self._run.children.run(
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
            self._refuse_altered_inputs(execution_info)
            output = execution_result_pb2.ExecutorOutput.FromString(outcome.read_bytes())
            for name in self._late:
                output.execution_properties.pop(name, None)
            return self._recorder.describe(output, execution_info.output_dict)
        except PoselineError as error:
            self.error = error
        return execution_result_pb2.ExecutorOutput(
            execution_result=execution_result_pb2.ExecutionResult(code=1, result_message=str(self.error))
        )

    def _refuse_altered_inputs(self, execution_info: data_types.ExecutionInfo) -> None:
        """Raise an error if an input was altered while the executor read it."""
        root = self._run.workspace.root
        refuse_altered(root, itertools.chain.from_iterable(execution_info.input_dict.values()))
        late_binding.refuse_changed_span(self._run.plan.config, root, execution_info.exec_properties)
