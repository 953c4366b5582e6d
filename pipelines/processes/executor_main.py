"""The executor's side of a node: runs in a child process, tells its outcome in a file."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

from data.errors import GateError, InputError, NodeError, PoselineError
from data.files import write_atomically

_KINDS = {kind.__name__: kind for kind in (GateError, InputError, NodeError)}


def execute(invocation: bytes, spec: bytes, is_beam: bool, outcome: str) -> None:
    """Runs one executor; the outcome file gets an ExecutorOutput, or `<outcome>.error` a description of the failure.

    Args:
        invocation: serialised ExecutionInvocation.
        spec: serialised PythonClassExecutableSpec or BeamExecutableSpec.
        is_beam: which of the two.
        outcome: path of the outcome file.
    """
    sys.argv = sys.argv[:1]  # TFX passes the rest of it on as executor flags
    try:
        from tfx.orchestration.portable import data_types
        from tfx.orchestration.portable.beam_executor_operator import BeamExecutorOperator
        from tfx.orchestration.portable.python_executor_operator import PythonExecutorOperator
        from tfx.proto.orchestration import executable_spec_pb2, execution_invocation_pb2

        _log_to_stderr()
        # The operator imports the executor's module, and with it the artifact types that the invocation names.
        operator = (
            BeamExecutorOperator(executable_spec_pb2.BeamExecutableSpec.FromString(spec))
            if is_beam
            else PythonExecutorOperator(executable_spec_pb2.PythonClassExecutableSpec.FromString(spec))
        )
        info = data_types.ExecutionInfo.from_proto(execution_invocation_pb2.ExecutionInvocation.FromString(invocation))
        output = operator.run_executor(info)
    except BaseException as error:
        traceback.print_exc()
        write_error(error, Path(outcome))
        return
    write_atomically(Path(outcome), output.SerializeToString())


def write_error(error: BaseException, outcome: Path) -> None:
    """Leaves a description of the failure beside the outcome that there is not."""
    write_atomically(_error_file(outcome), json.dumps(_describe(error)))


def read_error(outcome: Path) -> PoselineError | None:
    """The failure that a child described, if it did."""
    path = _error_file(outcome)
    if not path.exists():
        return None
    described = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return _KINDS[described["kind"]](described["what"], described["where"], described["remedy"])


def _error_file(outcome: Path) -> Path:
    return outcome.with_name(outcome.name + ".error")


def _describe(error: BaseException) -> dict[str, str | None]:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, PoselineError):
            return {"kind": type(cause).__name__, "what": cause.what, "where": cause.where, "remedy": cause.remedy}
        cause = cause.__cause__ or cause.__context__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    where = f"{own[-1].filename}:{own[-1].lineno} in {own[-1].name}" if own else None
    text = str(error).strip() or type(error).__name__
    return {"kind": "NodeError", "what": f"{type(error).__name__}: {text}", "where": where, "remedy": None}


def _log_to_stderr() -> None:
    from absl import logging

    logging.use_absl_handler()
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().use_absl_log_file = lambda *_, **__: None
