"""The signal of a movement: joint angles and places in the body's axes, one row for each pose."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serving_targets.coach.movement.angles import ANGLES, MIRRORED_ANGLES, joint_angles
from serving_targets.coach.movement.skeleton import JOINT, Poses, body_poses, places

PLACES = (
    "head",
    *(
        f"{side}_{part}"
        for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    ),
)
"""Joints whose places are part of the signal."""
DEGREES_PER_TORSO = 60.0
"""A torso length counts as much as this angle: about what an arm moves its hand by when it turns by it."""
CHANNELS = len(ANGLES) + 3 * len(PLACES)

Signal = npt.NDArray[np.float64]

_INDICES = [JOINT[name] for name in PLACES]
_SWAPPED = [0, *(i + 1 if i % 2 else i - 1 for i in range(1, len(PLACES)))]


def body_signal(poses: Poses) -> Signal:
    """Return the signal `[T, 48]` of poses `[T, 20, 4]`: angles in degrees, then places; NaN if missing."""
    positions = body_poses(poses)[:, _INDICES].reshape(len(poses), -1) * DEGREES_PER_TORSO
    return np.concatenate([joint_angles(places(poses)), positions], axis=1)


def mirrored(signal: Signal) -> Signal:
    """Return what the signal `[..., 48]` is for the mirror image."""
    angles, positions = signal[..., : len(ANGLES)], signal[..., len(ANGLES) :]
    positions = positions.reshape(*positions.shape[:-1], len(PLACES), 3)[..., _SWAPPED, :] * (-1, 1, 1)
    return np.concatenate([angles[..., MIRRORED_ANGLES], positions.reshape(*signal.shape[:-1], -1)], axis=-1)


def without_gaps(signal: Signal) -> Signal:
    """Return the signal with missing values interpolated over time; a channel that is never known is 0."""
    filled = signal.copy()
    missing = np.isnan(signal)
    never = missing.all(axis=0)
    filled[:, never] = 0.0
    moments = np.arange(len(signal))
    for channel in np.flatnonzero(missing.any(axis=0) & ~never):
        known = np.flatnonzero(~missing[:, channel])
        filled[:, channel] = np.interp(moments, known, signal[known, channel])
    return filled


def resampled(signal: Signal, length: int, start: float = 0.0, end: float | None = None) -> Signal:
    """Return `length` rows that are evenly spaced from row `start` to before row `end`, interpolated linearly."""
    end = len(signal) if end is None else end
    at = np.clip(start + (end - start) * np.arange(length) / length, 0, len(signal) - 1)
    before = np.floor(at).astype(int)
    after = np.minimum(before + 1, len(signal) - 1)
    share = (at - before)[:, None]
    return signal[before] * (1 - share) + signal[after] * share
