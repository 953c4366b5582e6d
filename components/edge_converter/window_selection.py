"""Which windows are taken: seeded, and blind to the order in which records lie in their shards."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import NamedTuple


class WindowKey(NamedTuple):
    """A window in the records of a split.

    Attributes:
        sequence_id: the sequence it was cut from.
        start_frame: where in that.
        label_id: its class, -1 if it has none.
        position: number of its record.
    """

    sequence_id: str
    start_frame: int
    label_id: int
    position: int


def stratified(keys: Sequence[WindowKey], count: int, seed: int) -> list[WindowKey]:
    """Takes up to `count` windows, as evenly from every class as there are windows."""
    classes: dict[int, list[WindowKey]] = defaultdict(list)
    for key in sorted(keys, key=lambda key: _draw(seed, key.sequence_id, key.start_frame)):
        classes[key.label_id].append(key)
    in_turn = chain.from_iterable(zip_longest(*(classes[label] for label in sorted(classes))))
    return [key for key in in_turn if key is not None][:count]


def whole_sequences(keys: Sequence[WindowKey], count: int, seed: int) -> list[WindowKey]:
    """Takes sequences with all their windows until the next one would pass `count`; at least one."""
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
