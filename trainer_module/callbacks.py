"""Keras callbacks: progress lines, TensorBoard logs, the best weights, and checkpoints."""

from __future__ import annotations

import contextlib
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from data.files import replacing
from data.output.progress import duration, say_progress, time_left
from data.system.cpu_phases import CpuPhases
from data.text import say


def read_saved(file: Path) -> dict[str, np.ndarray] | None:
    """Return the arrays of a file that an earlier attempt saved; None if there is none, or if it is damaged."""
    if not file.is_file():
        return None
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)  # reads everything, and compares the checksums
    except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        say(f"{file} is damaged and is not used: {error}")
        return None


class Progress(keras.callbacks.Callback):
    """Prints one line per epoch: loss, accuracy, and the time that is left for all networks.

    Args:
        network: name of the network; empty for the only one.
        networks_after: number of networks that are trained after this one, for as many epochs.
    """

    def __init__(self, network: str = "", networks_after: int = 0) -> None:
        super().__init__()
        self._network, self._networks_after = network, networks_after
        self._seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """See `keras.callbacks.Callback`."""
        self._start = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """See `keras.callbacks.Callback`."""
        logs = logs or {}
        self._seconds.append(time.monotonic() - self._start)
        epochs = self.params["epochs"]
        parts = [f"epoch {epoch + 1}/{epochs}", f"loss {logs['loss']:.4f}", f"accuracy {logs['accuracy']:.4f}"]
        if self._network:
            parts.insert(0, self._network)
        if "val_accuracy" in logs:
            parts.append(f"eval accuracy {logs['val_accuracy']:.4f}")
        if steps := epochs - epoch - 1 + epochs * self._networks_after:
            parts.append(f"{duration(time_left(self._seconds, steps))} left")
        say_progress(", ".join(parts))


class FirstStep(keras.callbacks.Callback):
    """Counts the processor time up to the end of the first step, nearly all of which is tracing.

    Args:
        phases: processor time of the training.
    """

    def __init__(self, phases: CpuPhases) -> None:
        super().__init__()
        self._phases = phases

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """See `keras.callbacks.Callback`."""
        self._waiting = True

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """See `keras.callbacks.Callback`."""
        if self._waiting:
            self._waiting = False
            self._phases.end("first step")


class TensorBoardScalars(keras.callbacks.Callback):
    """Writes the metrics of each epoch in the format of TensorBoard, which need not be installed.

    Args:
        log_dir: folder of the event file.
    """

    def __init__(self, log_dir: Path) -> None:
        super().__init__()
        self._log_dir = log_dir
        # TensorBoard draws tensors with this metadata as a curve.
        self._metadata = tf.compat.v1.SummaryMetadata(
            plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class="DATA_CLASS_SCALAR"
        )

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """See `keras.callbacks.Callback`."""
        self._writer = tf.summary.create_file_writer(str(self._log_dir))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """See `keras.callbacks.Callback`."""
        with self._writer.as_default(step=epoch):
            for name, value in (logs or {}).items():
                tf.summary.write(f"epoch_{name}", np.float32(value), metadata=self._metadata)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """See `keras.callbacks.Callback`."""
        self._writer.close()


class BestWeights(keras.callbacks.Callback):
    """Keeps the averaged weights of the epoch with the best accuracy, the latest if several are equal.

    May end the training early. Put it before AveragedWeights in the list of callbacks: the model then still has the
    averaged weights when an evaluation ends.

    Args:
        target: accuracy at which training stops; None if it never does.
        patience: number of epochs without a better accuracy after which training stops; None if it never does.
    """

    def __init__(self, target: float | None, patience: int | None) -> None:
        super().__init__()
        self._target = target
        self._patience = patience
        self.weights: list[np.ndarray] = []
        self.waited = 0
        self.accuracy = -1.0

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """See `keras.callbacks.Callback`."""
        accuracy = (logs or {})["accuracy"]
        self.waited = 0 if accuracy > self.accuracy else self.waited + 1
        if accuracy >= self.accuracy:
            self.accuracy = accuracy
            self.weights = self.model.get_weights()
        reached = self._target is not None and accuracy >= self._target
        if reached or (self._patience is not None and self.waited >= self._patience):
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """See `keras.callbacks.Callback`."""
        if self.weights:
            self.model.set_weights(self.weights)


class AveragedWeights(keras.callbacks.Callback):
    """Evaluates the model with its averaged weights."""

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """See `keras.callbacks.Callback`."""
        self._weights = [variable.numpy() for variable in self.model.trainable_variables]
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """See `keras.callbacks.Callback`."""
        for variable, weight in zip(self.model.trainable_variables, self._weights, strict=True):
            variable.assign(weight)


class Checkpoint(keras.callbacks.Callback):
    """Saves the state of a training after each epoch, so that a killed training can be resumed.

    The state is one file, which is replaced as a whole: it is never half written.

    Args:
        folder: folder of the file; removed when training ends.
        model: compiled model with a built optimiser.
        best: callback that keeps the best weights, whose state is saved too; None if there is none.
    """

    def __init__(self, folder: Path, model: keras.Model, best: BestWeights | None) -> None:
        super().__init__()
        self._folder = folder
        self._variables = [*model.variables, *model.optimizer.variables]
        self._best = best

    @property
    def _file(self) -> Path:
        return self._folder / "checkpoint.npz"

    def restore(self) -> int:
        """Restore the saved state, if there is a sound one, and return the index of the next epoch to train."""
        saved = read_saved(self._file)
        if saved is None:
            return 0
        for i, variable in enumerate(self._variables):
            variable.assign(saved[f"variable_{i}"])
        if self._best:
            self._best.accuracy, self._best.waited = float(saved["best_accuracy"]), int(saved["waited"])
            self._best.weights = [saved[f"best_{i}"] for i in range(int(saved["best_weights"]))]
        epoch = int(saved["epoch"])
        say(f"resumed after epoch {epoch}")
        return epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """See `keras.callbacks.Callback`."""
        values = {f"variable_{i}": variable.numpy() for i, variable in enumerate(self._variables)}
        if self._best:
            values |= {"best_accuracy": self._best.accuracy, "waited": self._best.waited}
            values |= {"best_weights": len(self._best.weights)}
            values |= {f"best_{i}": weight for i, weight in enumerate(self._best.weights)}
        with replacing(self._file) as temporary, temporary.open("wb") as file:
            np.savez(file, epoch=epoch + 1, **values)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """See `keras.callbacks.Callback`."""
        for file in self._folder.glob("*.npz"):  # also what teachers have left
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # another run may be training the same model
            self._folder.rmdir()
