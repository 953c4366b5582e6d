"""Trainer's record of a training: how long it took, how it went, what it started from."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from payloads.json_payload import JsonPayload


class TrainingRecord(JsonPayload):
    """One training, with its TensorBoard logs.

    Attributes:
        seconds: wall time.
        cpu_seconds: phase to its processor time, from the start of Trainer's process.
        epochs: number of epochs trained.
        warm_start: folder of the model whose weights it started from; None for random weights.
        windows: split to its number of windows.
        parameters: number of the network's parameters.
        teachers: number of networks that taught it.
        best_eval_accuracy: greatest accuracy on the eval split; None without one.
        history: name of a metric to its value after each epoch.
    """

    FILE: ClassVar[str] = "training.json"

    seconds: float
    cpu_seconds: dict[str, float] = Field(default_factory=dict)
    epochs: int
    warm_start: str | None = None
    windows: dict[str, int] = Field(default_factory=dict)
    parameters: int
    teachers: int = 0
    best_eval_accuracy: float | None = None
    history: dict[str, list[float]] = Field(default_factory=dict)
