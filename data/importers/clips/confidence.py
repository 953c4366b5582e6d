"""The confidence of joints for which a file states none: a joint at the origin was not found."""

import numpy as np

_CENTRED = 0.1
"""Fraction of negative coordinates from which the origin is that of a body instead of an image."""


def mark_unseen(poses: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return poses in which joints at the origin are missing, and a note if there are any.

    Estimators write 0, 0 (or in pixels -1, -1) for a joint that they did not find. An
    exception: if exactly one joint is there in every pose of a room, or of coordinates in all directions around it, the
    coordinates are relative to it.

    Args:
        poses: floats `[N, J, D + 1]`, confidence last; those of seen joints are positive but say nothing.
    """
    places = poses[..., :-1]
    present = poses[..., -1] > 0
    unseen = (places == 0).all(axis=-1) & present
    with np.errstate(invalid="ignore"):
        if (np.abs(places[..., :2]) > 2).any():
            unseen |= (places[..., :2] == -1).all(axis=-1) & present
    always = unseen.all(axis=0)
    if always.sum() == 1 and len(poses) > 1 and (places.shape[-1] == 3 or _is_centred(places[present & ~unseen])):
        unseen[:, always] = False
    if not unseen.any():
        return poses, []
    marked = poses.copy()
    marked[unseen] = 0
    return marked, [f"there are no confidences: {unseen.sum()} of {present.sum()} joints at 0, 0 are taken as missing"]


def _is_centred(points: np.ndarray) -> bool:
    """Return whether points `[N, 2]` are around the origin; in images some are a little beyond the edge."""
    return bool(len(points) and ((points < 0).mean(axis=0) > _CENTRED).any())
