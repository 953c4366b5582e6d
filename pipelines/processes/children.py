"""Child processes for code that needs TensorFlow or Beam, or that the driver must outlive.

A *warm* child is forked from a server process that has imported the heavy libraries once, so that it starts within a
second instead of ten. A *fresh* child is a new interpreter, for executors without heavy libraries.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from multiprocessing import connection, forkserver, util
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from data.errors import InputError, NodeError, PoselineError
from data.files import open_own, staging_folder
from data.system.child_environment import child_environment
from data.system.limits import die_with_parent
from pipelines.processes.child_failure import describe, explain_exit, memory_kills, restore
from pipelines.processes.import_blocker import block_heavy_imports

_PRELOAD = ("pipelines.processes.preload",)
_SHORT = "/tmp"
_LONGEST = 107 - len("/pymp-12345678/listener-12345678")
"""Length of the longest temporary folder in which multiprocessing can make a socket: `sun_path` has 108 bytes."""


class ChildProcesses:
    """The child processes of one driver, which end when the driver ends."""

    def __init__(self) -> None:
        _make_short_socket_paths()
        os.environ.update(child_environment())  # multiprocessing gives its processes the environment of this one
        self._warm = multiprocessing.get_context("forkserver")
        self._warm.set_forkserver_preload(list(_PRELOAD))
        self._fresh = multiprocessing.get_context("spawn")
        self._alive: set[BaseProcess] = set()
        self._lock = threading.Lock()
        self._terminated = False

    def start_fork_server(self) -> None:
        """Start the heavy imports now, in the background."""
        forkserver.ensure_running()

    def run(self, target: Callable[..., None], args: tuple[Any, ...], log: Path, *, heavy: bool) -> None:
        """Run `target(*args)` in a child process and wait until it ends.

        The child has a folder for temporary files of its own, which is removed when it ends, however it ends.

        Args:
            target: function at the top level of a module.
            args: arguments of `target`, which can be pickled.
            log: file to which the child's output is appended.
            heavy: whether the child needs TensorFlow or Beam.

        Raises:
            PoselineError: `target` raised an error, or the child was ended; after `terminate` no child is started.
        """
        context = self._warm if heavy else self._fresh
        log.parent.mkdir(parents=True, exist_ok=True)
        killed_before = memory_kills()
        with staging_folder(Path(tempfile.gettempdir())) as scratch:
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(
                target=_child, args=(target, args, str(log), os.getpid(), heavy, str(scratch), sender)
            )
            with receiver:
                with sender:
                    self._start(process)
                try:
                    error = _failure(process, receiver)
                    process.join()
                finally:
                    with self._lock:
                        self._alive.discard(process)
        if error is not None:
            raise error
        if self._terminated:
            raise _interrupted()
        assert process.exitcode is not None
        if process.exitcode:
            raise explain_exit(process.exitcode, log, out_of_memory=memory_kills() > killed_before)

    def _start(self, process: BaseProcess) -> None:
        with self._lock:
            if self._terminated:
                raise _interrupted()
            try:
                process.start()
            except (EOFError, ConnectionError) as error:
                raise _server_ended() from error
            self._alive.add(process)

    def terminate(self) -> None:
        """Kill all running children and start no more."""
        with self._lock:
            self._terminated = True
            for process in self._alive:
                process.kill()


def _make_short_socket_paths() -> None:
    """Let multiprocessing make its sockets elsewhere if the folder for temporary files has too long a path for them.

    Raises:
        InputError: there is no other folder for them.
    """
    given = tempfile.gettempdir()
    if len(os.fsencode(given)) <= _LONGEST:
        return
    tempfile.tempdir = _SHORT
    try:
        util.get_temp_dir()  # makes the folder and remembers it
    except OSError as error:
        raise InputError(
            "the path of the folder for temporary files is too long for sockets", given, "set TMPDIR to a shorter path"
        ) from error
    finally:
        tempfile.tempdir = given


def _interrupted() -> NodeError:
    return NodeError("the run was interrupted", remedy="run again to resume")


def _server_ended() -> NodeError:
    return NodeError(
        "the process that starts executors has ended, most often because there is not enough memory",
        remedy="end other programs, or raise the limits that `ulimit -v` and `ulimit -u` show, then run the same"
        " command again",
    )


def _failure(process: BaseProcess, receiver: connection.Connection) -> PoselineError | None:
    """Wait until a child reports a failure or ends; None if it ends without a report."""
    connection.wait([process.sentinel, receiver])
    with contextlib.suppress(EOFError, ValueError):
        if receiver.poll():
            return restore(json.loads(receiver.recv_bytes()))
    return None


def _child(
    target: Callable[..., None],
    args: tuple[Any, ...],
    log: str,
    parent: int,
    heavy: bool,
    scratch: str,
    sender: connection.Connection,
) -> None:
    die_with_parent()
    try:
        os.kill(parent, 0)
    except ProcessLookupError:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides what an interrupt means
    code = 0
    try:
        os.environ["TMPDIR"] = tempfile.tempdir = scratch
        descriptor = open_own(Path(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        if not heavy:
            block_heavy_imports()
        target(*args)
    except BaseException as error:
        code = 1
        # A pipe, not a file: the failure may be a full disk, or a process that may open no more files.
        sender.send_bytes(json.dumps(describe(error)).encode())
        with contextlib.suppress(OSError):
            traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # a normal exit would spend seconds on the clean-up of TensorFlow
