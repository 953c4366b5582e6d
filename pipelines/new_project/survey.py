"""What a span contains, as far as the settings of a pipeline depend on it."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.health import window_health
from data.layouts import Layout, load_layout
from data.records import KeypointSequence
from data.store import SequenceKey, read_sequences
from data.text import natural
from data.windows import Window, WindowSpec, cut_windows
from schema.window_contract import KEYPOINTS

UNKNOWN = "unknown"
"""Label and subject that an import gives to recordings that state none."""

MOST_LABELS = 200
"""Largest number of labels; more are likely names of files."""

_MOST_WINDOWS = 4096
"""Number of windows, evenly drawn, whose health is measured."""

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
        clips: labelled clips in the order of the span; those with the label `unknown` are in `unlabelled`.
        unlabelled: number of clips that nobody has labelled.
        rates: frames per second of each sequence as recorded, float64 `[sequences]`.
    """

    folder: Path
    layout: Layout
    channels: int
    index: list[SequenceKey]
    clips: list[Clip]
    unlabelled: int
    rates: np.ndarray

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
    """The values of features over the windows of a span.

    Attributes:
        windows: number of windows that were measured.
        numbers: name of each numeric feature to its values, float32 `[windows]`; of `KEYPOINTS` the least and greatest.
        words: name of each categorical feature to the number of windows with each value.
    """

    windows: int
    numbers: dict[str, np.ndarray]
    words: dict[str, Counter[str]] = field(default_factory=dict)


def survey_span(folder: Path) -> Survey:
    """Read a span once.

    Args:
        folder: the `span-N` folder.

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
            if clip.label == UNKNOWN:
                unlabelled += 1
                continue
            seconds = len(clip.keypoints) / clip.frame_rate
            clips.append(Clip(clip.label, clip.subject, seconds, clip.repetitions))
    layout, channels = _one_kind(index, folder)
    survey = Survey(folder, load_layout(layout), channels, index, clips, unlabelled, np.array(rates))
    _check_labels(survey)
    return survey


def measure_health(survey: Survey, spec: WindowSpec) -> Health:
    """Measure the features of evenly drawn windows of a span.

    Args:
        survey: the span.
        spec: rules by which windows are cut.
    """
    total = sum(1 for _ in _windows(survey, spec))
    step = -(-total // _MOST_WINDOWS)
    drawn = itertools.islice(_windows(survey, spec), 0, None, step)
    numbers: dict[str, list[np.ndarray]] = defaultdict(list)
    words: dict[str, Counter[str]] = defaultdict(Counter)
    count = 0
    for batch in itertools.batched(drawn, _BATCH):
        count += len(batch)
        for name, values in window_health(batch, survey.layout).items():
            if values.dtype == object:
                words[name].update(values.tolist())
            else:
                numbers[name].append(values)
        coordinates = np.stack([window.keypoints[..., :-1] for window in batch])
        numbers[KEYPOINTS].append(np.array([coordinates.min(), coordinates.max()]))
    return Health(count, {name: np.concatenate(found) for name, found in numbers.items()}, dict(words))


def _windows(survey: Survey, spec: WindowSpec) -> Iterator[Window]:
    for sequence in read_sequences(survey.folder):
        for clip in _labelled(sequence.clips()):
            yield from cut_windows(clip, spec)


def _labelled(clips: Iterable[KeypointSequence]) -> Iterator[KeypointSequence]:
    return (clip for clip in clips if clip.label != UNKNOWN)


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
