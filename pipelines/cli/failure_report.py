"""The exit code and the message of a command that does not succeed."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import click

from data.errors import ExitCode, InputError, PoselineError
from data.files import creating
from data.project import PROJECT_ROOT
from data.system import faults
from data.text import say

_MESSAGE_LENGTH = 300
_PERMISSIONS = ("the file or folder cannot be accessed: permission denied", "change its permissions, or name another")
_PATH_FAULTS = {
    errno.EACCES: _PERMISSIONS,
    errno.EPERM: _PERMISSIONS,
    errno.EROFS: ("the file or folder cannot be written: its file system is read-only", "name a place on another one"),
    errno.ENOENT: ("the file or folder does not exist", "check the path"),
    errno.EEXIST: ("the place is taken by something else", "name one that is free"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "check the path"),
    errno.EISDIR: ("the path is a folder, not a file", "name a file"),
    errno.ELOOP: ("the path leads through a circle of links", "name the place itself"),
}
"""What is wrong with a path that the user gave, by the system's error number, and what to do about it."""


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
        _print(_usage_message(error))
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
    """Return whether nobody reads the output any more."""
    if isinstance(error, SystemExit):  # rich discards the output, then ends with code 1
        return isinstance(error.__context__, BrokenPipeError)
    if not isinstance(error, BrokenPipeError):
        return False
    poll = select.poll()  # another pipe or socket may have been closed: that is a failure
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            poll.register(stream.fileno(), select.POLLOUT)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _discard(*streams: TextIO) -> None:
    """Discard what is still buffered; otherwise the interpreter would fail to write it when it ends."""
    for stream in streams:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _print(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        say(text, error=True)


def _usage_message(error: click.ClickException) -> str:
    """Return what click shows, in which arguments may hold anything."""
    text = io.StringIO()
    error.show(text)
    return text.getvalue().rstrip("\n")


def _explain(error: BaseException, arguments: Sequence[str]) -> PoselineError:
    """Return the error to show to the user in place of an unexpected one."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENAMETOOLONG:
        return InputError("the path is too long", _file_of(error), "give a shorter path")
    if number in _PATH_FAULTS and (file := _file_of(error)) and _is_given(file, arguments):
        what, remedy = _PATH_FAULTS[number]
        return InputError(what, file, remedy)
    if (fault := faults.explain(error)) is not None:
        _discard(sys.stdout)  # the fault may be that it cannot be written
        return fault
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


def _is_given(file: str, arguments: Sequence[str]) -> bool:
    """Return whether a file is one that the command line names, lies below it, or is written next to it."""
    path = Path(file).absolute()
    for argument in arguments:
        named = Path(argument.rpartition("=")[2] if argument.startswith("-") else argument).absolute()
        if named in (path, *path.parents) or (path.parent == named.parent and path.name.startswith(".")):
            return True
    return False


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
                with creating(log) as made:
                    made.write_text(text, encoding="utf-8", errors="backslashreplace")
                return log
    return None


def _root(arguments: Sequence[str]) -> Path:
    """Return the root that the command line names, without click, which may have failed on the other arguments."""
    for position, argument in enumerate(arguments):
        if argument.startswith("--root="):
            return Path(argument.partition("=")[2]).absolute()
        if argument == "--root" and position + 1 < len(arguments):
            return Path(arguments[position + 1]).absolute()
    from lineage.places import DEFAULT_ROOT

    return DEFAULT_ROOT
