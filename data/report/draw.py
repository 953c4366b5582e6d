"""The geometry of moving skeletons and histograms; the page turns it into SVG."""

from dataclasses import dataclass

import numpy as np

from data.layouts import Layout
from data.layouts.layout import Side

SIZE = 100.0
"""Width and height of a drawing, in units of the SVG."""

_BINS = 24


@dataclass(frozen=True, slots=True)
class Moving:
    """A moving skeleton.

    Attributes:
        paths: side, colour and the SVG path of every frame; the path of an empty frame has no length.
        dots: x and y of the marked joint in every frame; None if no joint is marked.
        seconds: duration of the animation.
    """

    paths: list[tuple[Side, str, list[str]]]
    dots: tuple[list[str], list[str]] | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Bars:
    """A histogram.

    Attributes:
        bars: (x, height) of each bar, both from 0 to 100.
        outline: SVG path of another distribution over the same range; empty without one.
        width: width of a bar.
        low: value at the left end.
        high: value at the right end.
    """

    bars: list[tuple[float, float]]
    outline: str
    width: float
    low: float
    high: float


def moving(keypoints: np.ndarray, layout: Layout, seconds: float, marked: str | None = None) -> Moving:
    """Return the drawing of a clip in a square; people are upright, and 3-D poses are seen from the sensor.

    Args:
        keypoints: float32 `[T, J, C]`.
        layout: layout of the joints.
        seconds: duration of the frames.
        marked: name of the joint to mark.
    """
    seen = keypoints[..., -1] > 0
    # A sensor that looks along its z axis, with y up, has x on its left.
    mirrored = keypoints.shape[-1] == 4 and (keypoints[..., 2][seen].sum() > 0)
    places = keypoints[..., :2].astype(np.float64) * (-1 if mirrored else 1, 1 if layout.y_down else -1)
    places = _into_square(places, seen)
    lines = [*layout.bones, *layout.links]
    paths: list[tuple[Side, str, list[str]]] = []
    for side in ("centre", "left", "right"):
        own = [(a, b) for a, b in lines if _side(layout, a, b) == side]
        frames = [_path(places[t], seen[t], own) for t in range(len(places))]
        if any(frame != _NOTHING for frame in frames):
            paths.append((side, layout.colours[side], frames))
    dots = None
    if marked in layout.joints:
        joint = places[:, layout.index(marked)]
        dots = [f"{x:.0f}" for x in joint[:, 0]], [f"{y:.0f}" for y in joint[:, 1]]
    return Moving(paths, dots, round(min(max(seconds, 1.0), 8.0), 1))


def histogram(values: np.ndarray, other: np.ndarray | None = None) -> Bars:
    """Return the histogram of some numbers.

    Args:
        values: the numbers; the most distant 1 % are in the first and the last bar.
        other: numbers of another distribution, drawn as an outline.
    """
    both = values if other is None else np.concatenate([values, other])
    low, high = np.quantile(both, [0.005, 0.995])
    alike = high - low < 1e-9 * max(abs(high), 1e-9)  # one bar in the middle
    left, right = (low - 0.5, high + 0.5) if alike else (low, high)
    heights = _heights(values, left, right)
    outline = np.zeros(0) if other is None else _heights(other, left, right)
    top = max(heights.max(), outline.max(initial=0), 1e-12)
    width = SIZE / _BINS
    steps = [f"{n * width:.1f} {SIZE - 100 * h / top:.1f}H{(n + 1) * width:.1f}" for n, h in enumerate(outline)]
    return Bars(
        [(n * width, 100 * h / top) for n, h in enumerate(heights)],
        "M" + "L".join(steps) if steps else "",
        width,
        float(low),
        float(high),
    )


_NOTHING = "M0 0"


def _heights(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.histogram(np.clip(values, low, high), _BINS, (low, high))[0] / len(values)


def _into_square(places: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Scale the seen joints into the square, except the most distant ones, which may be outside."""
    if not seen.any():
        return np.zeros_like(places)
    low, high = np.quantile(places[seen], [0.01, 0.99], axis=0)
    scale = 0.9 * SIZE / max((high - low).max(), 1e-9)
    laid = (places - (low + high) / 2) * scale + SIZE / 2
    return np.clip(laid, -SIZE, 2 * SIZE)


def _side(layout: Layout, a: int, b: int) -> Side:
    sides = {layout.sides[a], layout.sides[b]} - {"centre"}
    return sides.pop() if len(sides) == 1 else "centre"


def _path(places: np.ndarray, seen: np.ndarray, lines: list[tuple[int, int]]) -> str:
    drawn = [
        f"M{places[a, 0]:.0f} {places[a, 1]:.0f}L{places[b, 0]:.0f} {places[b, 1]:.0f}"
        for a, b in lines
        if seen[a] and seen[b]
    ]
    return "".join(drawn) or _NOTHING
