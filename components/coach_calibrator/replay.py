"""Sessions that are recognised again and again with other settings, for which the model is run only once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from components.coach_calibrator.pose_heads import Moved, moved
from data.records import KeypointSequence
from serving_targets.coach.head import Answered
from serving_targets.coach.metrics import session_metrics
from serving_targets.coach.recognition import Model, Recogniser, Step, hop_of
from serving_targets.coach.settings import CoachSettings
from serving_targets.coach.stream import Tick, ticks_of
from serving_targets.coach.timeline import Segment, labels_at
from serving_targets.session_evaluation import true_labels

Classify = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Replay:
    """A session with all that the model says of it.

    Attributes:
        session: the session.
        truth: label of each frame.
    """

    session: KeypointSequence
    truth: list[str]
    _model: Model
    _ticks: list[Tick]
    _heard: list[np.ndarray]

    @classmethod
    def of(cls, model: Model, session: KeypointSequence) -> Replay:
        """Run a model on a session."""
        ticks = list(ticks_of(model.fps, session.keypoints, session.frame_times))
        heard: list[np.ndarray] = []
        _recognised(replace(model, classify=_remembering(model.classify, heard)), ticks)
        return cls(session, true_labels(session), model, ticks, heard)

    def labels(self, settings: CoachSettings) -> list[str]:
        """Return the label of each frame as it is recognised offline."""
        steps = _recognised(replace(self._model, classify=_repeating(self._heard), settings=settings), self._ticks)
        times = self.session.frame_times - self.session.frame_times[0]
        return labels_at([Segment(step.label, step.start, step.end) for step in steps], times)

    def answered(self) -> Answered:
        """Return the answers of the model with the true label of each step, for `fit_heads`."""
        hop, times = hop_of(self._model), self.session.frame_times
        middles = [
            self._ticks[min(step * hop + hop // 2, len(self._ticks) - 1)].time for step in range(len(self._heard))
        ]
        nearest = np.searchsorted(times - times[0], middles).clip(0, len(times) - 1)
        return Answered(np.array(self._heard, float), [self.truth[frame] for frame in nearest])

    def moved(self) -> list[Moved]:
        """Return how the person moved, for `fit_pose_heads`."""
        return moved(self._model, self.session.keypoints, self.session.frame_times, self.truth)


def score(replays: Sequence[Replay], settings: CoachSettings | Callable[[Replay], CoachSettings]) -> float:
    """Return the mean of frame accuracy, edit score and F1 at 50 % of some sessions.

    Args:
        replays: the sessions.
        settings: settings for all of them, or a function that chooses them for each.
    """
    choose = settings if callable(settings) else lambda _: settings
    figures = session_metrics([each.truth for each in replays], [each.labels(choose(each)) for each in replays])
    return (figures.frame_accuracy + figures.edit + figures.f1_50) / 3


def _recognised(model: Model, ticks: list[Tick]) -> list[Step]:
    recogniser = Recogniser(model, offline=True)
    steps = [step for tick in ticks for step in recogniser.push(tick)]
    return steps + recogniser.finish(ticks[-1].time + 1 / model.fps if ticks else 0.0)


def _remembering(classify: Classify, heard: list[np.ndarray]) -> Classify:
    def answer(window: np.ndarray) -> np.ndarray:
        heard.append(classify(window))
        return heard[-1]

    return answer


def _repeating(heard: list[np.ndarray]) -> Classify:
    """Return a classifier that answers as another one did for the same session; the windows are the same."""
    answers: Iterator[np.ndarray] = iter(heard)

    def answer(_: np.ndarray) -> np.ndarray:
        [given] = islice(answers, 1)
        return given

    return answer
