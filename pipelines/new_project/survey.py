"""What a span contains, as far as the settings of a pipeline depend on it."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.health import window_health
from data.layouts import Layout, load_layout
from data.splits import split_clips
from data.store import SequenceKey, read_sequences
from data.text import natural
from data.windows import Window, WindowSpec, cut_windows
from schema.window_contract import KEYPOINTS

UNKNOWN = "unknown"
"""Label and subject that an import gives to recordings that state none."""

MOST_LABELS = 200
"""Largest number of labels; more are likely names of files."""

_BATCH = 512


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled clip: a sequence, or a segment of a session.

    Attributes:
        label: class of the clip.
        subject: person who moves.
        seconds: duration.
        repetitions: number of repetitions, if known.
    """

    label: str
    subject: str
    seconds: float
    repetitions: float | None


@dataclass(frozen=True)
class Survey:
    """The recordings of a span.

    Attributes:
        folder: folder of the span.
        layout: layout of the joints.
        channels: number of values of a joint, with the confidence.
        index: descriptions of all sequences.
        clips: labelled clips in the order of the span, without those whose labels are in `leave_out`.
        unlabelled: number of clips that nobody has labelled.
        rates: frames per second of each sequence as recorded, float64 `[sequences]`.
        leave_out: labels of clips that are in no split.
    """

    folder: Path
    layout: Layout
    channels: int
    index: list[SequenceKey]
    clips: list[Clip]
    unlabelled: int
    rates: np.ndarray
    leave_out: tuple[str, ...] = (UNKNOWN,)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Number of clips of each label, in the order in which a person would list them."""
        counts = Counter(clip.label for clip in self.clips)
        return {label: counts[label] for label in sorted(counts, key=natural)}

    @cached_property
    def people(self) -> dict[str, set[str]]:
        """Labels that each known person performs."""
        people: dict[str, set[str]] = defaultdict(set)
        for clip in self.clips:
            if clip.subject != UNKNOWN:
                people[clip.subject].add(clip.label)
        return dict(people)

    @property
    def dimensions(self) -> int:
        """Number of coordinates of a joint."""
        return self.channels - 1


@dataclass(frozen=True)
class Health:
    """The values of features over all windows of a span.

    Attributes:
        windows: number of windows.
        ranges: name of each numeric feature, and `KEYPOINTS`, to its least and greatest value.
        means: name of each numeric feature to its mean in each split.
        words: name of each categorical feature to the number of windows with each value.
    """

    windows: int
    ranges: dict[str, tuple[float, float]]
    means: dict[str, dict[str, float]]
    words: dict[str, Counter[str]] = field(default_factory=dict)


def survey_span(folder: Path, leave_out: Sequence[str] = ()) -> Survey:
    """Read a span once.

    Args:
        folder: the `span-N` folder.
        leave_out: labels of clips that are in no split, in addition to `unknown`.

    Raises:
        InputError: the span cannot be read, has several layouts, or has fewer than two labels or too many.
    """
    index: list[SequenceKey] = []
    clips: list[Clip] = []
    rates: list[float] = []
    unlabelled = 0
    for sequence in read_sequences(folder):
        index.append(SequenceKey.of(sequence))
        rates.append(sequence.frame_rate)
        for clip in sequence.clips():
            unlabelled += clip.label == UNKNOWN
            if clip.label == UNKNOWN or clip.label in leave_out:
                continue
            seconds = len(clip.keypoints) / clip.frame_rate
            clips.append(Clip(clip.label, clip.subject, seconds, clip.repetitions))
    layout, channels = _one_kind(index, folder)
    left_out = (UNKNOWN, *(label for label in leave_out if label != UNKNOWN))
    survey = Survey(folder, load_layout(layout), channels, index, clips, unlabelled, np.array(rates), left_out)
    _check_labels(survey)
    return survey


def measure_health(survey: Survey, spec: WindowSpec, splits: Mapping[str, str], test_share: float) -> Health:
    """Measure the features of all windows of a span: a bound must hold for the rarest of them.

    Args:
        survey: the span.
        spec: rules by which windows are cut.
        splits: result of `assign_splits`.
        test_share: fraction of the frames of a cut clip that are for test.
    """
    ranges: dict[str, tuple[float, float]] = {}
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    words: dict[str, Counter[str]] = defaultdict(Counter)
    counts: Counter[str] = Counter()
    for batch in itertools.batched(_windows(survey, spec, splits, test_share), _BATCH):
        sides = np.array([split for split, _ in batch])
        windows = [window for _, window in batch]
        counts.update(sides.tolist())
        health = window_health(windows, survey.layout)
        for name, values in health.items():
            if values.dtype == object:
                words[name].update(values.tolist())
                continue
            ranges[name] = _widened(ranges.get(name), values)
            for split in counts:
                sums[name][split] += values[sides == split].sum(dtype=np.float64)
        coordinates = np.stack([window.keypoints[..., :-1] for window in windows])
        ranges[KEYPOINTS] = _widened(ranges.get(KEYPOINTS), coordinates)
    means = {name: {split: total / counts[split] for split, total in totals.items()} for name, totals in sums.items()}
    return Health(counts.total(), ranges, means, dict(words))


def _widened(known: tuple[float, float] | None, values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (min(low, known[0]), max(high, known[1])) if known else (low, high)


def _windows(
    survey: Survey, spec: WindowSpec, splits: Mapping[str, str], test_share: float
) -> Iterator[tuple[str, Window]]:
    """Yield the windows of all clips that are in a split, with the split."""
    for sequence in read_sequences(survey.folder):
        for clip, split in split_clips(sequence, splits, test_share):
            yield from ((split, window) for window in cut_windows(clip, spec))


def _one_kind(index: list[SequenceKey], folder: Path) -> tuple[str, int]:
    kinds = {(key.layout, key.channels) for key in index}
    if len(kinds) > 1:
        found = ", ".join(f"{layout} with {channels} channels" for layout, channels in sorted(kinds))
        raise InputError(
            f"the span has sequences of several kinds: {found}",
            str(folder),
            "import each kind into a folder of its own",
        )
    return next(iter(kinds))


def _check_labels(survey: Survey) -> None:
    labels = list(survey.counts)
    if len(labels) < 2:
        found = f"the only label is {labels[0]!r}" if labels else "no recording has a label"
        raise InputError(
            f"{found}: a classifier needs at least two",
            str(survey.folder),
            "import with --labels CSV, with --pattern, or from a folder for each label; record what is not the"
            " exercise, too, if there is only one",
        )
    if len(labels) > MOST_LABELS:
        raise InputError(
            f"there are {len(labels)} labels, for example {', '.join(labels[:3])}",
            str(survey.folder),
            "import with --labels CSV or --pattern: these look like names of recordings",
        )
