"""Fits the recogniser's networks to how people move in sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from serving_targets.coach.context import ROW, Stretch, mirrored_rows, surroundings
from serving_targets.coach.movement.angles import ANGLES
from serving_targets.coach.movement.signals import Signal
from serving_targets.coach.network import Matrix, Network, PoseHeads
from serving_targets.coach.recognition import Model, rows_of

_AXES = 16
_UNITS, _MEMBERS = 24, 3
"""Hidden units of a member, and networks that are fitted from other starts and joined to one."""
_BEFORE: tuple[Stretch, ...] = ((-20, -12), (-11, -7), (-6, -4), (-3, -2), (-1, -1), (0, 0), (1, 1), (2, 3))
_BEFORE_SPREADS: tuple[Stretch, ...] = ((-20, -8), (-10, -2), (-4, 3))
_AROUND: tuple[Stretch, ...] = (*_BEFORE, (4, 6), (7, 11), (12, 20))
_AROUND_SPREADS: tuple[Stretch, ...] = ((-20, -8), (-10, -3), (-4, 4), (3, 10), (8, 20))
_EPOCHS, _BATCH, _RATE, _DECAY = 20, 128, 3e-3, 1e-3
_NOISE, _HIDDEN = 0.3, 0.3
"""Noise of the features in standard deviations, and share of them that is hidden in training."""
_SMOOTHING, _BALANCE = 0.1, 0.7
"""Share of the other labels in the truth, and how far the shares of the labels are divided out."""
_MOST_ROWS = 20_000

_SCALES = np.concatenate([np.full(len(ANGLES), 25.0), np.full(ROW - len(ANGLES), 15.0)])
"""About how much each number of a row varies; a body part that hardly moves says little."""


class Moved(NamedTuple):
    """A session, or a part without interruption.

    Attributes:
        rows: `BodyRows` of each step, `[steps, ROW]`.
        labels: label of each step, `none` for background.
    """

    rows: Signal
    labels: Sequence[str]


def moved(model: Model, poses: np.ndarray, times: np.ndarray, truth: Sequence[str]) -> list[Moved]:
    """Return how somebody moves in a session, for each part without interruption.

    Args:
        model: classifier of windows; it is not asked.
        poses: `[T, J, C]` as the model takes them, confidence last.
        times: times of the frames in seconds, `[T]`.
        truth: label of each frame, `none` for background.
    """
    parts = []
    for rows, middles in rows_of(model, poses, times):
        nearest = np.searchsorted(times - times[0], middles).clip(0, len(times) - 1)
        parts.append(Moved(rows, [truth[frame] for frame in nearest]))
    return parts


def fit_pose_heads(parts: Sequence[Moved], share: float) -> PoseHeads:
    """Fit networks to sessions and to their mirror images.

    Args:
        parts: the sessions.
        share: share of the networks in the recogniser.
    """
    labels = tuple(dict.fromkeys(label for part in parts for label in part.labels))
    both = [
        Moved(rows, part.labels) for part in parts if len(part.rows) for rows in (part.rows, mirrored_rows(part.rows))
    ]
    centre, axes = _main_axes(np.concatenate([each.rows for each in both]))
    axes_matrix = Matrix.of(axes)
    every = -(-sum(len(each.labels) for each in both) // _MOST_ROWS) + 1  # neighbouring steps are nearly the same
    truth = np.array([labels.index(label) for each in both for label in each.labels[::every]])

    def fit(means: Sequence[Stretch], spreads: Sequence[Stretch]) -> Network:
        short = [(each.rows - centre) @ axes_matrix.values for each in both]
        given = [surroundings(rows, np.arange(0, len(rows), every), means, spreads) for rows in short]
        return _fitted(np.concatenate(given), truth, len(labels), tuple(means), tuple(spreads))

    return PoseHeads(
        labels=labels,
        share=share,
        centre=tuple(centre.tolist()),
        axes=axes_matrix,
        streaming=fit(_BEFORE, _BEFORE_SPREADS),
        offline=fit(_AROUND, _AROUND_SPREADS),
    )


def _main_axes(rows: Signal) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the mean of rows, and their main axes `[ROW, _AXES]`."""
    centre = rows.mean(axis=0).round(2)
    _, axes = np.linalg.eigh(np.cov(((rows - centre) / _SCALES).T))
    return centre, axes[:, ::-1][:, :_AXES] / _SCALES[:, None]


def _fitted(
    given: Signal, truth: npt.NDArray[np.intp], labels: int, means: tuple[Stretch, ...], spreads: tuple[Stretch, ...]
) -> Network:
    """Return the mean of networks that were fitted from other starts, as one network."""
    centre, scale = given.mean(axis=0), given.std(axis=0) + 0.05
    scaled = ((given - centre) / scale).astype(np.float32)
    members = [_trained(scaled, truth, labels, np.random.default_rng(seed)) for seed in range(_MEMBERS)]
    first = np.concatenate([member[0] for member in members], axis=1) / scale[:, None]
    return Network(
        means=means,
        spreads=spreads,
        hidden=Matrix.of(first),
        hidden_bias=_short(np.concatenate([member[1] for member in members]) - centre @ first),
        output=Matrix.of(np.concatenate([member[2] for member in members]) / _MEMBERS),
        output_bias=_short(np.mean([member[3] for member in members], axis=0)),
    )


def _short(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.5g}") for value in values)


def _trained(
    given: npt.NDArray[np.float32], truth: npt.NDArray[np.intp], labels: int, random: np.random.Generator
) -> list[npt.NDArray[np.float64]]:
    """Return the weights of a network that is trained by Adam: hidden, its bias, output, its bias."""
    counts = np.bincount(truth, minlength=labels)
    weights = np.maximum(counts, 1)[truth] ** -_BALANCE
    weights /= weights.mean()
    wanted = (1 - _SMOOTHING) * np.eye(labels)[truth] + _SMOOTHING / labels
    start = [
        random.normal(0, given.shape[1] ** -0.5, (given.shape[1], _UNITS)),
        np.zeros(_UNITS),
        random.normal(0, _UNITS**-0.5, (_UNITS, labels)),
        np.zeros(labels),
    ]
    layers: list[npt.NDArray[np.float32]] = [layer.astype(np.float32) for layer in start]
    momentum, power = [0 * layer for layer in layers], [0 * layer for layer in layers]
    batches = [
        batch
        for _ in range(_EPOCHS)
        for batch in np.array_split(random.permutation(len(given)), max(len(given) // _BATCH, 1))
    ]
    for number, batch in enumerate(batches, 1):
        shape = len(batch), given.shape[1]
        read = given[batch] + np.float32(_NOISE) * random.standard_normal(shape, np.float32)
        read *= (random.random(shape, np.float32) >= _HIDDEN) / np.float32(1 - _HIDDEN)
        slopes = _slopes(layers, read, wanted[batch], weights[batch])
        rate = _RATE * (1 + np.cos(np.pi * number / len(batches))) / 2
        for place, slope in enumerate(slopes):
            momentum[place] += 0.1 * (slope - momentum[place])
            power[place] += 0.01 * (slope**2 - power[place])
            mean, square = momentum[place] / (1 - 0.9**number), power[place] / (1 - 0.99**number)
            layers[place] -= rate * mean / (np.sqrt(square) + 1e-8)
    return [layer.astype(float) for layer in layers]


def _slopes(
    layers: list[npt.NDArray[np.float32]],
    given: npt.NDArray[np.float32],
    wanted: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
) -> list[npt.NDArray[np.float32]]:
    """Return the gradient of the weighted cross entropy for each layer."""
    hidden, hidden_bias, output, output_bias = layers
    active = np.maximum(given @ hidden + hidden_bias, 0)
    scores = active @ output + output_bias
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    apart = ((shares - wanted) * (weights / len(given))[:, None]).astype(np.float32)
    back = (apart @ output.T) * (active > 0)
    decay = np.float32(_DECAY)
    return [given.T @ back + decay * hidden, back.sum(axis=0), active.T @ apart + decay * output, apart.sum(axis=0)]
