"""Reads windows from the gzipped TFRecord files that KeypointExampleGen writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from components.edge_converter.window_selection import WindowKey
from data.errors import NodeError

BATCH = 256


def read_keys(split: Path) -> list[WindowKey]:
    """Return the sorted keys of all windows of a split, without decoding keypoints.

    Raises:
        NodeError: the split contains no records.
    """
    spec = {
        "sequence_id": tf.io.FixedLenFeature([], tf.string),
        "start_frame": tf.io.FixedLenFeature([], tf.int64),
        "label_id": tf.io.FixedLenFeature([], tf.int64),
    }
    keys: list[WindowKey] = []
    for batch in _batches(split, spec):
        columns = (batch["sequence_id"], batch["start_frame"], batch["label_id"])
        for sequence_id, start, label in zip(*(column.tolist() for column in columns), strict=True):
            keys.append(WindowKey(sequence_id.decode(), start, label, len(keys)))
    return sorted(keys)


def read_windows(split: Path, keys: Sequence[WindowKey], shape: tuple[int, int, int]) -> np.ndarray:
    """Return the windows with the given keys, in their order: float32 `[len(keys), T, J, C]`."""
    windows = np.empty((len(keys), *shape), np.float32)
    rows = {key.position: row for row, key in enumerate(keys)}
    first = 0
    for batch in _batches(split, {"keypoints": tf.io.FixedLenFeature(shape, tf.float32)}):
        for i, window in enumerate(batch["keypoints"]):
            if (row := rows.get(first + i)) is not None:
                windows[row] = window
        first += len(batch["keypoints"])
    return windows


def _batches(split: Path, spec: dict[str, tf.io.FixedLenFeature]) -> tf.data.NumpyIterator:
    files = sorted(str(path) for path in split.glob("*.gz"))
    if not files:
        raise NodeError("the examples have no records in this split", str(split), "check the split of the data")
    records = tf.data.TFRecordDataset(files, compression_type="GZIP").batch(BATCH)
    return records.map(lambda batch: tf.io.parse_example(batch, spec)).as_numpy_iterator()
