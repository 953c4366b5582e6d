"""Turns probabilities step by step into labels that last as long as movements last."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

_LONGEST_CHAIN = 64
"""Most steps of a minimum duration; a longer minimum is shortened to it."""


class DurationDecoder:
    """A Viterbi search over labels with a minimum and a typical duration, which decides with a fixed delay.

    Each label is a chain of as many states as it lasts steps at least; the last one repeats, so often that the label
    lasts its typical duration on average. Memory does not grow with time if `lag` is given.
    """

    def __init__(
        self,
        minimum: npt.NDArray[np.intp],
        typical: npt.NDArray[np.float64],
        lag: int | None,
        priors: npt.NDArray[np.float64] | None = None,
    ) -> None:
        """Make a decoder.

        Args:
            minimum: for each label, its minimum duration in steps.
            typical: for each label, its mean duration in steps.
            lag: number of steps after which a label is decided; None to decide at the end.
            priors: for each label, how often it follows another one; None if equally often.
        """
        labels = len(minimum)
        lengths = np.clip(minimum, 1, _LONGEST_CHAIN)
        self._lag = lag
        self._label = np.repeat(np.arange(labels), lengths)
        self._last = np.cumsum(lengths) - 1
        self._first = self._last - lengths + 1
        stay = 1 - 1 / np.maximum(typical - lengths + 1, 1.5)
        self._stay, self._leave = np.log(stay), np.log(1 - stay)
        weights = np.ones(labels) if priors is None else np.asarray(priors, float)
        self._enter = np.log(np.maximum(weights / weights.sum(), 1e-6))
        self.reset()

    def reset(self) -> None:
        """Forget everything, as before the first step."""
        self._score: npt.NDArray[np.float64] | None = None
        self._back: deque[npt.NDArray[np.intp]] = deque()

    def push(self, log_probabilities: npt.NDArray[np.float64]) -> int | None:
        """Take the log probabilities of the labels at one step; return the label of the step `lag` before, if any."""
        emission = log_probabilities[self._label]
        if self._score is None:
            # The stream may begin in the midst of a movement.
            self._score = emission + self._enter[self._label]
            self._back.append(np.arange(len(emission)))
        else:
            self._advance(emission)
        if self._lag is None or len(self._back) <= self._lag:
            return None
        decided = self._trace()[0]
        self._back.popleft()
        return decided

    def _advance(self, emission: npt.NDArray[np.float64]) -> None:
        assert self._score is not None
        score = np.full_like(self._score, -np.inf)
        source = np.arange(len(score))
        inner = np.ones(len(score), bool)
        inner[self._first] = False
        score[inner], source[inner] = self._score[:-1][inner[1:]], source[:-1][inner[1:]]
        staying = self._score[self._last] + self._stay
        stays = staying > score[self._last]
        score[self._last[stays]], source[self._last[stays]] = staying[stays], self._last[stays]
        leaving = self._score[self._last] + self._leave
        ways = leaving[:, None] + self._enter
        np.fill_diagonal(ways, -np.inf)
        best = ways.argmax(axis=0)
        entering = ways[best, np.arange(len(best))]
        enters = entering > score[self._first]
        score[self._first[enters]], source[self._first[enters]] = entering[enters], self._last[best[enters]]
        self._score = score + emission
        self._score -= self._score.max()
        self._back.append(source)

    def finish(self) -> list[int]:
        """Return the labels of all steps that are not decided yet, and forget everything."""
        labels = self._trace() if self._score is not None else []
        self.reset()
        return labels

    def _trace(self) -> list[int]:
        assert self._score is not None
        state = int(self._score.argmax())
        labels = []
        for source in reversed(self._back):
            labels.append(int(self._label[state]))
            state = int(source[state])
        return labels[::-1]
