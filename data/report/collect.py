"""The contents of a report, collected in one pass over the span with only a few figures per clip in memory."""

import hashlib
import heapq
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data.describe import Description, Tally
from data.health import FIGURES, NONE, Health, window_health
from data.layouts import Layout, load_layout
from data.records import KeypointSequence
from data.store import read_sequences
from data.windows import Window, WindowSpec, cut_windows, resample

SHOWN_FRAMES = 24
"""Number of frames that are kept of a clip that is drawn."""

_WHOLE_CLIP = WindowSpec(length=64, fit="stretch")
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Shown:
    """A clip that is drawn.

    Attributes:
        name: sequence id of the clip.
        about: label, subject and view of the clip.
        faults: faults of the clip, as texts.
        keypoints: float32 `[T, J, C]`, at most `SHOWN_FRAMES` frames.
        seconds: duration of the frames.
        joint: name of the broken joint, None if there is none.
    """

    name: str
    about: tuple[str, ...]
    faults: tuple[str, ...]
    keypoints: np.ndarray
    seconds: float
    joint: str | None = None


@dataclass
class Picture:
    """The contents of a report on a span.

    Attributes:
        description: counts, lengths and missing joints.
        layout: layout of the joints.
        figures: value of each numeric health feature in every clip.
        words: number of clips with each category, by health feature.
        missing: fraction of frames in which each joint is missing, `[J]`, by label.
        confidence: mean confidence of each joint where it is seen, `[J]`.
        seconds: duration of every clip.
        random: clips that are drawn at random, the same each time.
        worst: clips with the worst health, worst first.
    """

    description: Description
    layout: Layout
    figures: Health
    words: dict[str, Counter[str]]
    missing: dict[str, np.ndarray]
    confidence: np.ndarray
    seconds: np.ndarray
    random: list[Shown] = field(default_factory=list)
    worst: list[Shown] = field(default_factory=list)

    @property
    def clips(self) -> int:
        """Number of clips: sequences, and segments of sessions."""
        return len(self.seconds)


def collect(span_dir: Path, shown: int = 0) -> Picture:
    """Read a span once and return the contents of its report.

    Args:
        span_dir: the `span-N` folder.
        shown: number of random clips and of worst clips to draw.

    Raises:
        InputError: if a sequence is invalid.
    """
    tally, missing = Tally(), _Missing()
    figures: dict[str, list[np.ndarray]] = {}
    words: dict[str, Counter[str]] = {"broken_joint": Counter(), "sides": Counter()}
    seconds: list[float] = []
    random, worst = _Best(shown), _Best(shown)
    layout: Layout | None = None
    for batch in itertools.batched(_clips(span_dir, tally), _BATCH):
        layout = load_layout(batch[0].layout)
        health = window_health([_whole(clip) for clip in batch], layout)
        for name, values in health.items():
            if name in FIGURES:
                figures.setdefault(name, []).append(values)
            else:
                words[name].update(values.tolist())
        for number, clip in enumerate(batch):
            seconds.append(len(clip.keypoints) / clip.frame_rate)
            missing.add(clip)
            faults, badness = _faults({name: values[number] for name, values in health.items()})
            digest = hashlib.blake2b(clip.sequence_id.encode("utf-8", "replace"), digest_size=8).digest()
            random.offer(int.from_bytes(digest, "big"), clip, ())
            if badness > 0:
                worst.offer(badness, clip, faults)
    description = tally.description(span_dir)
    assert layout is not None  # a span is never empty
    return Picture(
        description=description,
        layout=layout,
        figures={name: np.concatenate(parts) for name, parts in figures.items() if name != "window_fill"},
        words=words,
        missing=missing.shares(),
        confidence=missing.confidence(),
        seconds=np.array(seconds),
        random=random.shown(),
        worst=worst.shown(),
    )


def _clips(span_dir: Path, tally: Tally) -> Iterator[KeypointSequence]:
    for sequence in read_sequences(span_dir):
        tally.add(sequence)
        yield from sequence.clips()


def _whole(clip: KeypointSequence) -> Window:
    (window,) = cut_windows(clip, _WHOLE_CLIP)
    return window


class _Missing:
    """The running counts of missing joints by class."""

    def __init__(self) -> None:
        self._frames: Counter[str] = Counter()
        self._missing: dict[str, np.ndarray] = {}
        self._confidence_sum: np.ndarray | float = 0.0

    def add(self, clip: KeypointSequence) -> None:
        confidence = clip.keypoints[..., -1]
        self._frames[clip.label] += len(confidence)
        self._missing[clip.label] = self._missing.get(clip.label, 0) + (confidence == 0).sum(axis=0)
        self._confidence_sum = self._confidence_sum + confidence.sum(axis=0, dtype=np.float64)

    def shares(self) -> dict[str, np.ndarray]:
        return {label: missing / self._frames[label] for label, missing in sorted(self._missing.items())}

    def confidence(self) -> np.ndarray:
        seen = sum(self._frames.values()) - np.sum(list(self._missing.values()), axis=0)
        return np.asarray(self._confidence_sum) / np.maximum(seen, 1)


class _Best:
    """The clips with the highest scores so far."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._heap: list[tuple[float, int, Shown]] = []
        self._number = itertools.count()

    def offer(self, score: float, clip: KeypointSequence, faults: tuple[str, ...]) -> None:
        number = next(self._number)
        if len(self._heap) < self._count or (self._heap and (score, -number) > self._heap[0][:2]):
            entry = (score, -number, _shown(clip, faults))
            (heapq.heappush if len(self._heap) < self._count else heapq.heapreplace)(self._heap, entry)

    def shown(self) -> list[Shown]:
        return [shown for *_, shown in sorted(self._heap, key=lambda entry: entry[:2], reverse=True)]


def _shown(clip: KeypointSequence, faults: tuple[str, ...]) -> Shown:
    times = clip.frame_times
    targets = np.linspace(times[0], times[-1], min(SHOWN_FRAMES, len(times)))
    broken = next((fault.split(" ")[0] for fault in faults if fault.endswith(("frozen", "far", "jumping"))), None)
    about = (clip.label, clip.subject, *([clip.view] if clip.view else []))
    return Shown(
        clip.sequence_id,
        about,
        faults,
        resample(clip.keypoints, times, targets),
        max(float(times[-1] - times[0]), 1 / clip.fps),
        broken,
    )


def _faults(health: dict[str, np.ndarray]) -> tuple[tuple[str, ...], float]:
    """Return the faults of a clip as texts, and the sum of their weights."""
    broken, sides = str(health["broken_joint"]), str(health["sides"])
    missing, confidence = float(health["missing_share"]), float(health["mean_confidence"])
    faults: dict[str, float] = {
        broken: 4.0 if broken.endswith(("frozen", "far")) else float(broken != NONE),
        f"sides {sides}": 2.0 * (sides in ("swapped", "crossed")),
        f"{missing:.0%} of joints missing": 3.0 * missing * (missing >= 0.05),
        f"confidence {confidence:.2f}": (1 - confidence) * (confidence < 0.5),
        "hardly moves": float(health["stillness"] > 0.9),
    }
    return tuple(fault for fault, weight in faults.items() if weight), sum(faults.values())
