"""The head of a recogniser: reads the answers for the windows around a moment, and says which movement it is.

A window of two seconds alone often fits several movements; what was seen some seconds before and after decides. The
head is a linear layer, fitted by ridge regression, so that a few sessions are enough for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

STREAMING_OFFSETS = (-15, -10, -5, -2, 0, 1, 2, 3)
"""Steps after a moment's own at which the windows end that decide it in a stream."""
_AROUND = (-20, -15, -10, -6, -3, 0, 3, 6, 10, 15, 20)
"""The same offline, for the middle of the windows."""
_SHARPNESS = 6.0
"""Factor from scores, which are about 1 for the right label and 0 for others, to log probabilities."""
_RIDGE = 10.0

Number = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Probabilities = npt.NDArray[np.float64]


class Head(BaseModel):
    """Weights of a head.

    Attributes:
        offsets: for each answer that it reads, the number of steps after the decided one with which the window ends.
        weights: label, `none` included, to a weight for each probability of each answer, and one constant.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    offsets: Annotated[tuple[Annotated[int, Field(ge=-500, le=500)], ...], Field(min_length=1, max_length=50)]
    weights: Annotated[
        dict[str, Annotated[tuple[Number, ...], Field(max_length=10_000)]], Field(min_length=1, max_length=1000)
    ]

    @model_validator(mode="after")
    def _has_rows_of_one_length(self) -> Head:
        if len({len(row) for row in self.weights.values()}) != 1:
            raise ValueError("the rows of a head have different lengths")
        return self

    @property
    def matrix(self) -> Probabilities:
        """The weights as `[labels, answers * classes + 1]`."""
        return np.array(list(self.weights.values()))


class Heads(BaseModel):
    """Heads of a recogniser.

    Attributes:
        streaming: head for streams.
        offline: head for whole recordings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    streaming: Head
    offline: Head


class Answered(NamedTuple):
    """Answers for a session.

    Attributes:
        answers: probabilities for the window that ends with each step, `[steps, classes]`.
        labels: label of each step, `none` for background.
    """

    answers: Probabilities
    labels: Sequence[str]


def fit_heads(sessions: Sequence[Answered], spanned: int) -> Heads:
    """Fit heads to sessions of people whom the model was not trained on.

    Args:
        sessions: sessions with the answers of the model.
        spanned: number of steps in a window.
    """
    offline = tuple(offset + spanned // 2 for offset in _AROUND)
    return Heads(streaming=_fit(sessions, STREAMING_OFFSETS), offline=_fit(sessions, offline))


def _fit(sessions: Sequence[Answered], offsets: tuple[int, ...]) -> Head:
    names = list(dict.fromkeys(label for session in sessions for label in session.labels))
    rows = np.concatenate(
        [[features(each.answers, step, offsets) for step in range(len(each.answers))] for each in sessions]
    )
    truth = np.array([names.index(label) for session in sessions for label in session.labels])
    # Background fills most of a session; half of its advantage is taken away.
    weights = 1 / np.sqrt(np.bincount(truth))[truth]
    weighted = rows * (weights / weights.mean())[:, None]
    normal = weighted.T @ rows + _RIDGE * np.eye(rows.shape[1])
    solved = np.linalg.solve(normal, weighted.T @ np.eye(len(names))[truth]).T
    return Head(
        offsets=offsets, weights={name: tuple(row.round(3).tolist()) for name, row in zip(names, solved, strict=True)}
    )


def features(answers: Probabilities, step: int, offsets: tuple[int, ...]) -> Probabilities:
    """Return what a head reads of `answers` for a step; beyond either end, the answer at the end is repeated."""
    chosen = answers[np.clip(np.array(offsets) + step, 0, len(answers) - 1)]
    return np.append(np.sqrt(np.maximum(chosen, 0.0)).ravel(), 1.0)


def decided(matrix: Probabilities, given: Probabilities) -> Probabilities:
    """Return the probabilities of the labels for `features`."""
    scores = _SHARPNESS * (matrix @ given)
    shares = np.exp(scores - scores.max())
    return shares / shares.sum()
