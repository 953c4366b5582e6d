"""Searches single settings: the temperature with the least loss, and the best of a few values."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

_TEMPERATURES = np.geomspace(0.25, 8.0, 61)


def loss_at(probabilities: np.ndarray, truth: np.ndarray, temperature: float) -> float:
    """Return the mean negative log likelihood of the true labels at a temperature.

    Args:
        probabilities: `[N, K]`.
        truth: number of the true label of each row, `[N]`.
        temperature: number that the log probabilities are divided by.
    """
    logs = np.log(np.maximum(probabilities.astype(float), 1e-9)) / temperature
    logs -= logs.max(axis=1, keepdims=True)
    normaliser = np.log(np.exp(logs).sum(axis=1))
    return float((normaliser - logs[np.arange(len(truth)), truth]).mean())


def temperature_of(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Return the temperature with the least loss; see `loss_at`."""
    return float(min(_TEMPERATURES, key=lambda temperature: loss_at(probabilities, truth, temperature)))


def best_of(values: Iterable[float], score: Callable[[float], float]) -> tuple[float, float]:
    """Return the value with the highest score, the first of equal ones, and its score."""
    scored = [(value, score(value)) for value in values]
    return max(scored, key=lambda each: each[1])
