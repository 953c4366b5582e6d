"""Chooses the settings of the coach: temperature, durations, and how to recognise movements in sessions."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from components.artifacts.sandboxed_model import UnusableModelError, sandboxed_model
from components.coach_calibrator.heads import with_heads, with_networks
from components.coach_calibrator.pose_heads import Moved, moved
from components.coach_calibrator.replay import Replay, score
from components.coach_calibrator.search import best_of, loss_at, temperature_of
from data.sessions.background import BACKGROUND, BACKGROUND_LABELS
from data.windows import WindowSpec, cut_windows
from payloads.coach_record import CalibrationRecord
from payloads.recordings import read_recordings
from payloads.sequences import read_sequences
from serving_targets.coach.recognition import Model
from serving_targets.coach.settings import CoachSettings, Duration
from serving_targets.contract import read_contract
from serving_targets.session_evaluation import limited, true_labels

MOST_WINDOWS = 500
"""Windows that choose the temperature; more do not change it."""
_EXPONENTS = (0.0, 0.5, -0.5)
"""How far the shares of the labels in training are divided out; less than 0 if training divided out too much."""
_WEIGHTS = (1.0, 0.25, 0.5, 2.0, 4.0)
"""Factors of the background's probability, for a model that knows the background."""
_BACKGROUNDS = (0.4, 0.2, 0.3, 0.5, 0.6)
"""Levels of the background for a model that does not."""
_FITTED_SECONDS = 3600.0
"""Length of the sessions of the training split that networks are fitted to."""
_LONGEST_MINIMUM, _LONGEST_TYPICAL = 60.0, 3600.0
"""Limits of `Duration`."""


def calibrate(int8_model: Path, examples: Path, seconds: float) -> tuple[CoachSettings, CalibrationRecord]:
    """Choose the settings of a model; the usual ones if its file cannot be run, which the gates find, too.

    Args:
        int8_model: TFLite file with a contract.
        examples: folder of the Examples artifact.
        seconds: length of the sessions that are used, in seconds.
    """
    durations = _durations(examples)
    usual = CoachSettings(durations=durations)
    try:
        with sandboxed_model(int8_model, usual) as model:
            contract = read_contract(int8_model)
            assert contract is not None, "the sandbox has read it"
            settings, record = _calibrated(model, contract.window_spec, examples, seconds)
    except UnusableModelError as error:
        return usual, CalibrationRecord(windows=0, sessions=0, reasons={"everything": str(error)})
    if not durations:
        record.reasons["durations"] = "the training split has no sessions"
    return settings, record


def _calibrated(
    model: Model, spec: WindowSpec, examples: Path, seconds: float
) -> tuple[CoachSettings, CalibrationRecord]:
    reasons: dict[str, str] = {}
    probabilities, truth = _windows(model, spec, examples)
    losses: dict[str, float] = {}
    if len(truth):
        temperature = temperature_of(probabilities, truth)
        losses["loss_before"] = loss_at(probabilities, truth, 1.0)
        losses["loss_after"] = loss_at(probabilities, truth, temperature)
        settings = model.settings.model_copy(update={"temperature": round(temperature, 3)})
    else:
        settings = model.settings
        reasons["temperature"] = "there is no eval split"
    sessions = list(limited((each for each in read_recordings(examples, "eval") if each.segments), seconds))
    found = None
    if sessions:
        shares = _shares(examples, model.labels)
        replays = [Replay.of(replace(model, settings=settings), each) for each in sessions]
        plain, best = _by_sessions(replace(model, settings=settings), replays, shares)
        chosen, reason = with_heads(model, replays, plain, best)
        reasons |= {"heads": reason} if reason else {}
        chosen, reason = with_networks(model, _moved(model, examples), replays, chosen)
        reasons |= {"networks": reason} if reason else {}
        settings, found = chosen.settings, chosen.score
    else:
        reasons["priors, background, heads, networks"] = "the eval split has no sessions"
    record = CalibrationRecord(
        windows=len(truth), sessions=len(sessions), session_score=found, reasons=reasons, **losses
    )
    return settings, record


def _windows(model: Model, spec: WindowSpec, examples: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities `[N, K]` and label numbers `[N]` of windows of the eval split, as many of each recording."""
    clips = [clip for recording in read_recordings(examples, "eval") for clip in recording.clips()]
    clips = [clip for clip in clips if clip.label in model.labels]
    each = max(1, MOST_WINDOWS // max(len(clips), 1))
    rows, truth = [], []
    for clip in clips[:: max(1, len(clips) // MOST_WINDOWS)]:
        windows = list(cut_windows(clip, spec))
        for window in windows[:: max(1, len(windows) // each)][:each]:
            rows.append(model.classify(np.ascontiguousarray(window.keypoints)))
            truth.append(model.labels.index(clip.label))
    return np.array(rows), np.array(truth, int)


def _moved(model: Model, examples: Path) -> list[Moved]:
    """Return how people move in the sessions of the training split."""
    sessions = (each for each in read_recordings(examples, "train") if each.segments)
    return [
        part
        for each in limited(sessions, _FITTED_SECONDS)
        for part in moved(model, each.keypoints, each.frame_times, true_labels(each))
    ]


def _durations(examples: Path) -> dict[str, Duration]:
    """Return the durations of movements and background in the sessions of the training split."""
    lengths: dict[str, list[float]] = {}
    for session in read_recordings(examples, "train"):
        if not session.segments:
            continue
        times = np.append(session.frame_times, session.frame_times[-1] + 1 / session.fps)
        bounds = [0, *(frame for each in session.segments for frame in (each.start_frame, each.end_frame))]
        for segment in session.segments:
            lengths.setdefault(segment.label, []).append(times[segment.end_frame] - times[segment.start_frame])
        gaps = [(end, start) for end, start in pairwise([*bounds, len(times) - 1])][::2]
        lengths.setdefault(BACKGROUND, []).extend(float(times[b] - times[a]) for a, b in gaps if b > a)
    return {
        label: Duration(
            minimum=round(min(max(0.8 * float(np.quantile(seconds, 0.05)), 0.2), _LONGEST_MINIMUM), 3),
            typical=round(min(float(np.mean(seconds)), _LONGEST_TYPICAL), 3),
        )
        for label, seconds in lengths.items()
        if seconds
    }


def _shares(examples: Path, labels: tuple[str, ...]) -> dict[str, float]:
    """Return the share of each label in the windows of the training split."""
    counts = Counter[str]()
    for row in read_sequences(examples):
        if row.split == "train" and row.label in labels:
            counts[row.label] += row.windows
    total = counts.total()
    return {label: count / total for label, count in counts.items() if count}


def _by_sessions(model: Model, replays: list[Replay], shares: dict[str, float]) -> tuple[CoachSettings, float]:
    """Return the settings with the best priors and background, and their score in the sessions."""

    def with_priors(exponent: float, weight: float = 1.0) -> CoachSettings:
        factors = {label: weight if label in BACKGROUND_LABELS else 1.0 for label in shares}
        priors = {label: share**exponent / factors[label] for label, share in shares.items()}
        greatest = max(priors.values(), default=1.0)
        rounded = {label: max(round(prior / greatest, 5), 1e-5) for label, prior in priors.items()}
        return model.settings.model_copy(update={"priors": rounded if len(set(rounded.values())) > 1 else {}})

    exponent, best = best_of(_EXPONENTS, lambda value: score(replays, with_priors(value)))
    chosen = with_priors(exponent)
    if BACKGROUND_LABELS & set(model.labels):
        weight, best = best_of(_WEIGHTS, lambda value: score(replays, with_priors(exponent, value)))
        return with_priors(exponent, weight), best
    levels = {value: chosen.model_copy(update={"background": value}) for value in _BACKGROUNDS}
    background, best = best_of(levels, lambda value: score(replays, levels[value]))
    return levels[background], best
