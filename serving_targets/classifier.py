"""Runs a TFLite file on windows of keypoints, with NumPy and the LiteRT interpreter alone."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from data.errors import InputError
from serving_targets.contract import read_contract


class Classifier:
    """A TFLite file with one input, a window of raw keypoints, and one output, a probability a class.

    Attributes:
        window_shape: `[T, J, C]` of a window.
        classes: how many probabilities come back.
        contract: what the file says of itself: labels, joints, frames per second; None if it says nothing.
        seconds: duration of every prediction so far, the interpreter's work alone.

    Raises:
        InputError: the file is no such model, or not what it says.
    """

    def __init__(self, model: Path) -> None:
        try:
            self._interpreter = Interpreter(model_path=str(model), num_threads=1)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise InputError(f"the file can't be run: {error}", str(model), "convert the model again") from error
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        tensors = [(tensor["dtype"].__name__, *map(int, tensor["shape"])) for tensor in (*inputs, *outputs)]
        match tensors:
            case [("float32", 1, length, joints, channels), ("float32", 1, classes)]:
                self.window_shape = (length, joints, channels)
                self.classes = classes
            case _:
                raise InputError(
                    f"the model's inputs and outputs are {tensors}, not float32 [1, T, J, C] and [1, K]",
                    str(model),
                    "convert the model with EdgeConverter",
                )
        self.contract = read_contract(model)
        if self.contract and (self.contract.window_shape, len(self.contract.labels)) != (
            self.window_shape,
            self.classes,
        ):
            raise InputError(
                f"the model takes {list(self.window_shape)} and gives {self.classes} probabilities; its metadata say"
                f" {list(self.contract.window_shape)} and {len(self.contract.labels)} labels",
                str(model),
                "convert the model again",
            )
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self.seconds: list[float] = []

    def predict(self, window: np.ndarray) -> np.ndarray:
        """Classifies one window.

        Args:
            window: float32 `[T, J, C]`.

        Returns:
            float32 `[K]`, the probability of each class.

        Raises:
            InputError: the window has another shape.
        """
        if window.shape != self.window_shape:
            raise InputError(
                f"the window is {list(window.shape)}, the model takes {list(self.window_shape)}",
                remedy="cut windows as the manifest says, in its layout",
            )
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(window[np.newaxis], np.float32))
        start = time.perf_counter()
        self._interpreter.invoke()
        self.seconds.append(time.perf_counter() - start)
        return self._interpreter.get_tensor(self._output)[0]

    def predict_all(self, windows: np.ndarray) -> np.ndarray:
        """Classifies windows `[N, T, J, C]` one by one; returns float32 `[N, K]`."""
        return np.array([self.predict(window) for window in windows], np.float32).reshape(len(windows), self.classes)
