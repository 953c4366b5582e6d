"""The int8 file as the coach's model, in a process of its own: a file that crashes there is rejected, not the node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from data.errors import InputError
from serving_targets.coach.recognition import Model
from serving_targets.coach.settings import CoachSettings
from serving_targets.contract import Contract, read_contract
from serving_targets.sandbox.sandboxed_classifier import SandboxedClassifier


class UnusableModelError(Exception):
    """The file cannot be run; the message says why."""


@contextmanager
def sandboxed_model(file: Path, settings: CoachSettings) -> Iterator[Model]:
    """Run a TFLite file in a sandbox.

    Args:
        file: TFLite file with a contract.
        settings: calibration of the model.

    Raises:
        UnusableModelError: the file has no contract, or cannot be run; also while the model is used.
    """
    try:
        contract = read_contract(file)
        if contract is None:
            raise UnusableModelError("the file has no contract")
        with SandboxedClassifier(file, contract.window_shape, len(contract.labels)) as sandbox:
            yield model_of(contract, sandbox.predict, settings)
    except InputError as error:
        if error.where not in (str(file), str(file.absolute())):
            raise
        raise UnusableModelError(error.what) from error


def model_of(contract: Contract, classify: Callable[[np.ndarray], np.ndarray], settings: CoachSettings) -> Model:
    """Return the coach's model for a contract.

    Args:
        contract: contract of the TFLite file.
        classify: function from a window to the probabilities of the labels.
        settings: calibration of the model.
    """
    return Model(
        classify=classify,
        labels=contract.labels,
        layout=contract.layout,
        channels=len(contract.channels),
        length=contract.window.length,
        fps=contract.fps,
        settings=settings,
    )
