"""The table of windows in an Examples artifact: all features of each window except its keypoints.

TFDV's statistics show that the data have an anomaly; this table shows which windows have it. It is read and written
without TensorFlow.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = "windows"

_BATCH = 4096

Row = dict[str, Any]
"""Features of a window, with `keypoints_least` and `keypoints_greatest` in place of `keypoints`."""


def window_row(features: Mapping[str, Any], keypoints: np.ndarray) -> Row:
    """Return the row of a window.

    Args:
        features: features of the window except `keypoints`.
        keypoints: keypoints of the window, float32 `[T, J, C]`.
    """
    return {**features, "keypoints_least": float(keypoints.min()), "keypoints_greatest": float(keypoints.max())}


class RowWriter:
    """A writer for one shard of the table, which keeps a few thousand rows in memory.

    Args:
        examples: folder of the Examples artifact.
        split: name of the split.
        shard: number of the shard.
        shards: number of shards.
    """

    def __init__(self, examples: Path, split: str, shard: int, shards: int) -> None:
        self._path = examples / FOLDER / f"{split}-{shard:05d}-of-{shards:05d}.parquet"
        self._rows: list[Row] = []
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()

    def add(self, row: Row) -> None:
        """Add a row."""
        self._rows.append(row)
        if len(self._rows) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        table = pa.Table.from_pylist(self._rows, schema=None if self._writer is None else self._writer.schema)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, compression="zstd")
        self._writer.write_table(table)
        self._rows.clear()


def read_windows(examples: Path, split: str, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read columns of the windows of a split, in no particular order; unknown names are left out."""
    shards = [pq.read_table(file) for file in sorted((examples / FOLDER).glob(f"{split}-?????-of-?????.parquet"))]
    table = pa.concat_tables(shards) if shards else pa.table({})
    return {name: table.column(name).to_numpy() for name in names if name in table.column_names}
