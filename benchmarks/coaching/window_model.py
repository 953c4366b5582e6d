"""A classifier of windows that trains in seconds, in the place of the pipeline's network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.coaching.recordings import FPS, Session
from components.coach_calibrator.pose_heads import fit_pose_heads, moved
from serving_targets.coach.head import Answered, fit_heads
from serving_targets.coach.movement.signals import body_signal, without_gaps
from serving_targets.coach.recognition import HOP_SECONDS, Model, answers_of
from serving_targets.coach.settings import CoachSettings, Duration

WINDOW = 60
"""Frames of a window of the sessions' classifier."""


def window_features(window: np.ndarray) -> np.ndarray:
    """Return features of a window `[WINDOW, 20, 4]`: the signal at twelve moments, its speed, its extent and path."""
    signal = without_gaps(body_signal(window[:: WINDOW // 12]))
    moments = signal[:12]
    path = window[[-1], 0, :3] - window[[0], 0, :3]
    return np.concatenate(
        [moments.ravel() / 3, 2 * np.diff(moments, axis=0).ravel(), 2 * signal.std(axis=0), 60 * np.abs(path).ravel()]
    )


_SHARE = 0.6
"""Share of the networks of poses."""
GRID_SECONDS = 0.8
"""Time between two windows of the training."""


def train_model(sessions: list[Session]) -> Model:
    """Train a classifier of windows, heads on its answers for people whom it has not seen, and networks of poses."""
    classify, settings, labels = train_classifier(sessions)
    answered = []
    for person in sorted({each.person for each in sessions}):
        others, _, known = train_classifier([each for each in sessions if each.person != person])
        model = Model(others, tuple(known), "kinect20", 4, WINDOW, FPS)
        for session in (each for each in sessions if each.person == person):
            answers, times = answers_of(model, session.poses, session.times)
            nearest = np.searchsorted(session.times, times).clip(0, len(session.times) - 1)
            answered.append(Answered(answers, [session.labels[frame] for frame in nearest]))
    heads = fit_heads(answered, round(WINDOW / FPS / HOP_SECONDS))
    model = Model(classify, tuple(labels), "kinect20", 4, WINDOW, FPS, settings.model_copy(update={"heads": heads}))
    parts = [part for each in sessions for part in moved(model, each.poses, each.times, each.labels)]
    poses = fit_pose_heads(parts, _SHARE)
    return replace(model, settings=model.settings.model_copy(update={"poses": poses}))


def train_classifier(sessions: list[Session]) -> tuple[Callable[[np.ndarray], np.ndarray], CoachSettings, list[str]]:
    """Train kernel ridge regression on windows that are labelled by their middle."""
    labels = sorted({label for session in sessions for label in session.labels})
    rows, targets = [], []
    for session in sessions:
        grid = np.arange(0, session.times[-1], GRID_SECONDS)
        nearest = np.searchsorted(session.times, grid).clip(0, len(session.times) - 1)
        for moment, frame in zip(grid, nearest, strict=True):
            wanted = np.searchsorted(session.times, moment + (np.arange(WINDOW) - WINDOW // 2) / FPS)
            rows.append(window_features(session.poses[wanted.clip(0, len(session.times) - 1)]))
            targets.append(labels.index(session.labels[frame]))
    given, truth = np.stack(rows), np.array(targets)
    mean, spread = given.mean(axis=0), given.std(axis=0) + 1
    given = (given - mean) / spread
    width = given.shape[1]
    counts = np.bincount(truth, minlength=len(labels))
    weights = (1 / np.sqrt(counts))[truth]
    kernel = np.exp(-_squares(given, given) / width)
    scaled = kernel * weights[:, None] * weights
    dual = np.linalg.solve(scaled + 3e-3 * np.diag(weights**2), weights[:, None] * np.eye(len(labels))[truth])
    dual *= weights[:, None]

    known: dict[bytes, np.ndarray] = {}

    def classify(window: np.ndarray) -> np.ndarray:
        key = hashlib.sha256(window.tobytes()).digest()  # a session is followed offline and live
        if key not in known:
            known[key] = answer(window)
        return known[key]

    def answer(window: np.ndarray) -> np.ndarray:
        row = (window_features(window) - mean) / spread
        scores = np.exp(-_squares(row[None], given) / width) @ dual
        shares = np.exp(5 * (scores[0] - scores.max()))
        return shares / shares.sum()

    lengths: dict[str, list[float]] = {}
    for session in sessions:
        changes = [0, *(i for i in range(1, len(session.labels)) if session.labels[i] != session.labels[i - 1])]
        for start, end in zip(changes, [*changes[1:], len(session.labels)], strict=True):
            seconds = float(session.times[end - 1] - session.times[start])
            lengths.setdefault(session.labels[start], []).append(seconds)
    durations = {
        label: Duration(minimum=max(float(np.quantile(seconds, 0.05)) * 0.8, 0.2), typical=float(np.mean(seconds)))
        for label, seconds in lengths.items()
    }
    # Background fills most of a session. Half of its advantage is in the weights already, the rest is divided out.
    priors = dict(zip(labels, np.sqrt(counts / counts.sum()).tolist(), strict=True))
    return classify, CoachSettings(durations=durations, priors=priors), labels


def _squares(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1) - 2 * first @ second.T
