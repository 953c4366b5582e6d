"""Classifies windows of keypoints with a TFLite file, using only NumPy and the LiteRT interpreter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from data.errors import InputError
from serving_targets.contract import read_contract


class Classifier:
    """A TFLite model that takes a window of raw keypoints and returns a probability for each class.

    Attributes:
        window_shape: shape `(T, J, C)` of a window.
        classes: number of classes.
        contract: contract in the file: labels, joints, frames per second; None if the file has none.

    Raises:
        InputError: the file is not such a model, or its contract contradicts it.
    """

    def __init__(self, model: Path) -> None:
        try:
            self._interpreter = Interpreter(model_path=str(model), num_threads=1)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise _unusable(error, model) from error
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
                f"the model takes windows {list(self.window_shape)} and returns {self.classes} probabilities, but its"
                f" metadata say {list(self.contract.window_shape)} and {len(self.contract.labels)} labels",
                str(model),
                "convert the model again",
            )
        self._model = model
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]

    def predict(self, window: np.ndarray) -> np.ndarray:
        """Classify one window.

        Args:
            window: window of keypoints, float32 `[T, J, C]`.

        Returns:
            Probabilities of the classes, float32 `[K]`.

        Raises:
            InputError: the window has the wrong shape, or the model fails on it.
        """
        self.load(window)
        self.invoke()
        answer = self._interpreter.get_tensor(self._output)
        if answer.shape != (1, self.classes):  # a file may change its shapes while it runs
            raise _unusable(f"it answers {list(answer.shape)}, not {[1, self.classes]}", self._model)
        return answer[0]

    def load(self, window: np.ndarray) -> None:
        """Copy a window to the input of the model; see `predict`."""
        if window.shape != self.window_shape:
            raise InputError(
                f"the window is {list(window.shape)}, the model takes {list(self.window_shape)}",
                remedy="cut windows with the layout, length and frame rate in the manifest",
            )
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(window[np.newaxis], np.float32))

    def invoke(self) -> None:
        """Run the model on the window that was loaded; this is what a latency is measured of."""
        try:
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise _unusable(error, self._model) from error

    def predict_all(self, windows: np.ndarray) -> np.ndarray:
        """Classify windows `[N, T, J, C]` one by one; return probabilities, float32 `[N, K]`."""
        return np.array([self.predict(window) for window in windows], np.float32).reshape(len(windows), self.classes)


def _unusable(reason: Exception | str, model: Path) -> InputError:
    return InputError(f"the file cannot be run: {reason}", str(model), "convert the model again")
