"""Child processes for code that needs TensorFlow or Beam, or that the driver must outlive.

A *warm* child is forked from a server process that has imported the heavy libraries once, so that it starts within a
second instead of ten. A *fresh* child is a new interpreter, for executors without heavy libraries.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from data.files import open_own
from pipelines.processes.import_blocker import block_heavy_imports
from serving_targets.sandbox.child_process import die_with_parent

_PRELOAD = ("pipelines.processes.preload",)


class ChildProcesses:
    """The child processes of one driver, which end when the driver ends."""

    def __init__(self) -> None:
        self._warm = multiprocessing.get_context("forkserver")
        self._warm.set_forkserver_preload(list(_PRELOAD))
        self._fresh = multiprocessing.get_context("spawn")
        self._alive: set[BaseProcess] = set()
        self._lock = threading.Lock()
        self._terminated = False

    def start_fork_server(self) -> None:
        """Start the heavy imports now, in the background."""
        forkserver.ensure_running()

    def run(self, target: Callable[..., None], args: tuple[Any, ...], log: Path, *, heavy: bool) -> int:
        """Run `target(*args)` in a child process and wait until it ends.

        Args:
            target: function at the top level of a module.
            args: arguments of `target`, which can be pickled.
            log: file to which the child's output is appended.
            heavy: whether the child needs TensorFlow or Beam.

        Returns:
            The exit code. A negative number is the signal that ended the child. After `terminate` no child is started
            and the number is that of SIGTERM.
        """
        context = self._warm if heavy else self._fresh
        log.parent.mkdir(parents=True, exist_ok=True)
        process = context.Process(target=_child, args=(target, args, str(log), os.getpid(), heavy))
        with self._lock:
            if self._terminated:
                return -signal.SIGTERM
            process.start()
            self._alive.add(process)
        try:
            process.join()
        finally:
            with self._lock:
                self._alive.discard(process)
        assert process.exitcode is not None
        return process.exitcode

    def terminate(self) -> None:
        """Kill all running children and start no more."""
        with self._lock:
            self._terminated = True
            for process in self._alive:
                process.kill()


def _child(target: Callable[..., None], args: tuple[Any, ...], log: str, parent: int, heavy: bool) -> None:
    die_with_parent()
    try:
        os.kill(parent, 0)
    except ProcessLookupError:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides what an interrupt means
    descriptor = open_own(Path(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    code = 0
    if not heavy:
        block_heavy_imports()
    try:
        target(*args)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a normal exit would spend seconds on the clean-up of TensorFlow
