"""The table of windows beside the examples: what they are and how sound, without their keypoints. No TensorFlow.

TFDV's statistics say that something is wrong; this table says with which windows.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = "windows"

Row = dict[str, Any]
"""The features of a window; for `keypoints`, `keypoints_least` and `keypoints_greatest`."""


def window_row(features: Mapping[str, Any], keypoints: np.ndarray) -> Row:
    """Returns the row of a window.

    Args:
        features: all but `keypoints`.
        keypoints: of the window.
    """
    return {**features, "keypoints_least": float(keypoints.min()), "keypoints_greatest": float(keypoints.max())}


def write_rows(examples: Path, split: str, shard: int, shards: int, rows: Sequence[Row]) -> None:
    """Writes a shard of the table into an Examples artifact."""
    (examples / FOLDER).mkdir(parents=True, exist_ok=True)
    path = examples / FOLDER / f"{split}-{shard:05d}-of-{shards:05d}.parquet"
    pq.write_table(pa.Table.from_pylist(list(rows)), path, compression="zstd")


def read_windows(examples: Path, split: str, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Columns of a split's windows, in no particular order. A name that the table lacks is left out."""
    shards = [pq.read_table(file) for file in sorted((examples / FOLDER).glob(f"{split}-?????-of-?????.parquet"))]
    table = pa.concat_tables(shards) if shards else pa.table({})
    return {name: table.column(name).to_numpy() for name in names if name in table.column_names}
