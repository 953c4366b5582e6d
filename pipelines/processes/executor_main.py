"""Runs one executor in a child process and writes its result to a file."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from data.files import write_atomically
from data.project import PROJECT_ROOT
from lineage.model import CPU_SECONDS, PEAK_MEGABYTES

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
    from ml_metadata.proto import metadata_store_pb2
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
    for name, value in _used_resources().items():
        output.execution_properties[name].CopyFrom(metadata_store_pb2.Value(double_value=value))
    write_atomically(Path(outcome), output.SerializeToString())


def _with_setup_file(spec: executable_spec_pb2.BeamExecutableSpec) -> executable_spec_pb2.BeamExecutableSpec:
    found = f"--setup_file={PROJECT_ROOT / 'setup.py'}"
    spec.beam_pipeline_args[:] = [found if argument == SETUP_FILE else argument for argument in spec.beam_pipeline_args]
    return spec


def _used_resources() -> dict[str, float]:
    """Return what this process and its ended children used; the peak is that of the largest process."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        CPU_SECONDS: sum(one.ru_utime + one.ru_stime for one in used),
        PEAK_MEGABYTES: max(one.ru_maxrss for one in used) / 1024,  # Linux counts in KiB
    }


def _log_to_stderr() -> None:
    from absl import logging

    logging.use_absl_handler()
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().use_absl_log_file = lambda *_, **__: None
