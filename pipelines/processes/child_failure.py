"""Why a child process failed: its own report, or what its exit code and the system say about it."""

from __future__ import annotations

import signal
import traceback
from pathlib import Path
from typing import Any

from data.errors import GateError, InputError, NodeError, PoselineError
from data.system.faults import causes, explain

_KINDS: dict[str, type[PoselineError]] = {kind.__name__: kind for kind in (GateError, InputError, NodeError)}
_AGAIN = "end other programs or set runner.parallel_nodes=1, then run again to resume"


def describe(error: BaseException) -> dict[str, str | None]:
    """Return the kind, the description, the place and the remedy of a failure, for another process."""
    explained = next((cause for cause in causes(error) if isinstance(cause, PoselineError)), None) or explain(error)
    if explained is not None:
        kind = _kind(explained)
        return {"kind": kind, "what": explained.what, "where": explained.where, "remedy": explained.remedy}
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    where = f"{own[-1].filename}:{own[-1].lineno} in {own[-1].name}" if own else None
    text = str(error).strip() or type(error).__name__
    return {"kind": NodeError.__name__, "what": f"{type(error).__name__}: {text}", "where": where, "remedy": None}


def restore(described: dict[str, Any]) -> PoselineError:
    """Return the error that another process described."""
    return _KINDS.get(described["kind"], NodeError)(described["what"], described["where"], described["remedy"])


def explain_exit(code: int, log: Path, *, out_of_memory: bool) -> NodeError:
    """Return the error of a child process that ended without a report.

    Args:
        code: its exit code; if negative, the signal that ended it.
        log: file with its output.
        out_of_memory: whether the system has killed a process for lack of memory meanwhile.
    """
    if code == -signal.SIGKILL and out_of_memory:
        return NodeError("the system ran out of memory and killed the executor process", str(log), _AGAIN)
    if code == -signal.SIGKILL:
        what = "the executor process was killed (SIGKILL), by somebody or by a limit on its memory"
        return NodeError(what, str(log), f"if nobody killed it, {_AGAIN}")
    if code < 0:
        what = f"the executor process crashed: it was ended by {signal.Signals(-code).name}"
        return NodeError(what, str(log), "see the log, check the free memory, then run again to resume")
    return NodeError(
        f"the executor process ended with exit code {code}", str(log), "see the log, then run again to resume"
    )


def memory_kills() -> int:
    """Return how many processes the system has killed for lack of memory since it started; 0 if it does not say."""
    try:
        counters = dict(line.split() for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines())
        return int(counters["oom_kill"])
    except (OSError, ValueError, KeyError):
        return 0


def _kind(error: PoselineError) -> str:
    """Return the name of the nearest base class that the driver knows; it may not know a subclass."""
    return next((base.__name__ for base in type(error).__mro__ if base.__name__ in _KINDS), NodeError.__name__)
