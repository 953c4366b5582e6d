"""The exit code and the message of a command that does not succeed."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import click

from data.errors import ExitCode, InputError, PoselineError
from data.project import PROJECT_ROOT
from data.text import printable

_MESSAGE_LENGTH = 300


def report_failure(error: BaseException, arguments: Sequence[str]) -> int:
    """Print what ended a command, if there is something to say, and return the exit code.

    Args:
        error: what the command raised.
        arguments: command line without the program's name.
    """
    if _lost_its_reader(error):
        _discard(sys.stdout, sys.stderr)
        return ExitCode.NO_READER
    if isinstance(error, SystemExit) and not isinstance(error.code, str):
        return int(error.code or 0)
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort):
        _print("interrupted; run the same command again to resume")
        return ExitCode.INTERRUPTED
    if isinstance(error, click.ClickException):
        with contextlib.suppress(OSError):
            error.show()
        return ExitCode.WRONG_INPUT
    explained = error if isinstance(error, PoselineError) else _explain(error, arguments)
    _print(f"error: {explained}")
    return explained.exit_code


def flush_output() -> None:
    """Write out what is still buffered, so that a failure to write is noticed before the interpreter ends."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def _lost_its_reader(error: BaseException) -> bool:
    """Return whether a pipe was closed; rich turns that into an exit with code 1."""
    cause = error.__context__ if isinstance(error, SystemExit) else error
    return isinstance(cause, OSError) and cause.errno == errno.EPIPE


def _discard(*streams: TextIO) -> None:
    """Discard what is still buffered; otherwise the interpreter would fail to write it when it ends."""
    for stream in streams:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _print(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        click.echo(printable(text), err=True)


def _explain(error: BaseException, arguments: Sequence[str]) -> PoselineError:
    """Return the error that a person reads in place of one that Poseline does not expect."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT):
        _discard(sys.stdout)
        return PoselineError("the disk is full", _file_of(error), "free some space, then run the same command again")
    if number == errno.ENAMETOOLONG:
        return InputError("the path is too long", _file_of(error), "give a shorter path")
    if isinstance(error, MemoryError):
        return PoselineError(
            "there is not enough memory",
            remedy="end other programs or set runner.parallel_nodes=1, then run the same command again",
        )
    text = " ".join(str(error).split())[:_MESSAGE_LENGTH]
    if isinstance(error, ModuleNotFoundError) and not _is_own(error.name or ""):
        return PoselineError(
            f"the environment is incomplete: {text}", sys.executable, "run `make setup`, then `poseline doctor`"
        )
    log = _write_log(error, arguments)
    return PoselineError(
        f"unexpected {type(error).__name__}" + (f": {text}" if text else ""),
        f"the traceback is in {log}" if log else _last_frame(error),
        "this is a defect of Poseline: please open an issue and " + ("attach that file" if log else "add this message"),
    )


def _is_own(module: str) -> bool:
    """Return whether a module belongs to the project."""
    return (PROJECT_ROOT / module.partition(".")[0]).is_dir()


def _file_of(error: BaseException) -> str | None:
    name = getattr(error, "filename", None)
    return os.fsdecode(name)[:_MESSAGE_LENGTH] if isinstance(name, str | bytes) else None


def _last_frame(error: BaseException) -> str | None:
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else None


def _write_log(error: BaseException, arguments: Sequence[str]) -> Path | None:
    """Write the traceback below the root if there is one, else below the folder for temporary files."""
    import datetime
    import shlex
    import tempfile
    import traceback

    name = f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S}-{os.getpid()}.log"
    command = shlex.join(["poseline", *arguments])
    text = f"{command}\nPython {sys.version}\n\n{''.join(traceback.format_exception(error))}"
    root, temporary = _root(arguments), Path(tempfile.gettempdir())
    for folder, log in ((root, root / "errors" / name), (temporary, temporary / f"poseline-{name}")):
        with contextlib.suppress(OSError, ValueError):
            if folder.is_dir():
                log.parent.mkdir(exist_ok=True)
                log.write_text(text, encoding="utf-8", errors="backslashreplace")
                return log
    return None


def _root(arguments: Sequence[str]) -> Path:
    """Return the root that the command line names; it may be the parsing of the rest that failed."""
    for position, argument in enumerate(arguments):
        if argument.startswith("--root="):
            return Path(argument.partition("=")[2]).absolute()
        if argument == "--root" and position + 1 < len(arguments):
            return Path(arguments[position + 1]).absolute()
    from lineage.places import DEFAULT_ROOT

    return DEFAULT_ROOT
