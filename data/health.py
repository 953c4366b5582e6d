"""The health of windows: numeric and categorical features that reveal damaged or unusual data. Uses NumPy only.

Everything is measured on recorded frames; padding counts only in `window_fill`. Lengths are in the unit of the layout
(image heights or metres) or in torso lengths, which do not depend on the person's distance and height.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from data.layouts import Layout
from data.windows import Window

STILL_SPEED = 0.05
"""Speed below which a person is still, in torso lengths per second."""

FROZEN = 1e-4
"""Range of a joint in a window below which it is frozen, in torso lengths; tracked joints tremble a hundredfold."""

ALIVE = 0.05
"""Range of the median joint above which the person moves, in torso lengths; only then is a motionless joint broken."""

FAR = 3.0
"""Length of a bone above which its outer joint is broken, in torso lengths."""

JUMPING_SPEED = 10.0
"""Median speed of a joint above which it is broken, in torso lengths per second; a fist is twice as fast."""

MIN_SIDE = 0.1
"""Distance of left and right below which their order is unclear, in torso lengths: a person seen from the side."""

FIGURES = (
    "missing_share",
    "mean_confidence",
    "torso_length",
    "limb_variation",
    "extent",
    "stillness",
    "fps",
    "window_fill",
    "centre_x",
    "centre_y",
    "centre_z",
)
"""Names of the features that are numbers; `centre_z` only in three dimensions."""

WORDS = ("broken_joint", "sides")
"""Names of the features that are categories."""

NONE = "none"
"""Value of `broken_joint` if no joint is broken."""

Health = dict[str, np.ndarray]
"""Feature name to an array with one value per window."""

_ALL, _ANY = np.logical_and.reduce, np.logical_or.reduce
_CHUNK = 256  # number of windows that are computed together


def window_health(windows: Sequence[Window], layout: Layout) -> Health:
    """Return the health features of windows.

    | feature | meaning | unit |
    | --- | --- | --- |
    | `missing_share` | fraction of joints with confidence 0, over all frames | 0..1 |
    | `mean_confidence` | mean confidence of all joints in all frames | 0..1 |
    | `torso_length` | median distance between upper and lower torso; 0 if never seen | image heights or metres |
    | `limb_variation` | standard deviation of a bone's length divided by its mean; mean of all bones | none |
    | `extent` | longest side of the box around the seen joints, median over the frames | torso lengths |
    | `stillness` | fraction of steps in which the seen joints are slower than `STILL_SPEED` on average | 0..1 |
    | `fps` | frame rate of the recording, before resampling | frames per second |
    | `window_fill` | fraction of frames that are not padding | 0..1 |
    | `centre_x`, `_y`, `_z` | mean position of the layout's root, or of all joints | as `torso_length` |
    | `broken_joint` | `none`, or a joint and its fault: `frozen`, `far`, `jumping` or `missing` | category |
    | `sides` | `as_named`, `swapped`, `crossed` (shoulders against hips) or `unclear` | category |

    In two dimensions, `sides` assumes that a person faces the camera, with the left side on the image's right. In three
    dimensions the feet give the forward direction.

    Args:
        windows: windows of one length, at least one.
        layout: layout of the joints.
    """
    chunks = [_health(chunk, layout) for chunk in itertools.batched(windows, _CHUNK)]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def _health(windows: Sequence[Window], layout: Layout) -> Health:
    keypoints = np.stack([window.keypoints for window in windows])
    frames = np.array([window.frames for window in windows])
    step = np.array([window.step for window in windows])
    # Windows are the fastest axis in memory, so that sums over joints or coordinates run over long vectors.
    keypoints = np.ascontiguousarray(keypoints.transpose(3, 1, 2, 0)).transpose(3, 1, 2, 0)
    positions, confidence = keypoints[..., :-1], keypoints[..., -1]
    length, joints = confidence.shape[1:]
    recorded = (np.arange(length)[:, None] < frames).T
    seen = (confidence > 0) & recorded[..., None]
    cells = frames * joints
    torso = _torso_length(positions, seen, layout)
    moved = _length(np.diff(positions, axis=1))
    both = seen[:, 1:] & seen[:, :-1]
    bones = _bone_lengths(positions, seen, layout)
    centre = _centre(positions, seen, layout)
    health = {
        "missing_share": 1 - seen.sum(axis=(1, 2)) / cells,
        "mean_confidence": (confidence * recorded[..., None]).sum(axis=(1, 2), dtype=np.float64) / cells,
        "torso_length": torso,
        "limb_variation": _variation(*bones),
        "extent": _extent(positions, seen, torso),
        "stillness": _stillness(moved, both, STILL_SPEED * torso * step),
        "fps": np.array([window.source_fps for window in windows]),
        "window_fill": frames / length,
        **{f"centre_{axis}": centre[:, i] for i, axis in enumerate("xyz"[: positions.shape[-1]])},
    }
    return {name: figures.astype(np.float32) for name, figures in health.items()} | {
        "broken_joint": _broken_joint(positions, seen, bones, _ratio(moved, torso * step), both, torso, layout),
        "sides": _sides(positions, seen, torso, layout),
    }


def _torso_length(positions: np.ndarray, seen: np.ndarray, layout: Layout) -> np.ndarray:
    upper, lower = (list(joints) for joints in layout.torso)
    whole = _ALL(seen[..., upper + lower], axis=-1)
    torso = positions[..., upper, :].mean(axis=-2) - positions[..., lower, :].mean(axis=-2)
    return _median(_length(torso), whole)


def _bone_lengths(positions: np.ndarray, seen: np.ndarray, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Return the lengths of the bones and whether both ends are seen, `[N, T, B]` each."""
    parents, children = np.array(layout.bones).T
    lengths = _length(positions[..., parents, :] - positions[..., children, :])
    return lengths, seen[..., parents] & seen[..., children]


def _variation(lengths: np.ndarray, whole: np.ndarray) -> np.ndarray:
    mean = _mean(lengths, whole, axis=1)
    deviation = np.sqrt(_mean(np.square(lengths - mean[:, None]), whole, axis=1))
    return _mean(_ratio(deviation, mean), mean > 0, axis=1)


def _extent(positions: np.ndarray, seen: np.ndarray, torso: np.ndarray) -> np.ndarray:
    sides = [
        _or(along, seen, -np.inf).max(axis=2) - _or(along, seen, np.inf).min(axis=2)
        for along in np.moveaxis(positions, -1, 0)
    ]
    return _ratio(_median(np.maximum.reduce(sides), _ANY(seen, axis=-1)), torso)


def _stillness(moved: np.ndarray, both: np.ndarray, limit: np.ndarray) -> np.ndarray:
    still = _mean(moved, both, axis=2) <= limit[:, None]
    return _mean(still, _ANY(both, axis=2), axis=1)


def _centre(positions: np.ndarray, seen: np.ndarray, layout: Layout) -> np.ndarray:
    root = list(layout.root)
    whole = _ALL(seen[..., root], axis=-1)
    place = _mean(positions[..., root, :].mean(axis=-2), whole[..., None], axis=1)
    never = ~_ANY(whole, axis=1)
    place[never] = _mean(positions[never], seen[never][..., None], axis=(1, 2))
    return place


def _broken_joint(
    positions: np.ndarray,
    seen: np.ndarray,
    bones: tuple[np.ndarray, np.ndarray],
    speed: np.ndarray,
    both: np.ndarray,
    torso: np.ndarray,
    layout: Layout,
) -> np.ndarray:
    """Return the first fault in the order frozen, far, jumping, missing, with the first joint that has it."""
    share = seen.mean(axis=1)
    whole = seen[..., None]
    low, high = _or(positions, whole, np.inf).min(axis=1), _or(positions, whole, -np.inf).max(axis=1)
    strayed = _ratio(np.where(share > 0, (high - low).max(axis=-1), 0), torso[:, None])
    alive = _median(strayed, share > 0) > ALIVE
    # A bone counts for its outer joint.
    reach = np.zeros_like(share)
    reach[:, [child for _, child in layout.bones]] = _ratio(_median(*bones), torso)
    faults = {
        "frozen": (share > 0) & (strayed < FROZEN) & alive[:, None] & (seen.sum(axis=1) > 2),
        "far": reach > FAR,
        "jumping": _median(speed, both) > JUMPING_SPEED,
        "missing": (share == 0) & (share > 0).any(axis=1, keepdims=True),
    }
    result = np.full(len(share), NONE, object)
    for fault, found in reversed(faults.items()):
        for row in np.flatnonzero(found.any(axis=1)):
            result[row] = f"{layout.joints[int(found[row].argmax())]} {fault}"
    return result


def _sides(positions: np.ndarray, seen: np.ndarray, torso: np.ndarray, layout: Layout) -> np.ndarray:
    if layout.pair("shoulder") is None or layout.pair("hip") is None:
        return np.full(len(torso), "unclear", object)
    axes = [_from_right_to_left(positions, seen, part, layout) for part in ("shoulder", "hip")]
    across = _ratio(axes[0] + axes[1], torso[:, None])
    if positions.shape[-1] == 2:
        order = across[:, 0] if layout.y_down else -across[:, 0]
    else:
        order = _handedness(positions, seen, across, layout)
    lengths = _length(axes[0]) * _length(axes[1])
    crossed = _ratio((axes[0] * axes[1]).sum(axis=-1), lengths) < -0.5
    wide = _ratio(np.sqrt(lengths), torso) > MIN_SIDE
    return np.select(
        [crossed & wide, order > MIN_SIDE, order < -MIN_SIDE], ["crossed", "as_named", "swapped"], "unclear"
    ).astype(object)


def _handedness(positions: np.ndarray, seen: np.ndarray, across: np.ndarray, layout: Layout) -> np.ndarray:
    """Return the cosine between the direction of the feet and the forward direction of an upright body with these
    sides.

    It is 0 if the feet are not seen.
    """
    if not layout.forward:
        return np.zeros(len(across))
    heels, toes = np.array(layout.forward).T
    whole = (seen[..., heels] & seen[..., toes])[..., None]
    feet = _mean(positions[..., toes, :] - positions[..., heels, :], whole, axis=(1, 2))
    upper, lower = (_mean(positions[:, :, list(j)], seen[:, :, list(j), None], axis=(1, 2)) for j in layout.torso)
    ahead = np.cross(across, upper - lower)
    return _ratio((ahead * feet).sum(axis=-1), _length(ahead) * _length(feet))


def _from_right_to_left(positions: np.ndarray, seen: np.ndarray, part: str, layout: Layout) -> np.ndarray:
    left, right = layout.index(f"left_{part}"), layout.index(f"right_{part}")
    whole = (seen[..., left] & seen[..., right])[..., None]
    return _mean(positions[..., left, :] - positions[..., right, :], whole, axis=1)


def _length(vectors: np.ndarray) -> np.ndarray:
    """Return the length along the last axis, which is too short for NumPy's norm to be fast."""
    return np.sqrt(sum(np.square(along) for along in np.moveaxis(vectors, -1, 0)))


def _mean(values: np.ndarray, where: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Return the mean of the values for which `where` is true, 0 if there are none."""
    where = np.broadcast_to(where, values.shape)
    return _ratio(_or(values, where, 0).sum(axis=axis, dtype=np.float64), where.sum(axis=axis))


def _median(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return the lower median along the second axis of the values for which `where` is true, 0 if there are none."""
    ordered = np.sort(_or(values, where, np.inf), axis=1)
    counts = where.sum(axis=1)
    middle = np.take_along_axis(ordered, (np.maximum(counts - 1, 0) // 2)[:, None], axis=1)[:, 0]
    return np.where(counts > 0, middle, 0)


def _or(values: np.ndarray, where: np.ndarray, other: float) -> np.ndarray:
    """Return the values, with `other` in place of those for which `where` is false.

    Unlike `np.where` it keeps the order in memory.
    """
    result = np.full_like(values, other)
    np.copyto(result, values, where=where)
    return result


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return the quotient, 0 where the divisor is not positive."""
    below = np.asarray(below, np.float64)
    below = below.reshape(below.shape + (1,) * (np.ndim(above) - below.ndim))
    return np.divide(above, below, out=np.zeros(np.broadcast_shapes(np.shape(above), below.shape)), where=below > 0)
