"""The Beam pipeline: row groups of Parquet -> windows -> shuffled shards of tf.Examples."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from components.keypoint_example_gen.examples import encode_windows
from components.keypoint_example_gen.tfrecord import write_tfrecord
from components.keypoint_example_gen.window_table import Row, write_rows
from data.layouts import load_layout
from data.records import KeypointSequence
from data.splits import check_subjects
from data.store import RowGroup, read_row_group
from data.windows import Window, WindowSpec, cut_windows

SEQUENCES_FILE = "sequences.parquet"

_CLIPS = "clips"
_BATCH = 256
"""Windows that are encoded together: few calls into NumPy, little memory."""


class ClipRow(NamedTuple):
    """What became of one clip; a row of `SEQUENCES_FILE`."""

    sequence_id: str
    subject: str
    label: str
    split: str
    view: str
    frames: int
    windows: int


@dataclass(frozen=True)
class Plan:
    """What is made of a span.

    Attributes:
        layout: joint layout.
        labels: in the order of their ids.
        windows: how they are cut.
        splits: sequence_id to split.
        allow_subject_overlap: whether a person may be on two sides.
        num_shards: files of each split.
        folder: of the output; splits become folders in it.
    """

    layout: str
    labels: tuple[str, ...]
    windows: WindowSpec
    splits: Mapping[str, str]
    allow_subject_overlap: bool
    num_shards: int
    folder: Path


def build(pipeline: beam.Pipeline, groups: list[RowGroup], plan: Plan) -> None:
    """Add all steps to a pipeline. One work item is one row group, one file of output is one shard.

    Which shard a window goes to, and where in it, follows from a hash of its name: shuffled, and the same each time.
    """
    cut = (
        pipeline
        | "RowGroups" >> beam.Create(groups)
        | "Spread" >> beam.Reshuffle()
        | "CutWindows" >> beam.ParDo(_CutWindows(plan)).with_outputs(_CLIPS, main="windows")
    )
    _ = cut.windows | "Shuffle" >> beam.GroupByKey() | "WriteShards" >> beam.ParDo(_WriteShard(plan))
    _ = cut[_CLIPS] | "Together" >> beam.combiners.ToList() | "WriteClips" >> beam.ParDo(_WriteClips(plan))


class _CutWindows(beam.DoFn):
    """RowGroup -> ((split, shard), (order, example, row)), and a ClipRow a clip."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def setup(self) -> None:
        self._layout = load_layout(self._plan.layout)
        self._label_ids = {label: number for number, label in enumerate(self._plan.labels)}

    def process(self, group: RowGroup) -> Iterator[Any]:
        clips: dict[str, ClipRow] = {}
        counts: Counter[str] = Counter()
        for batch in itertools.batched(self._windows(group, clips), _BATCH):
            encoded = encode_windows(batch, self._layout, self._label_ids)
            for (clip, _), (example, row) in zip(batch, encoded, strict=True):
                name = f"{clip.sequence_id}:{counts[clip.sequence_id]}".encode()
                counts[clip.sequence_id] += 1
                order = hashlib.blake2b(name, digest_size=16).digest()
                shard = int.from_bytes(order[:8], "big") % self._plan.num_shards
                yield (clips[clip.sequence_id].split, shard), (order[8:], example, row)
        for clip_id, clip_row in clips.items():
            yield beam.pvalue.TaggedOutput(_CLIPS, clip_row._replace(windows=counts[clip_id]))

    def _windows(self, group: RowGroup, clips: dict[str, ClipRow]) -> Iterator[tuple[KeypointSequence, Window]]:
        """All windows of the group; notes in `clips` what they were cut from."""
        for sequence in read_row_group(group):
            split = self._plan.splits[sequence.sequence_id]
            for clip in sequence.clips():
                clips[clip.sequence_id] = ClipRow(
                    clip.sequence_id, clip.subject, clip.label, split, clip.view or "", len(clip.keypoints), 0
                )
                for window in cut_windows(clip, self._plan.windows):
                    yield clip, window


class _WriteShard(beam.DoFn):
    """((split, shard), records) -> a file of examples and one of the table of windows."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def process(self, shard: tuple[tuple[str, int], Iterable[tuple[bytes, bytes, Row]]]) -> None:
        (split, number), found = shard
        records = sorted(found, key=lambda record: record[:2])
        shards, folder = self._plan.num_shards, self._plan.folder
        name = f"data_tfrecord-{number:05d}-of-{shards:05d}.gz"
        write_tfrecord(folder / f"Split-{split}" / name, (example for _, example, _ in records))
        write_rows(folder, split, number, shards, [row for *_, row in records])


class _WriteClips(beam.DoFn):
    """All ClipRows -> the table of clips, after a last look at who is on which side."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def process(self, rows: list[ClipRow]) -> None:
        if not self._plan.allow_subject_overlap:
            check_subjects((row.subject, row.split) for row in rows)
        columns = zip(*sorted(rows), strict=True)
        table = pa.table(dict(zip(ClipRow._fields, map(list, columns), strict=True)))
        pq.write_table(table, self._plan.folder / SEQUENCES_FILE, compression="zstd")
