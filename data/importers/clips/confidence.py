"""The confidence of joints: flags and percentages, and files without any, where a joint at the origin was not found."""

import numpy as np

_CENTRED = 0.1
"""Fraction of negative coordinates from which the origin is that of a body instead of an image."""


OCCLUDED = 0.5
"""Confidence of an annotated joint that is hidden (COCO's visibility flag 1)."""

_PERCENT_FROM = 10.0
"""Confidence that most joints exceed if confidences are percentages; some networks write up to 6 instead of 1."""


def with_confidences(poses: np.ndarray) -> np.ndarray:
    """Convert COCO's visibility flags 0, 1 and 2 to confidences; without any 2 they are confidences already."""
    flags = poses[..., -1]
    if not ((flags == 2).any() and np.isin(flags, (0, 1, 2)).all()):
        return poses
    poses = poses.copy()
    poses[..., -1] = np.choose(flags.astype(int), (0.0, OCCLUDED, 1.0))
    return poses


def as_fractions(poses: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return poses whose confidences are from 0 to 1 if they are percentages or flags, and a note if they were.

    Args:
        poses: floats `[N, J, D + 1]`, confidence last.
    """
    flagged = with_confidences(poses)
    if flagged is not poses:
        return flagged, ["confidences are 0, 1 and 2: they are taken as COCO's flags, 1 for a hidden joint"]
    given = poses[..., -1][poses[..., -1] > 0]
    if not len(given) or given.max() > 100 or np.median(given) < _PERCENT_FROM:
        return poses, []
    poses = poses.copy()
    poses[..., -1] /= 100
    return poses, [f"confidences reach {given.max():.4g}: they are taken as percentages"]


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
