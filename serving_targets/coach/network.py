"""Networks of the recogniser that read how the body moves around a moment, stored in few bytes.

The model sees a window of two seconds, and the people whom it was trained on cannot show how far it is to be trusted. A
network on rows of `context` sees more of what happens before and after, and is fitted to other numbers; both together
are right more often than either.
"""

from __future__ import annotations

import base64
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from serving_targets.coach.context import ROW, surroundings
from serving_targets.coach.movement.signals import Signal

MOST_STEPS = 50
"""Steps that a stretch may reach to before or after the decided step."""

Number = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Vector = Annotated[tuple[Number, ...], Field(min_length=1, max_length=1000)]
Step = Annotated[int, Field(ge=-MOST_STEPS, le=MOST_STEPS)]
Stretches = Annotated[tuple[tuple[Step, Step], ...], Field(max_length=50)]
_LEVELS = 127


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Matrix(_Table):
    """A matrix of whole numbers from -127 to 127, each row with a scale of its own.

    Attributes:
        scales: for each row, what 1 stands for.
        levels: the numbers row by row, a byte each, as Base64.
    """

    scales: Vector
    levels: Annotated[str, Field(max_length=200_000)]

    @model_validator(mode="after")
    def _has_full_rows(self) -> Matrix:
        if not self.columns or len(self._bytes) % len(self.scales):
            raise ValueError("the rows of a matrix have different lengths")
        return self

    @classmethod
    def of(cls, values: npt.NDArray[np.float64]) -> Matrix:
        """Return the matrix that is nearest to `values`, `[rows, columns]`."""
        greatest = np.maximum(np.abs(values).max(axis=1), 1e-6)
        scales = [float(f"{value:.4g}") for value in greatest / _LEVELS]
        levels = np.clip(np.rint(values / np.array(scales)[:, None]), -_LEVELS, _LEVELS).astype(np.int8)
        return cls(scales=tuple(scales), levels=base64.b64encode(levels.tobytes()).decode("ascii"))

    @property
    def _bytes(self) -> bytes:
        return base64.b64decode(self.levels, validate=True)

    @property
    def columns(self) -> int:
        """Number of columns."""
        return len(self._bytes) // len(self.scales)

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """The values, `[rows, columns]`."""
        levels = np.frombuffer(self._bytes, np.int8).reshape(len(self.scales), -1)
        return levels * np.array(self.scales)[:, None]


class Network(_Table):
    """A network with one hidden layer.

    Attributes:
        means: stretches whose mean rows it reads.
        spreads: stretches whose standard deviations it reads.
        hidden: weights of the hidden layer, `[features, units]`.
        hidden_bias: constants of the hidden layer.
        output: weights of the labels, `[units, labels]`.
        output_bias: constants of the labels.
    """

    means: Stretches
    spreads: Stretches
    hidden: Matrix
    hidden_bias: Vector
    output: Matrix
    output_bias: Vector

    @model_validator(mode="after")
    def _fits_together(self) -> Network:
        stretches = (*self.means, *self.spreads)
        if not stretches or any(first > last for first, last in stretches):
            raise ValueError("a network reads no stretch, or one that ends before it begins")
        if len(self.hidden.scales) % len(stretches):
            raise ValueError("a network has weights for another number of stretches")
        sizes = {self.hidden.columns, len(self.hidden_bias), len(self.output.scales)}
        if len(sizes) != 1 or self.output.columns != len(self.output_bias):
            raise ValueError("the layers of a network do not fit together")
        return self

    @property
    def before(self) -> int:
        """Steps before the decided one that it reads."""
        return -min(0, *(first for first, _ in (*self.means, *self.spreads)))

    @property
    def after(self) -> int:
        """Steps after the decided one that it reads."""
        return max(0, *(last for _, last in (*self.means, *self.spreads)))


class PoseHeads(_Table):
    """Networks for the labels, read from rows of `context`.

    Attributes:
        labels: labels, `none` included.
        share: share of the networks in the log probability of a label; the rest is the model's.
        centre: mean of the rows.
        axes: main axes of the rows, `[ROW, axes]`.
        streaming: network for streams.
        offline: network for whole recordings.
    """

    labels: Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(min_length=1, max_length=1000)]
    share: Annotated[float, Field(gt=0, le=1)]
    centre: Annotated[tuple[Number, ...], Field(min_length=ROW, max_length=ROW)]
    axes: Matrix
    streaming: Network
    offline: Network

    @model_validator(mode="after")
    def _fits_together(self) -> PoseHeads:
        if len(self.axes.scales) != ROW:
            raise ValueError("the networks are for rows of another length")
        for network in (self.streaming, self.offline):
            features = self.axes.columns * (len(network.means) + len(network.spreads))
            if len(network.hidden.scales) != features or network.output.columns != len(self.labels):
                raise ValueError("a network does not fit its axes or its labels")
        return self


class PoseReader:
    """A network that is ready to be asked."""

    def __init__(self, heads: PoseHeads, *, offline: bool) -> None:
        self.share = heads.share
        self.network = heads.offline if offline else heads.streaming
        self._centre, self._axes = np.array(heads.centre), heads.axes.values
        self._hidden, self._output = self.network.hidden.values, self.network.output.values
        self._biases = np.array(self.network.hidden_bias), np.array(self.network.output_bias)

    def shortened(self, row: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return what is kept of a row: its place on the main axes."""
        return (row - self._centre) @ self._axes

    def log_probabilities(self, rows: Signal, step: int) -> npt.NDArray[np.float64]:
        """Return the log probabilities of the labels at a step, given rows of `shortened`."""
        read = surroundings(rows, np.array([step]), self.network.means, self.network.spreads)[0]
        scores = np.maximum(read @ self._hidden + self._biases[0], 0.0) @ self._output + self._biases[1]
        scores -= scores.max()
        return scores - np.log(np.exp(scores).sum())
