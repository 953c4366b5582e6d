"""Seeded selection of windows, independent of the order of the records in their shards."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import NamedTuple


class WindowKey(NamedTuple):
    """A window in the records of a split.

    Attributes:
        sequence_id: id of the sequence that the window was cut from.
        start_frame: number of the window's first frame in the sequence.
        label_id: number of the label, -1 without a label.
        position: number of the record in the split.
    """

    sequence_id: str
    start_frame: int
    label_id: int
    position: int


def select_stratified(keys: Sequence[WindowKey], count: int, seed: int) -> list[WindowKey]:
    """Select up to `count` windows, with equal numbers from each label as far as it has enough windows."""
    classes: dict[int, list[WindowKey]] = defaultdict(list)
    for key in sorted(keys, key=lambda key: _draw(seed, key.sequence_id, key.start_frame)):
        classes[key.label_id].append(key)
    in_turn = chain.from_iterable(zip_longest(*(classes[label] for label in sorted(classes))))
    return [key for key in in_turn if key is not None][:count]


def select_whole_sequences(keys: Sequence[WindowKey], count: int, seed: int) -> list[WindowKey]:
    """Select whole sequences until the next one would exceed `count` windows; at least one sequence."""
    sequences: dict[str, list[WindowKey]] = defaultdict(list)
    for key in keys:
        sequences[key.sequence_id].append(key)
    taken: list[WindowKey] = []
    for sequence_id in sorted(sequences, key=lambda sequence_id: _draw(seed, sequence_id)):
        if taken and len(taken) + len(sequences[sequence_id]) > count:
            break
        taken += sequences[sequence_id]
    return sorted(taken)


def _draw(*values: object) -> bytes:
    return hashlib.sha256("\0".join(map(str, values)).encode()).digest()
