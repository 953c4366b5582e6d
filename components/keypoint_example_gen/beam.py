"""The Beam pipeline that turns row groups of Parquet into windows, and windows into shuffled shards of tf.Examples."""

import hashlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam

from components.artifacts.folders import split_folder
from components.keypoint_example_gen.examples import encode_windows
from components.keypoint_example_gen.sorted_runs import FOLDER as RUNS
from components.keypoint_example_gen.sorted_runs import merge_runs, write_run
from components.keypoint_example_gen.tfrecord import write_tfrecord
from data.layouts import load_layout
from data.records import KeypointSequence
from data.sessions.background import background_of
from data.sessions.windows import as_background, cut_session, session_clips
from data.splits import SplitPolicy, check_subjects, split_clips
from data.store import RowGroup, read_row_group
from data.windows import Window, WindowSpec, cut_windows
from payloads.recordings import RecordingsWriter, whole_or_clips
from payloads.sequences import SequenceRow, write_sequences
from payloads.window_table import Row, RowWriter

Record = tuple[bytes, bytes, Row]
"""Sort key of a window in its shard, its serialised example, and its row in the table of windows."""

_CLIPS = "clips"
_BATCH = 256
"""Number of windows that are encoded together: large enough for NumPy, small enough for memory."""


@dataclass(frozen=True)
class ExamplesJob:
    """Settings for the conversion of a span.

    Attributes:
        layout: name of the joint layout.
        labels: labels in the order of their ids.
        windows: length, stride and frame rate of the windows.
        splits: split of each clip, by the id of the clip; see `data.splits.assign_splits`.
        policy: policy that made the splits.
        num_shards: number of files for each split.
        folder: folder of the Examples artifact, in which each split gets a folder.
    """

    layout: str
    labels: tuple[str, ...]
    windows: WindowSpec
    splits: Mapping[str, str]
    policy: SplitPolicy
    num_shards: int
    folder: Path


def add_steps(pipeline: beam.Pipeline, groups: list[RowGroup], job: ExamplesJob) -> None:
    """Add all steps to a Beam pipeline, which works on one row group at a time and writes one shard at a time.

    A hash of a window's name determines its shard and its position there. The order is therefore shuffled, but the same
    in every run. The windows of a row group are written to disk as a sorted run for each shard, and the runs of a shard
    are merged (`sorted_runs`). Call `remove_runs` when the pipeline has ended.

    Args:
        pipeline: Beam pipeline.
        groups: row groups of the span.
        job: settings of the conversion.
    """
    cut = (
        pipeline
        | "RowGroups" >> beam.Create(groups)
        | "Reshuffle" >> beam.Reshuffle()
        | "CutWindows" >> beam.ParDo(_CutWindows(job)).with_outputs(_CLIPS, main="windows")
    )
    _ = cut.windows | "Shuffle" >> beam.GroupByKey() | "WriteShards" >> beam.ParDo(_WriteShard(job))
    _ = cut[_CLIPS] | "CollectClips" >> beam.combiners.ToList() | "WriteClips" >> beam.ParDo(_WriteClips(job))


class _CutWindows(beam.DoFn):
    """Cuts the windows of a RowGroup; yields ((split, shard), path of a sorted run), and a SequenceRow per clip."""

    def __init__(self, job: ExamplesJob) -> None:
        self._job = job

    def setup(self) -> None:
        self._layout = load_layout(self._job.layout)
        self._label_ids = {label: number for number, label in enumerate(self._job.labels)}
        self._background = background_of(self._job.labels)

    def process(self, group: RowGroup) -> Iterator[Any]:
        clips: dict[str, SequenceRow] = {}
        counts: Counter[str] = Counter()
        shards: dict[tuple[str, int], list[Record]] = defaultdict(list)
        group_name = f"{Path(group.path).stem}-{group.index}"
        with RecordingsWriter(self._job.folder, group_name) as recordings:
            for batch in itertools.batched(self._windows(group, clips, recordings), _BATCH):
                encoded = encode_windows(batch, self._layout, self._label_ids)
                for (clip, _), (example, row) in zip(batch, encoded, strict=True):
                    name = f"{clip.sequence_id}:{counts[clip.sequence_id]}".encode()
                    counts[clip.sequence_id] += 1
                    order = hashlib.blake2b(name, digest_size=16).digest()
                    shard = int.from_bytes(order[:8], "big") % self._job.num_shards
                    shards[clips[clip.sequence_id].split, shard].append((order[8:], example, row))
        for (split, shard), records in shards.items():
            run_name = f"{split}-{shard}-{group_name}"
            run = write_run(self._job.folder, run_name, sorted(records, key=_order))
            yield (split, shard), str(run)
        for clip_id, clip_row in clips.items():
            yield beam.pvalue.TaggedOutput(_CLIPS, clip_row._replace(windows=counts[clip_id]))

    def _windows(
        self, group: RowGroup, clips: dict[str, SequenceRow], recordings: RecordingsWriter
    ) -> Iterator[tuple[KeypointSequence, Window]]:
        """Yield all windows of a row group with their clips, add a row for each clip, and keep the recordings."""
        for sequence in read_row_group(group):
            pieces = list(split_clips(sequence, self._job.splits, self._job.policy.test_share))
            for recording, split in whole_or_clips(sequence, pieces):
                recordings.add(recording, split)
            yield from self._windows_of(sequence, pieces, clips)

    def _windows_of(
        self,
        sequence: KeypointSequence,
        pieces: list[tuple[KeypointSequence, str]],
        clips: dict[str, SequenceRow],
    ) -> Iterator[tuple[KeypointSequence, Window]]:
        """Yield the windows of a sequence: those of its clips, or of a whole session if the background is a label."""
        background, spec = self._background, self._job.windows
        splits = {split for _, split in pieces}
        whole = bool(sequence.segments) and len(splits) == 1 and len(pieces) == len(sequence.segments)
        if background is None or not whole or spec.fit == "stretch":
            for piece, split in pieces:
                clip = piece if background is None else as_background(piece, background)
                clips[clip.sequence_id] = _row(clip, split)
                for window in cut_windows(clip, spec):
                    yield clip, window
            return
        [split] = splits
        for clip in session_clips(sequence, background):
            clips[clip.sequence_id] = _row(clip, split)
        yield from cut_session(sequence, spec, background)


def _row(clip: KeypointSequence, split: str) -> SequenceRow:
    return SequenceRow(clip.sequence_id, clip.subject, clip.label, split, clip.view or "", len(clip.keypoints), 0)


class _WriteShard(beam.DoFn):
    """Merges ((split, shard), paths of sorted runs) into a file of examples and a file of the table of windows."""

    def __init__(self, job: ExamplesJob) -> None:
        self._job = job

    def process(self, shard: tuple[tuple[str, int], Iterable[str]]) -> None:
        (split, number), runs = shard
        shards, folder = self._job.num_shards, self._job.folder
        path = split_folder(folder, split) / f"data_tfrecord-{number:05d}-of-{shards:05d}.gz"
        records = merge_runs(folder, f"{split}-{number}", [Path(run) for run in runs])
        with RowWriter(folder, split, number, shards) as table:
            write_tfrecord(path, _examples(records, table), folder / RUNS)


def _examples(records: Iterable[Record], table: RowWriter) -> Iterator[bytes]:
    """Yield the examples and add their rows to the table of windows."""
    for _, example, row in records:
        table.add(row)
        yield example


def _order(record: Record) -> tuple[bytes, bytes]:
    return record[:2]


class _WriteClips(beam.DoFn):
    """Writes all SequenceRows as the table of clips; rejects a person in two splits, unless that is allowed."""

    def __init__(self, job: ExamplesJob) -> None:
        self._job = job

    def process(self, rows: list[SequenceRow]) -> None:
        if not self._job.policy.people_overlap:
            check_subjects((row.subject, row.split) for row in rows)
        write_sequences(self._job.folder, sorted(rows))
