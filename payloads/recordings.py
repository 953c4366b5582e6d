"""The recordings behind the windows of an Examples artifact: canonical sequences by split, sessions as a whole.

Windows are enough to train and test a classifier. What a coach is made of and judged by needs more: time stamps,
sessions with the background between their segments, numbers of repetitions, quality.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

from data.records import KeypointSequence, to_batch
from data.store import ROW_GROUP_VALUES, new_writer, read_row_group, row_groups_of

if TYPE_CHECKING:
    import pyarrow.parquet as pq

FOLDER = "recordings"


class RecordingsWriter:
    """A writer for the recordings of one row group of a span, one file for each split.

    Args:
        examples: folder of the Examples artifact.
        name: name of the row group, unique in the artifact.
    """

    def __init__(self, examples: Path, name: str) -> None:
        self._folder, self._name = examples / FOLDER, name
        self._waiting: dict[str, list[KeypointSequence]] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for split in self._waiting:
            self._flush(split)
        for writer in self._writers.values():
            writer.close()

    def add(self, recording: KeypointSequence, split: str) -> None:
        """Add a recording to a split."""
        waiting = self._waiting.setdefault(split, [])
        waiting.append(recording)
        if sum(each.keypoints.size for each in waiting) >= ROW_GROUP_VALUES:
            self._flush(split)

    def _flush(self, split: str) -> None:
        if not self._waiting[split]:
            return
        if split not in self._writers:
            self._writers[split] = new_writer(self._folder / f"{split}-{self._name}.parquet")
        self._writers[split].write_batch(to_batch(self._waiting[split]))
        self._waiting[split].clear()


def whole_or_clips(
    sequence: KeypointSequence, clips: Iterable[tuple[KeypointSequence, str]]
) -> Iterator[tuple[KeypointSequence, str]]:
    """Yield what is kept of a sequence: a session as a whole if all its segments are in one split, else its clips.

    Args:
        sequence: the sequence.
        clips: its clips, each with its split.
    """
    clips = list(clips)
    splits = {split for _, split in clips}
    if sequence.segments and len(splits) == 1 and len(clips) == len(sequence.segments):
        yield sequence, splits.pop()
    else:
        yield from clips


def read_recordings(examples: Path, split: str) -> Iterator[KeypointSequence]:
    """Yield the recordings of a split, one row group in memory, in an order that is the same in every run."""
    for path in sorted((examples / FOLDER).glob(f"{split}-*.parquet")):
        for group in row_groups_of(path):
            yield from read_row_group(group)
