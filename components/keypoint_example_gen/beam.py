"""The Beam pipeline: row groups of Parquet -> windows -> shuffled shards of tf.Examples."""

import hashlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam

from components.keypoint_example_gen.examples import encode_windows
from components.keypoint_example_gen.sorted_runs import merge_runs, write_run
from components.keypoint_example_gen.tfrecord import write_tfrecord
from data.layouts import load_layout
from data.records import KeypointSequence
from data.splits import check_subjects
from data.store import RowGroup, read_row_group
from data.windows import Window, WindowSpec, cut_windows
from payloads.sequences import SequenceRow, write_sequences
from payloads.window_table import Row, RowWriter

Record = tuple[bytes, bytes, Row]
"""Where a window stands in its shard, the example, and its row in the table of windows."""

_CLIPS = "clips"
_BATCH = 256
"""Windows that are encoded together: few calls into NumPy, little memory."""


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
    The windows of a row group go to disk as a sorted run for each shard, and the runs of a shard are merged (`runs`);
    `remove_runs` is for when the pipeline has run.
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
    """RowGroup -> ((split, shard), path of a sorted run of (order, example, row)), and a SequenceRow a clip."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def setup(self) -> None:
        self._layout = load_layout(self._plan.layout)
        self._label_ids = {label: number for number, label in enumerate(self._plan.labels)}

    def process(self, group: RowGroup) -> Iterator[Any]:
        clips: dict[str, SequenceRow] = {}
        counts: Counter[str] = Counter()
        shards: dict[tuple[str, int], list[Record]] = defaultdict(list)
        for batch in itertools.batched(self._windows(group, clips), _BATCH):
            encoded = encode_windows(batch, self._layout, self._label_ids)
            for (clip, _), (example, row) in zip(batch, encoded, strict=True):
                name = f"{clip.sequence_id}:{counts[clip.sequence_id]}".encode()
                counts[clip.sequence_id] += 1
                order = hashlib.blake2b(name, digest_size=16).digest()
                shard = int.from_bytes(order[:8], "big") % self._plan.num_shards
                shards[clips[clip.sequence_id].split, shard].append((order[8:], example, row))
        for (split, shard), records in shards.items():
            run_name = f"{split}-{shard}-{Path(group.path).stem}-{group.index}"
            run = write_run(self._plan.folder, run_name, sorted(records, key=_order))
            yield (split, shard), str(run)
        for clip_id, clip_row in clips.items():
            yield beam.pvalue.TaggedOutput(_CLIPS, clip_row._replace(windows=counts[clip_id]))

    def _windows(self, group: RowGroup, clips: dict[str, SequenceRow]) -> Iterator[tuple[KeypointSequence, Window]]:
        """All windows of the group; notes in `clips` what they were cut from."""
        for sequence in read_row_group(group):
            split = self._plan.splits[sequence.sequence_id]
            for clip in sequence.clips():
                clips[clip.sequence_id] = SequenceRow(
                    clip.sequence_id, clip.subject, clip.label, split, clip.view or "", len(clip.keypoints), 0
                )
                for window in cut_windows(clip, self._plan.windows):
                    yield clip, window


class _WriteShard(beam.DoFn):
    """((split, shard), records) -> a file of examples and one of the table of windows."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def process(self, shard: tuple[tuple[str, int], Iterable[str]]) -> None:
        (split, number), runs = shard
        shards, folder = self._plan.num_shards, self._plan.folder
        path = folder / f"Split-{split}" / f"data_tfrecord-{number:05d}-of-{shards:05d}.gz"
        records = merge_runs(folder, f"{split}-{number}", [Path(run) for run in runs])
        with RowWriter(folder, split, number, shards) as table:
            write_tfrecord(path, _examples(records, table))


def _examples(records: Iterable[Record], table: RowWriter) -> Iterator[bytes]:
    """Pass the examples on, and write their rows down."""
    for _, example, row in records:
        table.add(row)
        yield example


def _order(record: Record) -> tuple[bytes, bytes]:
    return record[:2]


class _WriteClips(beam.DoFn):
    """All SequenceRows -> the table of clips, after a last look at who is on which side."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def process(self, rows: list[SequenceRow]) -> None:
        if not self._plan.allow_subject_overlap:
            check_subjects((row.subject, row.split) for row in rows)
        write_sequences(self._plan.folder, sorted(rows))
