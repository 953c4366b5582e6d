"""What the body does around a moment: rows of numbers step by step, and what a network reads of them.

Unlike the answers of the model, rows do not depend on any training. So a network for them can be fitted to all sessions
of the training split.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from serving_targets.coach.movement.angles import ANGLES
from serving_targets.coach.movement.signals import CHANNELS, DEGREES_PER_TORSO, Signal, body_signal, mirrored
from serving_targets.coach.movement.skeleton import JOINT, Poses, SkeletonReader, places

ROW = CHANNELS + 3
"""Numbers of a row: the signal of the pose, and where the body went within a second: along, sideways and upwards."""
_REMEMBERED = 25
"""Steps whose poses say how long the torso is and where forward is: five seconds."""
_FORWARD = [len(ANGLES) - 1, *range(len(ANGLES) + 2, CHANNELS, 3)]
"""Numbers of the signal that are about forward: the lean of the trunk, and the last coordinate of each place."""
_SECOND = 5
"""Steps in a second."""

Stretch = tuple[int, int]
"""First and last step of a stretch of time, counted from the step that is decided."""


class BodyRows:
    """Turns the poses of steps into rows, in constant memory."""

    def __init__(self, layout: str) -> None:
        self._reader = SkeletonReader(layout)
        self._seen: deque[_Seen] = deque(maxlen=_REMEMBERED)

    def add(self, poses: np.ndarray) -> npt.NDArray[np.float64]:
        """Return the row of the next step.

        Args:
            poses: poses of the step, `[T, J, C]`, confidence last.
        """
        known = poses[..., -1:] > 0
        pose = self._reader.read((poses * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1))[None]
        joints = places(pose)[0]
        left, right = joints[JOINT["left_hip"]], joints[JOINT["right_hip"]]
        hips = (left + right) / 2
        own = float(np.linalg.norm(joints[JOINT["shoulder_center"]] - hips))
        self._seen.append(_Seen(hips, own, _ahead(joints)))
        signal = np.nan_to_num(body_signal(pose)[0])
        lengths = sorted(each.torso for each in self._seen if each.torso > 0)
        length = lengths[len(lengths) // 2] if lengths else 1.0
        if own > 0:
            signal[len(ANGLES) :] *= own / length
        if self._seen[-1].ahead * sum(each.ahead for each in self._seen) < 0:  # the feet of this pose are mistaken
            signal[_FORWARD] *= -1
        return np.concatenate([signal, self._travelled(left - right, length)])

    def _travelled(self, sideways: npt.NDArray[np.float64], length: float) -> npt.NDArray[np.float64]:
        """Return how far the hips moved within the last second, in the unit of the signal; 0 where they were not seen.

        Args:
            sideways: from the right hip to the left one.
            length: length of the torso.
        """
        moved = self._seen[-1].hips - self._seen[max(len(self._seen) - 1 - _SECOND, 0)].hips
        level = sideways * (1, 0, 1)
        across = float(moved @ level) / max(float(np.linalg.norm(level)), 1e-6)
        way = np.array([np.hypot(moved[0], moved[2]), abs(across), moved[1]])
        return np.nan_to_num(DEGREES_PER_TORSO * way / max(length, 1e-6)).clip(-1000, 1000)


class _Seen(NamedTuple):
    """What is remembered of a pose: middle of the hips, length of the torso, how far the feet point to one side."""

    hips: npt.NDArray[np.float64]
    torso: float
    ahead: float


def _ahead(joints: Poses) -> float:
    """Return how far the feet of a pose `[20, 3]` point to left x up; less than 0 if the axes are left-handed."""
    left = joints[JOINT["left_hip"]] - joints[JOINT["right_hip"]]
    feet = [joints[JOINT[f"{side}_foot"]] - joints[JOINT[f"{side}_ankle"]] for side in ("left", "right")]
    x, z = np.nansum(feet, axis=0)[[0, 2]]
    return float(np.nan_to_num(-left[2] * x + left[0] * z))


def mirrored_rows(rows: Signal) -> Signal:
    """Return rows `[N, ROW]` as they are for the mirror image."""
    return np.concatenate([mirrored(rows[:, :CHANNELS]), rows[:, CHANNELS:]], axis=1)


def surroundings(
    rows: Signal, steps: npt.NDArray[np.intp], means: Sequence[Stretch], spreads: Sequence[Stretch]
) -> Signal:
    """Return means and standard deviations of rows over stretches around steps, `[len(steps), features]`.

    Beyond either end, the row at the end is repeated.
    """
    parts = []
    for stretches, measure in ((means, np.mean), (spreads, np.std)):
        for first, last in stretches:
            around = rows[np.clip(steps[:, None] + np.arange(first, last + 1), 0, len(rows) - 1)]
            parts.append(measure(around, axis=1))
    return np.concatenate(parts, axis=1)
