"""Program that answers windows: `python -m serving_targets.sandbox.answer_windows MODEL DESCRIPTOR T J C K`.

The descriptor is a connection. The program loads the model, which must take windows `[T, J, C]` and return K
probabilities, and sends an empty message. For each message of float32 windows it then sends the probabilities, float32.
For an empty message it measures the latency with the windows of the first message and sends it as JSON.
"""

from __future__ import annotations

import json
import sys

sys.modules["tensorflow"] = None  # type: ignore[assignment]  # a phone does not have it

from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.system.limits import die_with_parent
from data.text import shortened
from serving_targets.classifier import Classifier
from serving_targets.latency import ClassifierCalls, measure
from serving_targets.sandbox.child_process import limit_memory, limit_seconds
from serving_targets.sandbox.sandboxed_classifier import LOAD_SECONDS, MEMORY_BYTES, WINDOW_SECONDS


def main(model: Path, connection: Connection, *expected: int) -> int:
    """Answer windows until the other end of the connection is closed; return the exit code.

    Args:
        model: TFLite file.
        connection: connection to the process that has the windows.
        expected: shape `T, J, C` of a window, and number of classes.
    """
    try:
        limit_memory(MEMORY_BYTES)
        limit_seconds(LOAD_SECONDS)
        classifier = Classifier(model)
        if (found := (*classifier.window_shape, classifier.classes)) != expected:
            raise InputError(f"the model's window and number of classes are {found}, the manifest's {expected}")
        connection.send_bytes(b"")
        first = np.zeros((1, *classifier.window_shape), np.float32)
        while True:
            windows = np.frombuffer(connection.recv_bytes(), np.float32).reshape(-1, *classifier.window_shape)
            if not len(windows):
                latency = measure(_LimitedCalls(classifier, first))
                connection.send_bytes(json.dumps(asdict(latency)).encode("ascii"))
                continue
            first = windows if not first.any() else first
            answers = []
            for window in windows:
                limit_seconds(WINDOW_SECONDS)
                answers.append(classifier.predict(window))
            connection.send_bytes(np.array(answers).tobytes())
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return 0
    except InputError as error:
        print(_line(error.what))
    except MemoryError:
        print(f"the file needs more than {MEMORY_BYTES / 1e6:.0f} MB of memory")
    except Exception as error:  # whatever a stranger's file makes the interpreter raise is the file's fault
        print(_line(f"the file cannot be run: {error}"))
    return 1


class _LimitedCalls(ClassifierCalls):
    """Predictions with a limit on the processor time of each."""

    def load(self, run: int) -> None:
        """See `Timed`."""
        limit_seconds(WINDOW_SECONDS)
        super().load(run)


def _line(text: str) -> str:
    return shortened(" ".join(text.split()), 400)


if __name__ == "__main__":
    die_with_parent()
    sys.exit(main(Path(sys.argv[1]), Connection(int(sys.argv[2])), *map(int, sys.argv[3:])))
