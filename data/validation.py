"""The check of a span before a run: the first fault is reported with its place and a remedy."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data.consistency import Consistency
from data.records import KeypointSequence
from data.splits import SplitPolicy, assign_splits
from data.store import SequenceKey, read_row_group, row_groups


@dataclass(frozen=True, slots=True)
class SpanFacts:
    """The counts of a valid span.

    Attributes:
        sequences: number of sequences.
        frames: number of frames.
        seconds: duration of all sequences, as recorded.
        subjects: number of people.
        labels: number of sequences (or segments of sessions) of each label.
        splits: number of clips of each split.
    """

    sequences: int
    frames: int
    seconds: float
    subjects: int
    labels: dict[str, int]
    splits: dict[str, int]


def validate_span(span_dir: Path, layout: str, channels: int, policy: SplitPolicy) -> SpanFacts:
    """Read a whole span once, as a stream, and check that a pipeline can run on it.

    Args:
        span_dir: the `span-N` folder.
        layout: layout that the pipeline is configured for.
        channels: number of channels that its schema requires.
        policy: way of dividing the clips into splits.

    Raises:
        InputError: at the first fault, with file, row and remedy: an unreadable file, a column of another type, an
            invalid value, a repeated id, another layout, or a division into splits that is not sound.
    """
    consistency = Consistency(layout, channels)
    index: list[SequenceKey] = []
    seconds = 0.0
    for sequence, place in _placed(span_dir):
        consistency.check(sequence, place)
        index.append(SequenceKey.of(sequence))
        seconds += len(sequence.keypoints) / sequence.frame_rate
    splits = assign_splits(index, policy)
    return SpanFacts(
        sequences=len(index),
        frames=sum(key.frames for key in index),
        seconds=seconds,
        subjects=len({key.subject for key in index}),
        labels=dict(Counter(label for key in index for label in key.labels)),
        splits=dict(Counter(splits.values())),
    )


def _placed(span_dir: Path) -> Iterator[tuple[KeypointSequence, str]]:
    for group in row_groups(span_dir):
        for offset, sequence in enumerate(read_row_group(group)):
            yield sequence, f"{group.path}, row {group.first_row + offset}"
