"""Units of coordinates, and the scaling that makes coordinates canonical: image heights or metres."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from data.errors import InputError
from data.layouts import Layout

Unit = Literal["pixels", "fractions", "signed_fractions", "image_heights", "metres", "room"]
"""Unit of a clip's coordinates. `fractions`: x divided by the image width, y by the image height; `signed_fractions`:
the same, scaled to -1..1; `room`: metres, centimetres or millimetres, distinguished by the length of a torso."""

FRACTIONS_UP_TO = 2.0
"""Largest coordinate of an image that is a fraction of its size: nobody is two pixels tall."""

PIXELS_FROM = 8.0
"""Smallest coordinate that is taken as pixels: coordinates in image heights are about 1."""

TORSO_METRES = (0.15, 1.5)
"""Shortest and longest torso of a person, in metres."""

USUAL_TORSO = 0.5
"""Length of a torso in metres that is assumed if no unit makes it one of a person."""

_LONGEST_TORSO = 3.0

_SIZES = (
    *((320, 240), (640, 360), (854, 480), (960, 540), (800, 600), (1280, 720), (1366, 768), (1280, 960)),
    *((1920, 1080), (1920, 1200), (2560, 1440), (3840, 2160), (7680, 4320)),
    *((480, 640), (480, 854), (540, 960), (720, 1280), (1080, 1920), (1440, 2560), (2160, 3840)),  # held upright
)
"""Usual widths and heights of video, in pixels."""

_BEYOND = 1.07
"""Largest x coordinate, in widths, of a joint in the image: cinema cameras have 2048 x 1080."""

_INSIDE = 99
"""Percentage of the joints that are in the image."""

MAX_PIXELS = 1e5
"""Longest side of an image in pixels; the largest sensors have 30,000."""


@dataclass(frozen=True, slots=True)
class ImageSize:
    """Size of an image in pixels; the width is needed only where x was divided by it.

    Raises:
        InputError: if a side is shorter than one pixel or longer than `MAX_PIXELS`.
    """

    height: float
    width: float | None = None

    def __post_init__(self) -> None:
        for side in (self.height, self.width):
            if side is not None and not 1 <= side <= MAX_PIXELS:
                raise InputError(f"a side of the image has {side:g} pixels", None, "state the image size in pixels")


@dataclass(frozen=True, slots=True)
class Scaling:
    """The change of coordinates that makes them canonical.

    Attributes:
        factors: floats `[D]`, the factor of each axis; that of depth is not used for poses without depth.
        offset: number that is added to x and y before the multiplication.
        note: what was assumed, empty if nothing was.
    """

    factors: np.ndarray
    offset: float = 0.0
    note: str = ""

    def apply(self, poses: np.ndarray) -> np.ndarray:
        """Return poses in canonical units, as float32; missing joints stay 0.

        Args:
            poses: floats `[N, J, D + 1]`, confidence last.
        """
        if not self.offset and (self.factors == 1).all():
            return poses.astype(np.float32, copy=False)
        factors = self.factors[: poses.shape[-1] - 1]
        scaled = np.empty(poses.shape, np.float32)
        scaled[..., :-1] = poses[..., :-1] * factors
        scaled[..., -1] = poses[..., -1]
        if self.offset:
            present: np.ndarray = (poses[..., :-1] != 0).any(axis=-1) | (poses[..., -1] > 0)
            scaled[..., :2][present] += factors[:2] * self.offset
        return scaled


def pixels_or_fractions(poses: np.ndarray) -> Unit:
    """Return the unit of image coordinates by the largest one that is seen.

    Args:
        poses: float32 `[N, J, C]`, confidence last.
    """
    seen = poses[..., :2][poses[..., -1] > 0]
    with np.errstate(invalid="ignore"):
        return "fractions" if len(seen) and np.abs(seen).max() <= FRACTIONS_UP_TO else "pixels"


@dataclass(frozen=True, slots=True)
class Reach:
    """The largest coordinates that are seen, in pixels.

    Attributes:
        x: largest x coordinate, but for a few outliers: estimators place hidden joints outside of the image.
        y: largest y coordinate.
    """

    x: float = 0.0
    y: float = 0.0

    @classmethod
    def of(cls, poses: np.ndarray) -> "Reach":
        """Return the reach of the seen joints of poses `[N, J, C]`, confidence last."""
        seen = np.nan_to_num(poses[..., :2][poses[..., -1] > 0], nan=0, posinf=0, neginf=0)
        return cls.of_points(seen)

    @classmethod
    def of_points(cls, points: np.ndarray) -> "Reach":
        """Return the reach of finite points `[N, 2 or 3]`."""
        if not len(points):
            return cls()
        return cls(max(0.0, float(np.percentile(points[:, 0], _INSIDE))), max(0.0, float(points[:, 1].max())))

    def __or__(self, other: "Reach") -> "Reach":
        return Reach(max(self.x, other.x), max(self.y, other.y))

    @property
    def height(self) -> float:
        """Smallest height, in pixels, of a usual size of video that contains what is seen; x may be a little beyond."""
        heights = [height for width, height in _SIZES if height >= self.y and width * _BEYOND >= self.x]
        return min(heights, default=self._height_by_y)

    @property
    def note(self) -> str:
        """The note on this height."""
        across = f"x reaches {self.x:.0f} and " if self.height != self._height_by_y else ""
        return f"the image height is unknown: assuming {self.height:g} pixels, because {across}y reaches {self.y:.0f}"

    @property
    def _height_by_y(self) -> float:
        return min((height for width, height in _SIZES if height >= self.y and width > height), default=self.y)


def scaling_of_unit(unit: Unit, dimensions: int, image: ImageSize | None) -> Scaling:
    """Return the scaling for coordinates of a known unit.

    Args:
        unit: any unit but `room`, which needs `room_scaling`.
        dimensions: 2 or 3.
        image: size of the images, if known.

    Raises:
        InputError: if the unit needs a size of the images that is not known.
    """
    match unit:
        case "pixels":
            if image is None:
                raise InputError("coordinates are pixels, but the image height is unknown", None, "give --image-size")
            return Scaling(np.full(dimensions, 1 / image.height))
        case "fractions" | "signed_fractions":
            if image is None or image.width is None:
                raise InputError(
                    "coordinates are fractions of image width and height, but the image size is unknown",
                    None,
                    "give --image-size WIDTHxHEIGHT",
                )
            aspect = image.width / image.height
            half = 0.5 if unit == "signed_fractions" else 1.0
            # Depth has the scale of x.
            factors = np.array((aspect * half, half, aspect * half)[:dimensions])
            return Scaling(factors, offset=1.0 if unit == "signed_fractions" else 0.0)
        case _:
            return Scaling(np.ones(dimensions))


def room_scaling(positions: np.ndarray, layout: Layout) -> Scaling:
    """Return the scaling to metres for a room sensor that measures in metres, centimetres or millimetres.

    Args:
        positions: floats `[T, J, 3]` in the layout's order of joints, nan where a joint is missing.
        layout: layout of the joints.
    """
    ones = np.ones(positions.shape[-1], np.float32)
    upper, lower = (positions[:, list(joints)].mean(axis=1) for joints in layout.torso)
    lengths = np.linalg.norm(upper - lower, axis=-1)
    lengths = lengths[np.isfinite(lengths)]
    torso = float(np.median(lengths)) if len(lengths) else 0.0
    for factor, unit in ((0.01, "centimetres"), (0.001, "millimetres")):
        if TORSO_METRES[0] <= torso * factor <= TORSO_METRES[1] < torso:
            return Scaling(ones * np.float32(factor), note=f"a torso is {torso:.3g} long: assuming {unit}")
    if torso > _LONGEST_TORSO:
        note = f"the unit is unknown: a torso of {torso:.3g} is taken as {USUAL_TORSO} m long"
        return Scaling(ones * np.float32(USUAL_TORSO / torso), note=note)
    return Scaling(ones)


def image_scaling(positions: np.ndarray, aspect: float | None) -> Scaling:
    """Return a guessed scaling to normalized coordinates, for a file that states neither unit nor image size.

    Args:
        positions: floats `[T, J, D]`, nan where a joint is missing.
        aspect: image width divided by image height, if the coordinates are fractions of both.
    """
    ones = np.ones(positions.shape[-1], np.float32)
    seen = positions[np.isfinite(positions).all(axis=-1)]
    if not len(seen) or np.percentile(np.abs(seen[:, :2]), 99) <= PIXELS_FROM:
        if aspect is None:
            return Scaling(ones, note="assuming that coordinates are divided by the image height")
        return Scaling(np.array([aspect, 1, aspect], np.float32)[: len(ones)])
    reach = Reach.of_points(seen)
    return Scaling(ones / np.float32(reach.height), note=reach.note)
