"""What may be claimed of a model, given the people and the number of the sequences that it was tested on."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from payloads.verdict import Figure

HoldsFor = Literal["other people", "the same people", "the same recordings"]
"""Whom the test stands for: people who are not in training, people who are, or other parts of the same recordings."""

ERROR = 0.05
"""Probability that guessing is taken for more than guessing."""

_MEANING: dict[HoldsFor, str] = {
    "other people": "the test people are not in training",
    "the same people": "test recordings are of people in training: other people may do much worse",
    "the same recordings": "training and test are parts of the same recordings: nothing is known of another day or"
    " person",
}


class Claims(BaseModel):
    """What a test shows about a model.

    Attributes:
        holds_for: whom the test stands for.
        people: number of known people in the test; None if they are not known.
        sequences: number of test sequences.
        accuracy: share of them that the int8 file classifies correctly; None if it could not be run.
        majority: share of the most frequent label, which is the accuracy of always naming it.
        needed: smallest accuracy that guessing in proportion reaches in at most 5 of 100 tests; None if even no mistake
            would show nothing.
    """

    model_config = ConfigDict(frozen=True)

    holds_for: HoldsFor
    people: int | None = Field(default=None, ge=0)
    sequences: int = Field(ge=0)
    accuracy: Figure
    majority: float = Field(ge=0, le=1)
    needed: Figure

    @property
    def beats_majority(self) -> bool:
        """Whether the model is shown to be better than always naming the most frequent label."""
        return self.accuracy is not None and self.needed is not None and self.accuracy >= self.needed

    @property
    def sentence(self) -> str:
        """The claims, for people."""
        tested = f"{self.sequences:,} test sequences"
        if self.people is not None:
            tested += f" of {self.people:,} {'person' if self.people == 1 else 'people'}"
        if self.needed is None:
            shown = (
                f"too few to show that it is better than always naming the most frequent label ({self.majority:.0%})"
            )
        else:
            word = "better" if self.beats_majority else "not shown to be better"
            shown = f"{word} than always naming the most frequent label ({self.majority:.0%})"
        meaning = _MEANING[self.holds_for]
        if self.holds_for == "other people" and self.people == 1:
            meaning += ", but one person says little about others"
        return f"{tested}: {shown}; {meaning}"


def make_claims(holds_for: HoldsFor, people: int | None, accuracy: float | None, counts: list[int]) -> Claims:
    """Return the claims of a test.

    Args:
        holds_for: whom the test stands for.
        people: number of known people in the test; None if they are not known.
        accuracy: share of the test sequences classified correctly.
        counts: number of test sequences of each label.
    """
    sequences = sum(counts)
    majority = max(counts) / sequences
    return Claims(
        holds_for=holds_for,
        people=people,
        sequences=sequences,
        accuracy=accuracy,
        majority=majority,
        needed=beyond_chance(majority, sequences),
    )


def beyond_chance(share: float, count: int) -> float | None:
    """Return the smallest share of correct answers that guessing reaches with a probability of at most `ERROR`.

    Args:
        share: probability that a guess is right.
        count: number of answers.

    Returns:
        The share; None if even all answers correct may be luck.
    """
    if share >= 1:
        return None
    correct = np.arange(1, count + 1)
    # The binomial distribution by its steps: P(k) / P(k - 1) = (n - k + 1) / k * p / (1 - p), in logarithms.
    steps = np.log((count - correct + 1) / correct) + np.log(share / (1 - share))
    chances = np.exp(count * np.log1p(-share) + np.concatenate([[0.0], np.cumsum(steps)]))
    at_least = np.cumsum(chances[::-1])[::-1]  # probability of k or more
    enough = np.flatnonzero(at_least <= ERROR)
    return float(enough[0] / count) if len(enough) else None
