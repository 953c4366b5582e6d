"""Classifies windows with a TFLite file of unknown origin, in a process that the file may crash."""

from __future__ import annotations

import json
import multiprocessing
import signal
import tempfile
from pathlib import Path
from typing import Self

import numpy as np

from data.errors import InputError
from serving_targets.latency import Latency
from serving_targets.sandbox.child_process import kill_group, signal_name, start_module

MEMORY_BYTES = 500_000_000
LOAD_SECONDS = 5
WINDOW_SECONDS = 2
"""Limits of the sandbox, far above what a model for a phone needs; the seconds are of processor time."""

_BATCH = 16
"""Windows in a message, so that an answer takes at most `_BATCH * WINDOW_SECONDS` of processor time."""

_SILENCE_SECONDS = 300
"""Time without an answer after which the sandbox is taken to wait for something that does not come."""

_LONGEST_LATENCY = 1000
"""Bytes of the longest message about a latency."""

_REMEDY = "do not use this file: push the model again, or ask for the bundle from where it came"


class SandboxedClassifier:
    """A `Classifier` in a process of its own, with limits on memory and processor time; a context manager.

    The process is started at once and loads the model while the caller does something else.

    Args:
        model: TFLite file.
        window_shape: shape `(T, J, C)` of a window that the file must take.
        classes: number of classes that the file must answer.
    """

    def __init__(self, model: Path, window_shape: tuple[int, int, int], classes: int) -> None:
        self._model, self._classes = model.absolute(), classes
        self._is_ready = False
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._connection, theirs = multiprocessing.Pipe()
        with theirs:
            expected = map(str, (theirs.fileno(), *window_shape, classes))
            self._child = start_module(
                "serving_targets.sandbox.answer_windows",
                [str(self._model), *expected],
                self._log,
                (theirs.fileno(),),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        kill_group(self._child)
        self._log.close()

    def answer(self, windows: np.ndarray) -> np.ndarray:
        """Classify windows, `[N, T, J, C]`; return the probabilities of the classes, float32 `[N, K]`.

        Raises:
            InputError: the file cannot be run, crashed the interpreter, exceeded a limit, or its answers make no sense.
        """
        return np.concatenate(
            [self._classify(windows[start : start + _BATCH]) for start in range(0, len(windows), _BATCH)]
        )

    def predict(self, window: np.ndarray) -> np.ndarray:
        """Classify one window, `[T, J, C]`; return the probabilities of the classes, float32 `[K]`.

        Raises:
            InputError: see `answer`.
        """
        return self.answer(window[None])[0]

    def measure(self) -> Latency:
        """Measure the latency with the windows that were classified first.

        Raises:
            InputError: see `answer`.
        """
        return Latency(**json.loads(self._ask(b"", _LONGEST_LATENCY)))

    def _classify(self, windows: np.ndarray) -> np.ndarray:
        size = len(windows) * self._classes * np.float32().nbytes
        content = self._ask(np.ascontiguousarray(windows, np.float32).tobytes(), size)
        if len(content) != size:
            raise self._fault(f"the model answers {len(content)} bytes, not {size}")
        probabilities = np.frombuffer(content, np.float32).reshape(len(windows), self._classes)
        if not np.isfinite(probabilities).all():
            raise self._fault("the model answers NaN or infinity")
        return probabilities

    def _ask(self, message: bytes, longest: int) -> bytes:
        """Send a message; return the answer, which has at most `longest` bytes."""
        try:
            if not self._is_ready:
                self._receive(1)
                self._is_ready = True
            self._connection.send_bytes(message)
            return self._receive(longest)
        except (EOFError, OSError):
            raise self._fault(self._explain_end()) from None

    def _receive(self, longest: int) -> bytes:
        # Waiting second by second does not count the time in which this process is stopped.
        if not any(self._connection.poll(1) for _ in range(_SILENCE_SECONDS)):
            raise self._fault(f"the interpreter did not answer for {_SILENCE_SECONDS} s")
        return self._connection.recv_bytes(longest)  # longer messages are an OSError

    def _explain_end(self) -> str:
        """Describe why the process closed the connection."""
        code = self._child.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines() or ["no message"]
        if code == -signal.SIGXCPU:
            doing = f"{WINDOW_SECONDS} s for one window" if self._is_ready else f"{LOAD_SECONDS} s to load it"
            return f"the file kept the interpreter busy for more than {doing}"
        if code < 0 and any("alloc" in line for line in lines):
            return f"the file needs more than {MEMORY_BYTES / 1e6:.0f} MB of memory ({signal_name(-code)})"
        if code < 0:
            return f"the file crashed the interpreter with {signal_name(-code)}"
        return lines[-1]

    def _fault(self, what: str) -> InputError:
        return InputError(what, str(self._model), _REMEDY)
