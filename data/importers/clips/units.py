"""Finds out what unit coordinates are in, and how they become canonical."""

from dataclasses import dataclass

import numpy as np

from data.layouts import Layout

PIXELS_FROM = 8.0
"""Coordinates in image heights are about 1; those beyond this are pixels."""

TORSO_METRES = (0.15, 1.5)
"""Between these lies the torso length of any person."""

_HEIGHTS = (240, 360, 480, 540, 600, 720, 768, 960, 1080, 1200, 1440, 2160, 4320)


@dataclass(frozen=True)
class Scaling:
    """What coordinates are multiplied by.

    Attributes:
        table: float32 `[D]` for all sequences, or `[N, D]` one row a sequence.
        note: what was assumed, empty if nothing.
    """

    table: np.ndarray
    note: str = ""

    def factors(self, sequence: int) -> np.ndarray:
        """Float32 `[D]` for one sequence."""
        return self.table if self.table.ndim == 1 else self.table[sequence]


def find_scaling(
    positions: np.ndarray,
    layout: Layout,
    units: str | None = None,
    image_height: np.ndarray | None = None,
    aspect: float | None = None,
) -> Scaling:
    """Return how a file's coordinates become metres (room layouts) or image heights (image layouts).

    Args:
        positions: float32 `[T, J, D]`, a probe of the file in the layout's order, nan where a joint is missing.
        layout: of the joints.
        units: what the file says of itself, if anything.
        image_height: float64 `[N]` pixels, where known.
        aspect: width by height, for coordinates divided by width and height each.
    """
    ones = np.ones(positions.shape[-1], np.float32)
    if layout.unit == "metre":
        return Scaling(ones) if units == "metres" else _to_metres(positions, layout, ones)
    if units == "image_heights":
        return Scaling(ones)
    if image_height is not None:
        return Scaling((ones / image_height[:, None]).astype(np.float32))
    seen = positions[np.isfinite(positions).all(axis=-1)]
    if not len(seen) or np.percentile(np.abs(seen[:, :2]), 99) <= PIXELS_FROM:
        if aspect is None:
            return Scaling(ones, "coordinates are taken as divided by the image height")
        # x (and z, which follows x) were divided by the width.
        return Scaling(np.array([aspect, 1, aspect], np.float32)[: len(ones)])
    reach = float(seen[:, 1].max())
    height = likely_height(reach)
    return Scaling(
        ones / np.float32(height),
        f"the image height is not told: {height:g} pixels is taken, as y reaches {reach:.0f}",
    )


def likely_height(reach: float) -> float:
    """Return the least usual height of images, in pixels, that a y coordinate of `reach` fits into."""
    return next((height for height in _HEIGHTS if height >= reach), reach)


def _to_metres(positions: np.ndarray, layout: Layout, ones: np.ndarray) -> Scaling:
    upper, lower = (positions[:, list(joints)].mean(axis=1) for joints in layout.torso)
    lengths = np.linalg.norm(upper - lower, axis=-1)
    lengths = lengths[np.isfinite(lengths)]
    torso = float(np.median(lengths)) if len(lengths) else 0.0
    for factor, unit in ((0.01, "centimetres"), (0.001, "millimetres")):
        if TORSO_METRES[0] <= torso * factor <= TORSO_METRES[1] < torso:
            return Scaling(ones * np.float32(factor), f"a torso is {torso:.3g} long: taken as {unit}")
    return Scaling(ones)
