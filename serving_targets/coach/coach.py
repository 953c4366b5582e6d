"""The coach of a bundle: takes one pose after the other and returns what happens."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from data.layouts import joint_mapping, load_layout
from data.windows import resample
from serving_targets.bundle import Bundle, load_bundle
from serving_targets.classifier import Classifier
from serving_targets.coach.form.references import References
from serving_targets.coach.movement.counting import RATE
from serving_targets.coach.movement.cycles import Ticks
from serving_targets.coach.movement.signals import CHANNELS, Signal, body_signal
from serving_targets.coach.movement.skeleton import Poses, SkeletonReader, cleaned
from serving_targets.coach.recognition import Model, Recogniser, Step
from serving_targets.coach.settings import read_references, read_settings
from serving_targets.coach.stream import LONGEST_GAP, Resampler, Tick
from serving_targets.coach.timeline import BACKGROUND, Segment, Timeline
from serving_targets.coach.tracker import MovementTracker

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_FINE = 3
"""Poses that are averaged to one tick of the counting, against the jitter of pose estimators."""
MOST_SEGMENTS = 10_000
"""Segments of a stream that are remembered; older ones were returned as events."""
_COUNT_SECONDS = 0.5
"""Time between two counts that are reported."""


@dataclass(frozen=True)
class Event:
    """Something that happened in the session.

    Attributes:
        kind: `started` and `ended` of a movement, `counted` while it goes on (live only).
        label: label of the movement.
        time: time in seconds from the first pose.
        repetitions: repetitions of the movement so far, as a fraction.
        segment: the whole movement, when it ended.
    """

    kind: Literal["started", "counted", "ended"]
    label: str
    time: float
    repetitions: float = 0.0
    segment: Segment | None = None


class Coach:
    """Follows the session of one person, live or offline.

    Live, everything is decided within about a second and memory does not grow. Offline, labels are decided at the end
    with the whole session in view; the code is the same.
    """

    def __init__(
        self,
        layout: str,
        model: Model | None,
        references: References | None = None,
        *,
        offline: bool = False,
        label: str | None = None,
    ) -> None:
        """Make a coach.

        Args:
            layout: layout of the poses that will be pushed.
            model: classifier of movements; None if `label` is given.
            references: references of the movements; None for no scores and corrections.
            offline: decide at the end.
            label: label of the movement if it is known, so that nothing needs to be recognised.
        """
        self._known, self._offline = label, offline
        self._recogniser = Recogniser(model, offline=offline) if model and label is None else None
        self._references = references
        self._reader = SkeletonReader(layout)
        joints = len(load_layout(layout).joints)
        self._joints = joints
        self._fps = model.fps if model else RATE * _FINE
        self._to_model: Callable[[np.ndarray], np.ndarray] | None = None
        if model and model.layout != layout:
            self._to_model = joint_mapping(layout, model.layout).apply
        self._channels = model.channels if model else None
        self._windows: Resampler | None = None
        self._fine: Resampler | None = None
        self._burst: list[Tick] = []
        self._waiting: deque[tuple[float, Poses]] = deque()
        self._tracker: MovementTracker | None = None
        self._bounds = (0.0, 0.0)
        self._end = 0.0
        self._reported = 0.0
        self._pushed, self._last = 0, 0.0
        self._segments: deque[Segment] = deque(maxlen=None if offline else MOST_SEGMENTS)

    @classmethod
    def load(
        cls,
        bundle: Path,
        layout: str | None = None,
        *,
        offline: bool = False,
        key: Ed25519PublicKey | None = None,
    ) -> Coach:
        """Load the coach of a bundle.

        Args:
            bundle: folder of a version or of a target.
            layout: layout of the poses that will be pushed; the bundle's own if it is None.
            offline: decide at the end.
            key: key that must have signed the bundle; None if any bundle may be used.

        Raises:
            InputError: the bundle is damaged or not signed, or the layout is unknown.
        """
        loaded = load_bundle(bundle, key)
        model = shipped_model(loaded, Classifier(loaded.int8_model).predict)
        references = read_references(loaded.folder)
        return cls(layout or model.layout, model, references, offline=offline)

    @property
    def ignored(self) -> dict[str, int]:
        """Reason for which poses were ignored to their number."""
        return dict(self._fine.ignored) if self._fine else {}

    def push(self, pose: np.ndarray | None, timestamp: float) -> list[Event]:
        """Take the pose of a frame.

        Args:
            pose: `[J, 3 or 4]`, confidence last, in any unit; None if nobody is seen.
            timestamp: time in seconds.

        Returns:
            What happened since the last push. Poses that cannot be used are counted in `ignored`.
        """
        if self._fine is None:
            if pose is None or np.ndim(pose) != 2 or np.shape(pose)[1] not in (3, 4):
                return []
            shape = (self._joints, np.shape(pose)[1])
            self._fine = Resampler(RATE * _FINE, shape)
            if self._recogniser:
                self._windows = Resampler(self._fps, shape)
        values = self._fine.accepted(pose, timestamp)
        events = [] if values is None else self._follow(values, timestamp)
        if self._known is not None and self._waiting:
            events += self._take([Step(self._known, self._waiting[0][0], self._end)])
        if self._fine.start is not None and math.isfinite(timestamp):
            self._pushed, self._last = self._pushed + 1, max(self._last, timestamp - self._fine.start)
        return events

    def _follow(self, values: np.ndarray, timestamp: float) -> list[Event]:
        """Take a pose that can be used."""
        assert self._fine is not None
        events: list[Event] = []
        for tick in self._fine.take(values, timestamp):
            if tick.returned and self._end:
                events += self._flush()
            self._end = tick.time + 1 / (RATE * _FINE)
            self._burst.append(tick)
            if len(self._burst) == _FINE:
                self._add_burst()
        if self._recogniser and self._windows:
            for tick in self._windows.take(values, timestamp):
                pose = self._to_model(tick.pose) if self._to_model else tick.pose
                seen = Tick(tick.index, tick.time, self._with_channels(pose), tick.returned)
                events += self._take(self._recogniser.push(seen))
        return events

    def finish(self) -> list[Event]:
        """End the session and return what was still undecided."""
        return self._flush()

    def timeline(self, sequence_id: str) -> Timeline:
        """Return everything that ended so far; of a stream, the last `MOST_SEGMENTS`."""
        rate = (self._pushed - 1) / self._last if self._last > 0 else 0.0
        return Timeline(sequence_id, round(rate, 3), tuple(self._segments), self.ignored)

    def _with_channels(self, pose: np.ndarray) -> np.ndarray:
        """Return a pose with as many values for each joint as the model takes: depth is dropped, or 0."""
        if self._channels is None or pose.shape[-1] == self._channels:
            return pose
        if pose.shape[-1] > self._channels:
            return pose[..., [0, 1, 3]]
        wider = np.zeros((*pose.shape[:-1], self._channels), pose.dtype)
        wider[..., :2], wider[..., -1] = pose[..., :2], pose[..., -1]
        return wider

    def _add_burst(self) -> None:
        poses = np.array([tick.pose for tick in self._burst])
        seen = poses[..., -1:] > 0
        mean = (poses * seen).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
        self._waiting.append((self._burst[0].time, self._reader.read(mean)))
        self._burst.clear()

    def _flush(self) -> list[Event]:
        """Decide everything that was seen: the person has gone, or the session is over."""
        if self._burst:
            self._add_burst()
        events = self._take(self._recogniser.finish(self._end)) if self._recogniser else []
        if self._known is not None and self._waiting:
            events += self._take([Step(self._known, self._waiting[0][0], self._end)])
        events += self._close(self._bounds[1])
        self._waiting.clear()
        return events

    def _take(self, steps: list[Step]) -> list[Event]:
        events: list[Event] = []
        for step in steps:
            if self._tracker and self._tracker.label != step.label:
                events += self._close(step.start)
            if self._tracker is None and step.label != BACKGROUND:
                self._tracker = MovementTracker(step.label, self._references)
                self._bounds, self._reported = (step.start, step.end), step.start
                events.append(Event("started", step.label, step.start))
            self._bounds = self._bounds[0], step.end
            while self._waiting and self._waiting[0][0] < step.end:
                time, pose = self._waiting.popleft()
                if self._tracker:
                    self._tracker.add(time, pose)
            events += self._report(step.end)
        return events

    def _report(self, time: float) -> list[Event]:
        if self._offline or self._tracker is None or time - self._reported < _COUNT_SECONDS:
            return []
        self._reported = time
        return [Event("counted", self._tracker.label, time, self._tracker.repetitions())]

    def _close(self, end: float) -> list[Event]:
        if self._tracker is None:
            return []
        segment = self._tracker.close(self._bounds[0], end)
        self._tracker = None
        self._segments.append(segment)
        return [Event("ended", segment.label, end, segment.repetitions, segment)]


def shipped_model(bundle: Bundle, classify: Callable[[np.ndarray], np.ndarray]) -> Model:
    """Return the classifier of a bundle, with its settings.

    Args:
        bundle: the bundle.
        classify: function that runs its int8 file on a window `[length, J, C]`.

    Raises:
        InputError: the settings cannot be used.
    """
    manifest = bundle.manifest
    length, _, channels = manifest.window_shape
    return Model(
        classify=classify,
        labels=manifest.labels,
        layout=manifest.layout.reference,
        channels=channels,
        length=length,
        fps=manifest.fps,
        settings=read_settings(bundle.folder),
    )


def recorded_signal(layout: str, poses: np.ndarray, times: np.ndarray) -> tuple[Signal, Ticks]:
    """Return the signal of a recording and the times of its ticks, as the coach sees them; for references.

    Args:
        layout: layout of the poses.
        poses: `[T, J, C]`, confidence last.
        times: times of the frames, in seconds, increasing, `[T]`.
    """
    values = cleaned(poses)
    seen = values[..., -1].any(axis=1)
    values, moments = values[seen], np.asarray(times, float)[seen]
    if not len(values):
        return np.zeros((0, CHANNELS)), np.zeros(0)
    moments = moments - moments[0]
    ticks = np.arange(int(moments[-1] * RATE * _FINE + 1e-6) + 1) / (RATE * _FINE)
    after = np.searchsorted(moments, ticks - 1e-6).clip(1, max(len(moments) - 1, 1))
    if len(moments) > 1:  # nobody is there in a long gap
        gap = moments[after] - moments[after - 1]
        inside = (ticks > moments[after - 1] + 1e-6) & (ticks < moments[after] - 1e-6)
        ticks = ticks[~((gap > LONGEST_GAP) & inside)]
    fine = resample(values, moments, ticks)
    starts = np.arange(0, len(fine), _FINE)
    confident = fine[..., -1:] > 0
    mean = np.add.reduceat(fine * confident, starts) / np.maximum(np.add.reduceat(confident.astype(int), starts), 1)
    return body_signal(SkeletonReader(layout).read(mean)), ticks[starts]


def follow_recording(coach: Coach, poses: np.ndarray, times: np.ndarray, sequence_id: str = "") -> Timeline:
    """Push a whole recording and return its timeline.

    Args:
        coach: a new coach.
        poses: `[T, J, C]`, confidence last.
        times: times of the frames, in seconds, `[T]`.
        sequence_id: id of the recording.
    """
    for pose, time in zip(poses, times, strict=True):
        coach.push(pose, float(time))
    coach.finish()
    return coach.timeline(sequence_id)
