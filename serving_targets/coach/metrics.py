"""Metrics of the coach: sessions, counting, form and corrections.

Frame accuracy, edit score and F1 by overlap are defined as in Farha and Gall, MS-TCN: Multi-Stage Temporal
Convolutional Network for Action Segmentation, CVPR 2019, with background left out of edit and F1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from serving_targets.coach.timeline import BACKGROUND, Correction, Segment, runs

GOOD = 70.0
"""Lowest score that means good form."""
OVERLAPS = (0.1, 0.25, 0.5)


@dataclass(frozen=True)
class SessionMetrics:
    """Recognition in sessions.

    Attributes:
        frame_accuracy: share of frames with the right label, background included.
        action_frame_accuracy: the same over frames that belong to a movement; None if there are none.
        edit: mean edit score of the sessions.
        f1_10: F1 of segments that overlap by 10 % at least.
        f1_25: the same for 25 %.
        f1_50: the same for 50 %.
    """

    frame_accuracy: float
    action_frame_accuracy: float | None
    edit: float
    f1_10: float
    f1_25: float
    f1_50: float


def session_metrics(true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> SessionMetrics:
    """Compare the labels of the frames of sessions.

    Args:
        true: for each session, the label of each frame; `BACKGROUND` outside movements.
        predicted: the same, as predicted.
    """
    if not true or any(len(a) != len(b) for a, b in zip(true, predicted, strict=True)):
        raise ValueError("sessions must be given, with as many predicted as true labels")
    pairs = [(a, b) for left, right in zip(true, predicted, strict=True) for a, b in zip(left, right, strict=True)]
    in_action = [a == b for a, b in pairs if a != BACKGROUND]
    f1 = [overlap_f1(true, predicted, overlap) for overlap in OVERLAPS]
    return SessionMetrics(
        frame_accuracy=_mean(a == b for a, b in pairs),
        action_frame_accuracy=_mean(in_action) if in_action else None,
        edit=_mean(edit_score(a, b) for a, b in zip(true, predicted, strict=True)),
        f1_10=f1[0],
        f1_25=f1[1],
        f1_50=f1[2],
    )


def edit_score(true: Sequence[str], predicted: Sequence[str]) -> float:
    """Return 1 - Levenshtein distance between the orders of segments / length of the longer; 1 if both are empty."""
    first, second = ([label for label, _, _ in _segments(labels)] for labels in (true, predicted))
    longest = max(len(first), len(second))
    return 1 - _levenshtein(first, second) / longest if longest else 1.0


def _levenshtein(first: Sequence[str], second: Sequence[str]) -> int:
    row = list(range(len(second) + 1))
    for i, one in enumerate(first, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(second, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (one != other))
    return row[-1]


def overlap_f1(true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], overlap: float) -> float:
    """Return the F1 score of segments, with hits, false and missed segments summed over all sessions.

    Args:
        true: for each session, the label of each frame.
        predicted: the same, as predicted.
        overlap: intersection over union that a hit needs at least.
    """
    hits = false = missed = 0
    for left, right in zip(true, predicted, strict=True):
        truth, found = _segments(left), _segments(right)
        matched: set[int] = set()
        for label, start, end in found:
            best, place = max(
                ((_iou(start, end, a, b) if name == label else 0.0, -i) for i, (name, a, b) in enumerate(truth)),
                default=(0.0, 0),
            )
            if truth and best >= overlap and -place not in matched:
                matched.add(-place)
        hits += len(matched)
        false += len(found) - len(matched)
        missed += len(truth) - len(matched)
    total = 2 * hits + false + missed
    return 2 * hits / total if total else 1.0


def _segments(labels: Sequence[str]) -> list[tuple[str, int, int]]:
    return [run for run in runs(labels) if run[0] != BACKGROUND]


def _iou(start: int, end: int, other_start: int, other_end: int) -> float:
    common = min(end, other_end) - max(start, other_start)
    return max(common, 0) / (max(end, other_end) - min(start, other_start))


def causal_agreement(whole: Sequence[str], cut: Sequence[str], times: np.ndarray, look_ahead: float = 1.0) -> float:
    """Return the share of frames whose label does not change when the session is longer.

    Args:
        whole: labels of the frames of the whole session.
        cut: labels of its first frames, as predicted from these alone.
        times: times of the frames of `cut`, in seconds.
        look_ahead: seconds before the cut whose labels are not compared.
    """
    compared = np.flatnonzero(times <= times[-1] - look_ahead).tolist()
    return _mean(whole[i] == cut[i] for i in compared) if len(compared) else 1.0


@dataclass(frozen=True)
class CountingMetrics:
    """Counts of recordings against the true ones.

    Attributes:
        exact: share of recordings whose rounded count is the true one.
        off_by_one: share of recordings whose rounded count is at most 1 away.
        mae: mean absolute error, without rounding.
        relative_mae: mean absolute error divided by the true count.
    """

    exact: float
    off_by_one: float
    mae: float
    relative_mae: float


def counting_metrics(true: Sequence[int], counted: Sequence[float]) -> CountingMetrics:
    """Compare counts of whole recordings, which have at least one repetition each."""
    errors = [abs(count - number) for number, count in zip(true, counted, strict=True)]
    rounded = [abs(math.floor(count + 0.5) - number) for number, count in zip(true, counted, strict=True)]
    return CountingMetrics(
        exact=_mean(error == 0 for error in rounded),
        off_by_one=_mean(error <= 1 for error in rounded),
        mae=_mean(errors),
        relative_mae=_mean(error / number for error, number in zip(errors, true, strict=True)),
    )


@dataclass(frozen=True)
class LiveMetrics:
    """Counts of recordings that end in the midst of a repetition, without rounding.

    Attributes:
        mae: mean absolute error.
        off_by_one: share of errors of 1 at most.
        within_half: share of errors of 0.5 at most.
    """

    mae: float
    off_by_one: float
    within_half: float


def live_metrics(true: Sequence[float], counted: Sequence[float]) -> LiveMetrics:
    """Compare fractional counts."""
    errors = [abs(count - number) for number, count in zip(true, counted, strict=True)]
    return LiveMetrics(_mean(errors), _mean(error <= 1 for error in errors), _mean(error <= 0.5 for error in errors))


@dataclass(frozen=True)
class FormMetrics:
    """Scores of good and bad performances.

    Attributes:
        mean_auc: mean over movements of the chance that a good clip scores above a bad one; ties count half.
        balanced_accuracy: mean of the shares of good clips with 70 or more and of bad clips below 70.
        auc: movement to its own figure.
    """

    mean_auc: float
    balanced_accuracy: float
    auc: dict[str, float]


def form_metrics(clips: Iterable[tuple[str, bool, float | None]]) -> FormMetrics:
    """Compare scores with the truth.

    Args:
        clips: label, whether the form is good, and score; a clip without score counts as judged wrongly.

    Raises:
        ValueError: there is no movement with both good and bad clips.
    """
    scores: dict[str, dict[bool, list[float]]] = {}
    for label, good, score in clips:
        known = score if score is not None else (0.0 if good else 100.0)
        scores.setdefault(label, {True: [], False: []})[good].append(known)
    auc = {label: area_under_curve(by[True], by[False]) for label, by in scores.items() if by[True] and by[False]}
    if not auc:
        raise ValueError("no movement has both good and bad clips")
    right_good = _mean(score >= GOOD for by in scores.values() for score in by[True])
    right_bad = _mean(score < GOOD for by in scores.values() for score in by[False])
    balanced = (right_good + right_bad) / 2
    return FormMetrics(_mean(auc.values()), balanced, auc)


def area_under_curve(good: Sequence[float], bad: Sequence[float]) -> float:
    """Return the share of pairs in which the good one has the higher score; ties count half."""
    difference = np.subtract.outer(np.asarray(good, float), np.asarray(bad, float))
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))


@dataclass(frozen=True)
class Fault:
    """The one known fault of a recording.

    Attributes:
        joint: angle that was changed.
        direction: what the person must do to undo it.
        degrees: by how much it was changed.
        throughout: whether it was changed all the time, not only around the extreme of each repetition.
    """

    joint: str
    direction: str
    degrees: float
    throughout: bool


@dataclass(frozen=True)
class CorrectionMetrics:
    """Corrections against known faults; figures that cannot be measured are None.

    Attributes:
        top1: share of faults for which the first correction has joint and direction right.
        top1_joint: the same for the joint alone.
        top3: share of faults that one of the first three corrections has right.
        any: share of faults for which something was said.
        degrees_error: mean error of the degrees where `top1` is right and the fault is throughout.
        false_alarms: share of recordings without fault for which something was said.
        named_when_good: mean number of corrections for these.
    """

    top1: float | None
    top1_joint: float | None
    top3: float | None
    any: float | None
    degrees_error: float | None
    false_alarms: float | None
    named_when_good: float | None


def correction_metrics(trials: Iterable[tuple[Fault | None, Sequence[Correction]]]) -> CorrectionMetrics:
    """Compare ranked corrections with the known fault of each recording; None if the recording has none."""
    faulty, good, errors = [], [], []
    for fault, named in trials:
        if fault is None:
            good.append(len(named))
            continue
        said = [(*_plain(each.joint, each.direction), each.degrees) for each in named]
        right = [(joint, direction) == (fault.joint, fault.direction) for joint, direction, _ in said]
        faulty.append((any(right[:1]), bool(said) and said[0][0] == fault.joint, any(right[:3]), bool(said)))
        if any(right[:1]) and fault.throughout:
            errors.append(abs(said[0][2] - fault.degrees))
    top1, joint, top3, anything = map(_mean, zip(*faulty, strict=True)) if faulty else (None,) * 4
    return CorrectionMetrics(
        top1=top1,
        top1_joint=joint,
        top3=top3,
        any=anything,
        degrees_error=_mean(errors) if errors else None,
        false_alarms=_mean(count > 0 for count in good) if good else None,
        named_when_good=_mean(good) if good else None,
    )


def ranked_corrections(segments: Sequence[Segment]) -> list[Correction]:
    """Return the corrections of a sequence, ranked by the sum over segments of 1 / place, ties by degrees."""
    points: dict[tuple[str, str], float] = {}
    strongest: dict[tuple[str, str], Correction] = {}
    for segment in segments:
        for place, each in enumerate(segment.corrections, 1):
            key = each.joint, each.direction
            points[key] = points.get(key, 0.0) + 1 / place
            if key not in strongest or each.degrees > strongest[key].degrees:
                strongest[key] = each
    return sorted(strongest.values(), key=lambda each: (-points[each.joint, each.direction], -each.degrees))


_SAME: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "elbow": ("shoulder", {"raise": "raise", "lower": "lower"}),
    "wrist": ("shoulder", {"raise": "raise", "lower": "lower"}),
    "knee": ("hip", {"raise": "bend", "lower": "straighten"}),
    "ankle": ("hip", {"raise": "bend", "lower": "straighten"}),
}
"""What raising or lowering the end of a limb means for the joint that moves it."""


def _plain(joint: str, direction: str) -> tuple[str, str]:
    side, _, name = joint.rpartition("_")
    moved_by, directions = _SAME.get(name, ("", {}))
    return (f"{side}_{moved_by}", directions[direction]) if direction in directions else (joint, direction)


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
