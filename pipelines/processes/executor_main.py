"""Runs one executor in a child process and writes its result, or its failure, to a file."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

from data.errors import GateError, InputError, NodeError, PoselineError
from data.files import write_atomically

_KINDS: dict[str, type[PoselineError]] = {kind.__name__: kind for kind in (GateError, InputError, NodeError)}


def execute(invocation: bytes, spec: bytes, is_beam: bool, outcome: str) -> None:
    """Run one executor; write an ExecutorOutput to the outcome file, or the failure to `<outcome>.error`.

    Args:
        invocation: serialised ExecutionInvocation.
        spec: serialised PythonClassExecutableSpec or BeamExecutableSpec.
        is_beam: whether `spec` is a BeamExecutableSpec.
        outcome: path of the outcome file.
    """
    sys.argv = sys.argv[:1]  # TFX would pass the other arguments to the executor as flags
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
    """Write `<outcome>.error`, which says why there is no outcome."""
    write_atomically(_error_file(outcome), json.dumps(_describe(error)))


def read_error(outcome: Path) -> PoselineError | None:
    """Return the failure that a child process wrote, and remove its file; None if it wrote none."""
    path = _error_file(outcome)
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    path.unlink(missing_ok=True)  # another process may have read it too
    return _KINDS.get(described["kind"], NodeError)(described["what"], described["where"], described["remedy"])


def _error_file(outcome: Path) -> Path:
    return outcome.with_name(outcome.name + ".error")


def _describe(error: BaseException) -> dict[str, str | None]:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, PoselineError):
            return {"kind": _kind(cause), "what": cause.what, "where": cause.where, "remedy": cause.remedy}
        cause = cause.__cause__ or cause.__context__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    where = f"{own[-1].filename}:{own[-1].lineno} in {own[-1].name}" if own else None
    text = str(error).strip() or type(error).__name__
    return {"kind": NodeError.__name__, "what": f"{type(error).__name__}: {text}", "where": where, "remedy": None}


def _kind(error: PoselineError) -> str:
    """Return the name of the nearest base class that the driver knows; it may not know a subclass."""
    return next((base.__name__ for base in type(error).__mro__ if base.__name__ in _KINDS), NodeError.__name__)


def _log_to_stderr() -> None:
    from absl import logging

    logging.use_absl_handler()
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().use_absl_log_file = lambda *_, **__: None
