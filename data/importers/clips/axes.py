"""The axes of arrays without names: frames or joints first, and a third number that is a depth or a confidence."""

import numpy as np

from data.errors import InputError
from data.importers.clips.confidence import mark_unseen

_JUMPS = 3.0
"""How much farther apart neighbours along one axis are than along the other, if the other one is time."""

_PERCENT = 100.0


def steps(values: np.ndarray, axis: int) -> float:
    """Return the typical distance of neighbours along an axis, nan if there are none."""
    apart = np.abs(np.diff(values[..., :2].astype(np.float64), axis=axis))
    apart = apart[np.isfinite(apart)]
    return float(np.mean(apart)) if len(apart) else float("nan")


def check_frames_first(poses: np.ndarray) -> None:
    """Raise InputError if the first axis of poses `[T, J, D + 1]` seems to be that of the joints."""
    if len(poses) == poses.shape[1] and steps(poses, 0) > _JUMPS * steps(poses, 1) > 0:
        raise InputError(
            f"the array has {len(poses)} frames of {len(poses)} joints, but its first axis seems to be the joints",
            "neighbours along the second axis are much nearer to each other",
            "write frames first, then joints",
        )


def with_depth(poses: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return poses whose third number is a depth with a confidence in addition, and a note on the third number.

    Args:
        poses: floats `[N, J, 3]`: x, y and a number without a name.
    """
    third = poses[..., 2]
    with np.errstate(invalid="ignore"):
        if not ((third < 0).any() or (third > _PERCENT).any()):
            return poses, ["the numbers of a joint have no names: they are taken as x, y and a confidence"]
    wider = np.ones((*poses.shape[:2], 4), np.float32)
    wider[..., :3] = poses
    wider, notes = mark_unseen(wider)
    return wider, ["the numbers of a joint have no names: they are taken as x, y and a depth", *notes]
