"""Measures a coach on sessions and recordings: recognition, counts, scores, corrections, time for a frame."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import InputError
from data.records import KeypointSequence
from data.sessions.background import BACKGROUND, BACKGROUND_LABELS, without_synonyms
from data.store import read_sequences, span_folder
from serving_targets.bundle import load_bundle
from serving_targets.coach.coach import Coach, follow_recording, shipped_model
from serving_targets.coach.form.faults import bent, fault
from serving_targets.coach.form.references import References, build_references
from serving_targets.coach.metrics import (
    Fault,
    correction_metrics,
    counting_metrics,
    form_metrics,
    ranked_corrections,
    session_metrics,
)
from serving_targets.coach.movement.angles import ANGLES
from serving_targets.coach.movement.skeleton import LAYOUT, SkeletonReader, places
from serving_targets.coach.recognition import HOP_SECONDS, Model
from serving_targets.coach.settings import read_references
from serving_targets.coach.timeline import Correction, Timeline, labels_at
from serving_targets.sandbox.sandboxed_classifier import SandboxedClassifier

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_BEND_DEGREES = 25.0
_MOST_BENDS = 24
"""Bends that the correction rate is measured with."""
_LEAST_COUNTED, _LEAST_JUDGED, _LEAST_BACKGROUND_SECONDS = 5, 5, 10.0
"""Fewer recordings, or less background, say nothing."""
_LEAST_RATED = 20
"""Good recordings, and bad ones, for the AUC of the form: with 20 of each its standard error is 0.09."""


@dataclass(frozen=True)
class SessionFigures:
    """What was measured.

    Attributes:
        figures: name to value; without those that the data cannot give.
        missing: name of each figure that the data cannot give, to the reason.
        sessions: number of sessions.
        recordings: number of recordings of one movement.
        seconds: duration of all of them.
    """

    figures: dict[str, float]
    missing: dict[str, str]
    sessions: int
    recordings: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return asdict(self)


def measure_bundle(
    bundle_dir: Path,
    data_dir: Path,
    split: str | None = None,
    span: int | None = None,
    key: Ed25519PublicKey | None = None,
) -> SessionFigures:
    """Measure the coach of a bundle on all sessions and recordings of canonical data, offline and live.

    Args:
        bundle_dir: folder of a version or of a target.
        data_dir: folder with `span-N/` folders.
        split: split to measure on, as recorded in the data; None for everything.
        span: number of the span; None for the latest.
        key: key that must have signed the bundle; None if any bundle may be measured.

    Raises:
        InputError: the bundle or the data cannot be used, or the split is empty.
    """
    bundle = load_bundle(bundle_dir, key)
    manifest, folder = bundle.manifest, span_folder(data_dir, span)
    references = read_references(bundle.folder) or build_references({})
    chosen = [each for each in read_sequences(folder) if split is None or each.split == split]
    if not chosen:
        raise InputError(f"no sequence is in split {split!r}", str(folder), "leave --split out, or name another split")
    with SandboxedClassifier(bundle.int8_model, manifest.window_shape, len(manifest.labels)) as sandbox:
        model = shipped_model(bundle, sandbox.predict)
        return measure_coach(model, references, chosen, good_quality=GOOD_QUALITY, seconds=math.inf, live=True)


GOOD_QUALITY = 0.7
"""Quality from which a performance is good, unless a configuration says otherwise."""


@dataclass(frozen=True)
class _Judged:
    """A recording of one movement, and what the coach found in it."""

    recording: KeypointSequence
    timeline: Timeline
    is_good: bool


def measure_coach(
    model: Model,
    references: References,
    recordings: Iterable[KeypointSequence],
    *,
    good_quality: float,
    seconds: float,
    live: bool = False,
    timed: Callable[[], Model] | None = None,
) -> SessionFigures:
    """Measure a coach.

    Args:
        model: classifier with its settings.
        references: references of the movements.
        recordings: sessions and recordings of people that training has not seen.
        good_quality: smallest quality of a performance that is good.
        seconds: length of the sessions, and of the recordings, that are used at most.
        live: whether to recognise the sessions live, too, which takes as long again.
        timed: function that returns the same model in this process, for the time of a frame; called at the end. None if
            the model runs in a process of its own, so that the time of a frame cannot be measured.
    """
    sessions, clips = _chosen(recordings, seconds)
    figures: dict[str, float] = {}
    missing: dict[str, str] = {}
    _measure_sessions(model, references, sessions, figures, missing, live=live)
    judged = []
    for clip in clips:
        coach = Coach(clip.layout, model, references, offline=True)
        timeline = follow_recording(coach, clip.keypoints, clip.frame_times, clip.sequence_id)
        judged.append(_Judged(clip, timeline, clip.quality is None or clip.quality >= good_quality))
    _measure_counts(judged, figures, missing)
    _measure_form(judged, references, figures, missing)
    _measure_corrections(judged, references, figures, missing)
    if timed:
        _measure_time(timed(), references, [*sessions, *clips], figures, missing)
    else:
        missing["frame_ms"] = "the model runs in a process of its own"
    return SessionFigures(
        figures, missing, len(sessions), len(clips), round(sum(map(_seconds, [*sessions, *clips])), 1)
    )


def _chosen(
    recordings: Iterable[KeypointSequence], seconds: float
) -> tuple[list[KeypointSequence], list[KeypointSequence]]:
    """Return sessions, and recordings of one movement, each kind up to a duration.

    Of the recordings, those of each movement and quality take turns, so that all occur in a short selection.
    """
    sessions = _Limited(seconds)
    turns: dict[tuple[str, float | None], _Limited] = defaultdict(lambda: _Limited(seconds))
    for each in recordings:
        if each.segments:
            sessions.add(each)
        elif each.label not in BACKGROUND_LABELS:
            turns[each.label, None if each.quality is None else round(each.quality)].add(each)
    longest = max((len(kind.kept) for kind in turns.values()), default=0)
    ordered = (kind.kept[turn] for turn in range(longest) for kind in turns.values() if turn < len(kind.kept))
    return sessions.kept, list(limited(ordered, seconds))


@dataclass
class _Limited:
    """Recordings that are kept until they last a number of seconds, so that no large test split is held in memory."""

    left: float
    kept: list[KeypointSequence] = field(default_factory=list)

    def add(self, recording: KeypointSequence) -> None:
        if self.left > 0:
            self.left -= _seconds(recording)
            self.kept.append(recording)


def limited(recordings: Iterable[KeypointSequence], seconds: float) -> Iterator[KeypointSequence]:
    """Yield recordings until they last a number of seconds; at least one."""
    left = seconds
    for each in recordings:
        if left <= 0:
            return
        left -= _seconds(each)
        yield each


def true_labels(session: KeypointSequence) -> list[str]:
    """Return the label of each frame of a session; `BACKGROUND` outside segments."""
    labels = np.full(len(session.keypoints), BACKGROUND, dtype=object)
    for segment in session.segments:
        labels[segment.start_frame : segment.end_frame] = without_synonyms(segment.label)
    return labels.tolist()


def _measure_sessions(
    model: Model,
    references: References,
    sessions: Sequence[KeypointSequence],
    figures: dict[str, float],
    missing: dict[str, str],
    *,
    live: bool,
) -> None:
    """Recognise the sessions, offline and perhaps live, and count what is counted in the background."""
    names = ("frame_accuracy", "edit", "f1_10", "f1_25", "f1_50")
    if not sessions:
        missing |= dict.fromkeys((*names, "false_counts_per_minute"), "there is no session in the test split")
        return
    truth = [true_labels(session) for session in sessions]
    for prefix, offline in (("", True), ("live_", False))[: 2 if live else 1]:
        found, false, background = [], 0.0, 0.0
        for session, true in zip(sessions, truth, strict=True):
            coach = Coach(session.layout, model, references, offline=offline)
            timeline = follow_recording(coach, session.keypoints, session.frame_times, session.sequence_id)
            times = session.frame_times - session.frame_times[0]
            found.append(labels_at(timeline.segments, times))
            outside = np.array([label == BACKGROUND for label in true])
            background += outside.mean() * _seconds(session)
            false += _false_counts(timeline, times, outside)
        measured = {name: value for name, value in asdict(session_metrics(truth, found)).items() if value is not None}
        figures |= {f"{prefix}{name}": value for name, value in measured.items()}
        if background >= _LEAST_BACKGROUND_SECONDS:
            figures[f"{prefix}false_counts_per_minute"] = 60 * false / background
        else:
            missing["false_counts_per_minute"] = f"the sessions have {background:.0f} s of background"


def _false_counts(timeline: Timeline, times: np.ndarray, outside: np.ndarray) -> float:
    """Return the repetitions that were counted in the background: of each segment the share outside all movements."""
    false = 0.0
    for segment in timeline.segments:
        inside = (times >= segment.start) & (times < segment.end)
        if inside.any():
            false += segment.repetitions * float(outside[inside].mean())
    return false


def _measure_counts(judged: Sequence[_Judged], figures: dict[str, float], missing: dict[str, str]) -> None:
    names = ("exact", "off_by_one", "mae")
    counted = [each for each in judged if each.recording.repetitions and each.recording.repetitions >= 1]
    for prefix, of in (("", True), ("bad_", False)):
        chosen = [each for each in counted if each.is_good is of]
        if len(chosen) >= _LEAST_COUNTED:
            true = [round(each.recording.repetitions or 0) for each in chosen]
            found = asdict(counting_metrics(true, [each.timeline.repetitions for each in chosen]))
            figures |= {f"{prefix}count_{name}": found[name] for name in names}
        elif of:
            why = f"{len(chosen)} good recordings in the test split say how many repetitions they have"
            missing |= {f"count_{name}": why for name in names}


def _measure_form(
    judged: Sequence[_Judged], references: References, figures: dict[str, float], missing: dict[str, str]
) -> None:
    by_label: dict[str, list[_Judged]] = defaultdict(list)
    for each in judged:
        if each.recording.quality is not None and each.recording.label in references.movements:
            by_label[each.recording.label].append(each)
    of_both = [group for group in by_label.values() if len({each.is_good for each in group}) == 2]
    clips = [(each.recording.label, each.is_good, each.timeline.score) for group in of_both for each in group]
    good, bad = (sum(is_good is which for _, is_good, _ in clips) for which in (True, False))
    if min(good, bad) < _LEAST_RATED:
        missing["form_auc"] = f"{good} good and {bad} bad recordings in the test split have a quality and a reference"
        return
    found = form_metrics(clips)
    figures |= {"form_auc": found.mean_auc, "form_balanced_accuracy": found.balanced_accuracy}


def _measure_corrections(
    judged: Sequence[_Judged], references: References, figures: dict[str, float], missing: dict[str, str]
) -> None:
    """Count corrections of good recordings, and bend one joint in them; the movement is then known.

    A recording without a quality may be a bad one, or of something that has no form, such as throwing something away.
    """
    rated = [each for each in judged if each.is_good and each.recording.quality is not None]
    good = [each for each in rated if each.recording.label in references.movements]
    if len(good) < _LEAST_JUDGED:
        why = f"{len(good)} recordings in the test split are known to be good and have a reference"
        missing |= dict.fromkeys(("false_alarms", "correction_rate"), why)
        return
    alarms = correction_metrics((None, ranked_corrections(each.timeline.segments)) for each in good).false_alarms
    assert alarms is not None
    figures["false_alarms"] = alarms
    if any(each.recording.keypoints.shape[-1] < 4 for each in good):
        missing["correction_rate"] = "a joint is bent by a known angle in 3-D poses only"
        return
    trials = list(_bends(good, references))
    found = correction_metrics(trials)
    if len(trials) < _LEAST_JUDGED or found.top1 is None or found.top3 is None:
        missing["correction_rate"] = f"{len(trials)} joints could be bent"
    else:
        figures |= {"correction_rate": found.top1, "correction_top3": found.top3}


def _bends(good: Sequence[_Judged], references: References) -> Iterator[tuple[Fault, list[Correction]]]:
    random = np.random.default_rng(0)
    for number in range(_MOST_BENDS):
        recording = good[number % len(good)].recording
        reader = SkeletonReader(recording.layout)
        poses = reader.read(recording.keypoints)
        angle = str(random.choice(ANGLES))
        change = _BEND_DEGREES * float(random.choice([-1, 1]))
        with np.errstate(invalid="ignore"):
            turned = bent(places(poses), angle, np.full(len(poses), change))
        if turned is None or not np.isfinite(turned).any():
            continue
        coach = Coach(LAYOUT, None, references, label=recording.label, offline=True)
        altered = np.concatenate([np.nan_to_num(turned), poses[..., 3:]], axis=-1)
        timeline = follow_recording(coach, altered, recording.frame_times)
        yield fault(angle, change, throughout=True), ranked_corrections(timeline.segments)


def _measure_time(
    model: Model,
    references: References,
    recordings: Sequence[KeypointSequence],
    figures: dict[str, float],
    missing: dict[str, str],
) -> None:
    """Measure the processor time of a frame, live, as a mean over each step of the recognition."""
    means: list[float] = []
    for recording in limited(recordings, _TIMED_SECONDS):
        coach = Coach(recording.layout, model, references)
        step = max(round(HOP_SECONDS * recording.frame_rate), 1)
        spent = []
        start = recording.frame_times[0]
        for pose, moment in zip(recording.keypoints, recording.frame_times, strict=True):
            if moment - start > _TIMED_SECONDS:
                break
            before = time.process_time()
            coach.push(pose, float(moment))
            spent.append(time.process_time() - before)
        means += [float(np.mean(spent[i : i + step])) for i in range(0, len(spent) - step + 1, step)]
    if means:
        figures |= {"frame_ms": 1000 * float(np.quantile(means, 0.95)), "mean_frame_ms": 1000 * float(np.mean(means))}
    else:
        missing["frame_ms"] = "there is no recording in the test split"


_TIMED_SECONDS = 30.0
"""Length of the recordings that the time for a frame is measured with."""


def _seconds(recording: KeypointSequence) -> float:
    times = recording.frame_times
    return float(times[-1] - times[0]) + 1 / recording.fps
