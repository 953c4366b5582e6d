"""Smooth curves in time: interpolation of key values, and random drift around zero."""

import numpy as np

from data.synthetic.poses import Floats


def monotone_curve(times: Floats, values: Floats, at: Floats) -> Floats:
    """Interpolate values by a cubic curve without overshoot (Fritsch and Butland 1984).

    Between two equal values the curve is constant.

    Args:
        times: float64 `[K]`, strictly increasing.
        values: float64 `[K, C]`, values at these times.
        at: float64 `[T]`, times to interpolate at.

    Returns:
        float64 `[T, C]`, values of the curve.
    """
    widths = np.diff(times)[:, None]
    slopes = np.diff(values, axis=0) / widths
    tangents = np.zeros_like(values)
    before, after = slopes[:-1], slopes[1:]
    same_way = before * after > 0
    total = widths[:-1] + widths[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        weighted = 3 * total / ((total + widths[1:]) / before + (total + widths[:-1]) / after)
    tangents[1:-1] = np.where(same_way, weighted, 0.0)
    left = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    width = widths[left]
    share = (at[:, None] - times[left][:, None]) / width
    share = np.clip(share, 0.0, 1.0)
    rest = 1 - share
    return (
        values[left] * (1 + 2 * share) * rest**2
        + values[left + 1] * (3 - 2 * share) * share**2
        + width * (tangents[left] * share * rest**2 - tangents[left + 1] * rest * share**2)
    )


def drift(rng: np.random.Generator, frames: int, fps: float, seconds: float, shape: tuple[int, ...]) -> Floats:
    """Return random drift around zero with unit standard deviation (an Ornstein-Uhlenbeck process).

    Args:
        rng: random generator.
        frames: number of frames.
        fps: frames per second.
        seconds: correlation time.
        shape: shape of the values of a frame.

    Returns:
        float64 `[frames, *shape]`.
    """
    keep = np.exp(-1 / (fps * seconds))
    steps = rng.standard_normal((frames, *shape))
    steps[1:] *= np.sqrt(1 - keep**2)
    for frame in range(1, frames):
        steps[frame] += keep * steps[frame - 1]
    return steps
