"""Recognises movements in a stream: windows are classified, and what they say is decoded step by step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.sessions.background import without_synonyms
from serving_targets.coach.context import BodyRows
from serving_targets.coach.decoding import DurationDecoder
from serving_targets.coach.head import decided, features
from serving_targets.coach.movement.signals import Signal
from serving_targets.coach.network import PoseReader
from serving_targets.coach.settings import CoachSettings, Duration
from serving_targets.coach.stream import Tick, ticks_of
from serving_targets.coach.timeline import BACKGROUND

HOP_SECONDS = 0.2
"""Time between two classifications, and length of the steps that labels are decided for."""
_LOOK_AHEAD_SECONDS = 1.0
"""Longest time after which a label is decided in a stream."""
_DECODER_SECONDS = 0.4
"""Part of it that the decoder waits; the rest is for the windows that reach beyond a step."""
_HEAD_DECODER_SECONDS = 0.2
"""The same with a head or a network, which read further."""


@dataclass(frozen=True)
class Model:
    """A classifier of windows.

    Attributes:
        classify: function from a window `[length, J, C]` to the probabilities of the labels.
        labels: labels of the classes.
        layout: name of the layout of the windows.
        channels: number of values of a joint, confidence included.
        length: frames of a window.
        fps: frames per second of a window.
        settings: calibration.
    """

    classify: Callable[[np.ndarray], np.ndarray]
    labels: tuple[str, ...]
    layout: str
    channels: int
    length: int
    fps: float
    settings: CoachSettings = field(default_factory=CoachSettings)


@dataclass(frozen=True)
class Step:
    """A decided stretch of time.

    Attributes:
        label: label of the movement, or `BACKGROUND`.
        start: its first moment, in seconds.
        end: its end, in seconds.
    """

    label: str
    start: float
    end: float


def hop_of(model: Model) -> int:
    """Return the number of frames between two windows that are classified."""
    return max(round(HOP_SECONDS * model.fps), 1)


def answers_of(model: Model, poses: np.ndarray, times: np.ndarray) -> tuple[npt.NDArray[np.float64], list[float]]:
    """Return the model's answers `[steps, classes]` for a session, and the time of the middle of each step; for heads.

    Args:
        model: classifier of windows.
        poses: `[T, J, C]` as the model takes them, confidence last.
        times: times of the frames in seconds, `[T]`.
    """
    recogniser = Recogniser(replace(model, settings=CoachSettings()), offline=False)
    answers, middles = [], []
    for tick in ticks_of(model.fps, poses, times):
        if recogniser.complete(tick):
            answers.append(recogniser.given())
            middles.append(tick.time - hop_of(model) / model.fps / 2)
    return np.array(answers).reshape(len(answers), len(model.labels)), middles


def rows_of(model: Model, poses: np.ndarray, times: np.ndarray) -> Iterator[tuple[Signal, list[float]]]:
    """Yield rows `[steps, ROW]` and times of the middles for each part of a session without interruption.

    Args:
        model: classifier of windows; it is not asked.
        poses: `[T, J, C]` as the model takes them, confidence last.
        times: times of the frames in seconds, `[T]`.
    """
    hop = hop_of(model)
    parts: list[list[Tick]] = []
    for tick in ticks_of(model.fps, poses, times):
        if tick.returned:
            parts.append([])
        parts[-1].append(tick)
    for ticks in parts:
        reader, steps = BodyRows(model.layout), [ticks[start : start + hop] for start in range(0, len(ticks), hop)]
        rows = np.stack([reader.add(np.stack([tick.pose for tick in step])) for step in steps])
        yield rows, [step[len(step) // 2].time for step in steps]


class Recogniser:
    """Decides which movement is performed, a step of `HOP_SECONDS` at a time.

    With `offline`, a step is decided at the end from all windows around it; else after `_LOOK_AHEAD_SECONDS` at most.
    """

    def __init__(self, model: Model, *, offline: bool) -> None:
        self._model = model
        heads = model.settings.heads
        self._head = None if heads is None else heads.offline if offline else heads.streaming
        self._matrix = self._head.matrix if self._head else None
        if self._head and self._head.matrix.shape[1] != len(self._head.offsets) * len(model.labels) + 1:
            raise InputError("the heads of the coach do not fit its model", "coach.json", "push the model again")
        self._labels = list(self._head.weights) if self._head else list(model.labels)
        self._labels = [without_synonyms(label) for label in self._labels]
        self._knows_background = BACKGROUND in self._labels
        if not self._knows_background and not self._head:
            self._labels.append(BACKGROUND)
        self._reader = self._pose_reader(offline=offline)
        self._hop, seconds = hop_of(model), hop_of(model) / model.fps
        durations = [model.settings.durations.get(label, Duration()) for label in self._labels]
        decoder_seconds = _HEAD_DECODER_SECONDS if self._head or self._reader else _DECODER_SECONDS
        waited = None if offline else max(int(decoder_seconds / seconds + 1e-6), 0)
        self._decoder = DurationDecoder(
            np.array([round(each.minimum / seconds) for each in durations], np.intp),
            np.array([each.typical / seconds for each in durations]),
            waited,
        )
        self._spanned = -(-model.length // self._hop)
        before, wanted = (-min(self._head.offsets), max(self._head.offsets)) if self._head else (0, self._spanned - 1)
        if self._reader:
            network = self._reader.network
            before, wanted = max(before, network.before), max(wanted, network.after)
        # A step ends one hop after it starts, and the newest window with it.
        ahead = int((_LOOK_AHEAD_SECONDS - decoder_seconds) / seconds + 1e-6) - 1
        self._ahead = max(wanted if offline else min(ahead, wanted), 0)
        self._kept = self._ahead + max(before, 0) + 1
        self.reset()

    def _pose_reader(self, *, offline: bool) -> PoseReader | None:
        heads = self._model.settings.poses
        if heads is None:
            return None
        names = [without_synonyms(label) for label in heads.labels]
        if sorted(names) != sorted(self._labels):
            raise InputError("the networks of the coach do not fit its model", "coach.json", "push the model again")
        self._order = [names.index(label) for label in self._labels]
        return PoseReader(heads, offline=offline)

    def reset(self) -> None:
        """Forget everything, as before the first tick."""
        self._window: deque[np.ndarray] = deque(maxlen=self._model.length)
        self._answers: deque[npt.NDArray[np.float64]] = deque(maxlen=self._kept)
        self._rows: deque[npt.NDArray[np.float64]] = deque(maxlen=self._kept)
        self._body = BodyRows(self._model.layout) if self._reader else None
        self._since_answer = 0
        self._steps: deque[float] = deque()
        self._answered = self._evaluated = 0
        self._decoder.reset()

    def push(self, tick: Tick) -> list[Step]:
        """Take a tick and return the steps that are decided by it."""
        if not self.complete(tick):
            return []
        self._add_step(self._hop)
        return self._evaluate(self._answered - self._ahead)

    def complete(self, tick: Tick) -> bool:
        """Take a tick and return whether it completes a step."""
        self._window.append(tick.pose)
        if self._since_answer == 0:
            self._steps.append(tick.time)
        self._since_answer = (self._since_answer + 1) % self._hop
        return self._since_answer == 0

    def finish(self, end: float) -> list[Step]:
        """Decide all steps until the end, in seconds, and forget everything."""
        if self._since_answer:
            self._add_step(self._since_answer)
        steps = self._evaluate(self._answered)
        steps += [self._step(label, end) for label in self._decoder.finish()]
        self.reset()
        return steps

    def _add_step(self, ticks: int) -> None:
        """Keep what is known of a step that ends now."""
        self._answers.append(self._answer())
        if self._reader and self._body:
            self._rows.append(self._reader.shortened(self._body.add(np.stack(list(self._window)[-ticks:]))))
        self._answered += 1

    def given(self) -> npt.NDArray[np.float64]:
        """Return what the model says of the newest window."""
        window = np.stack(self._window)
        missing = self._model.length - len(window)
        if missing:  # as windows of short sequences are padded in training
            padding = np.repeat(window[-1:], missing, axis=0)
            padding[..., -1] = 0
            window = np.concatenate([window, padding])
        return np.asarray(self._model.classify(window), float)

    def _answer(self) -> npt.NDArray[np.float64]:
        given = self.given()
        if self._head:
            return given
        priors = np.array([self._model.settings.priors.get(label, 1.0) for label in self._model.labels])
        scaled = np.maximum(given / priors, 1e-9) ** (1 / self._model.settings.temperature)
        if not self._knows_background:
            share = self._model.settings.background
            scaled = np.append(scaled, share * scaled.sum() / (1 - share) * (1 - scaled.max() / scaled.sum()) * 2)
        return scaled / scaled.sum()

    def _evaluate(self, until: int) -> list[Step]:
        """Give the decoder every step before number `until`."""
        decided = []
        oldest = self._answered - len(self._answers)
        while self._evaluated < until:
            label = self._decoder.push(self._log_probabilities(oldest))
            self._evaluated += 1
            if label is not None:
                decided.append(self._step(label, None))
        return decided

    def _log_probabilities(self, oldest: int) -> npt.NDArray[np.float64]:
        """Return those of the next step; `oldest` is the number of the oldest step that is kept."""
        logs = np.log(np.maximum(self._by_head(oldest) if self._head else self._mean(oldest), 1e-9))
        if self._reader is None:
            return logs
        rows = np.stack(self._rows)[: self._evaluated + self._ahead + 1 - oldest]
        poses = self._reader.log_probabilities(rows, self._evaluated - oldest)[self._order]
        share = self._reader.share
        return (1 - share) * logs + share * poses

    def _mean(self, oldest: int) -> npt.NDArray[np.float64]:
        """Return the mean of the windows that contain the next step; `oldest` is the number of the oldest answer."""
        # Answer n belongs to the window that ends with step n, so step s is in the windows s to s + spanned - 1.
        ahead = min(self._ahead + 1, self._spanned)
        ends = range(max(self._evaluated, oldest), min(self._evaluated + ahead, self._answered))
        middle = self._evaluated + (self._spanned - 1) / 2
        weights = np.array([1 / (1 + abs(end - middle)) for end in ends])
        return weights @ np.stack([self._answers[end - oldest] for end in ends]) / weights.sum()

    def _by_head(self, oldest: int) -> npt.NDArray[np.float64]:
        """Return what the head says of the next step; `oldest` is the number of the oldest answer."""
        assert self._head is not None
        assert self._matrix is not None
        answers = np.stack(self._answers)[: self._evaluated + self._ahead + 1 - oldest]
        return decided(self._matrix, features(answers, self._evaluated - oldest, self._head.offsets))

    def _step(self, label: int, end: float | None) -> Step:
        start = self._steps.popleft()
        following = self._steps[0] if self._steps else end
        return Step(self._labels[label], start, start + self._hop / self._model.fps if following is None else following)
