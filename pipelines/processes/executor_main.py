"""Runs one executor in a child process and writes its result to a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from data.files import write_atomically
from data.project import PROJECT_ROOT

if TYPE_CHECKING:
    from tfx.proto.orchestration import executable_spec_pb2

SETUP_FILE = "--setup_file=setup.py"
"""Argument of Beam in plans: the project's setup file, whose folder is not part of a plan or a cache key."""


def execute(invocation: bytes, spec: bytes, is_beam: bool, outcome: str) -> None:
    """Run one executor and write its ExecutorOutput to a file.

    Args:
        invocation: serialised ExecutionInvocation.
        spec: serialised PythonClassExecutableSpec or BeamExecutableSpec.
        is_beam: whether `spec` is a BeamExecutableSpec.
        outcome: path of the outcome file.
    """
    sys.argv = sys.argv[:1]  # TFX would pass the other arguments to the executor as flags
    from tfx.orchestration.portable import data_types
    from tfx.orchestration.portable.beam_executor_operator import BeamExecutorOperator
    from tfx.orchestration.portable.python_executor_operator import PythonExecutorOperator
    from tfx.proto.orchestration import executable_spec_pb2, execution_invocation_pb2

    _log_to_stderr()
    # The operator imports the executor's module, and with it the artifact types that the invocation names.
    operator = (
        BeamExecutorOperator(_with_setup_file(executable_spec_pb2.BeamExecutableSpec.FromString(spec)))
        if is_beam
        else PythonExecutorOperator(executable_spec_pb2.PythonClassExecutableSpec.FromString(spec))
    )
    info = data_types.ExecutionInfo.from_proto(execution_invocation_pb2.ExecutionInvocation.FromString(invocation))
    output = operator.run_executor(info)
    write_atomically(Path(outcome), output.SerializeToString())


def _with_setup_file(spec: executable_spec_pb2.BeamExecutableSpec) -> executable_spec_pb2.BeamExecutableSpec:
    found = f"--setup_file={PROJECT_ROOT / 'setup.py'}"
    spec.beam_pipeline_args[:] = [found if argument == SETUP_FILE else argument for argument in spec.beam_pipeline_args]
    return spec


def _log_to_stderr() -> None:
    from absl import logging

    logging.use_absl_handler()
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().use_absl_log_file = lambda *_, **__: None
