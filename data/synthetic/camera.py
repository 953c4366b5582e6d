"""A simulated camera: its position around a person and the projection to its image."""

from dataclasses import dataclass

import numpy as np

from data.synthetic.kinematics import Body, rotation
from data.synthetic.poses import Floats

VIEWS = {
    "front": (0.46, (-12.0, 12.0)),
    "left_oblique": (0.21, (20.0, 48.0)),
    "right_oblique": (0.21, (-48.0, -20.0)),
    "side": (0.12, (55.0, 80.0)),
}
"""Probability of each view and the range of its angle in degrees: 0 is the front, 90 the person's left. `side` is the
left
or the right side."""

_ASPECTS = ((16 / 9, 0.5), (4 / 3, 0.32), (9 / 16, 0.18))


@dataclass(frozen=True)
class Camera:
    """A pinhole camera on a tripod.

    Attributes:
        view: name of the view.
        yaw: direction from the person to the camera in degrees, 0 in front, 90 at the person's left.
        elevation: elevation above the person's middle, in degrees.
        tilt: rotation around the camera's own axis, in degrees.
        distance: distance from the person's middle, in metres.
        focal: focal length in image heights.
        target: float64 `[3]`, point in the centre of the image, in metres.
        aspect: image width divided by image height.
    """

    view: str
    yaw: float
    elevation: float
    tilt: float
    distance: float
    focal: float
    target: Floats
    aspect: float

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Project points to the image.

        Args:
            points: float64 `[..., 3]`, in metres, y up.

        Returns:
            Image coordinates `[..., 2]` in image heights, y down, and the points in the camera's frame `[..., 3]`: to
            the right, up, and away from the camera.
        """
        frame = self.turn(points - self.target)
        depth = np.maximum(self.distance - frame[..., 2], 0.2)
        x = 0.5 * self.aspect + self.focal * frame[..., 0] / depth
        y = 0.5 - self.focal * frame[..., 1] / depth
        return np.stack([x, y], axis=-1), np.concatenate([frame[..., :2], depth[..., None]], axis=-1)

    def turn(self, vectors: Floats) -> Floats:
        """Return directions `[..., 3]` in the camera's frame: right, up, and towards the camera."""
        angles = [np.array([angle]) for angle in (-self.yaw, self.elevation, self.tilt)]
        zero = np.zeros(1)
        turned = (
            rotation(zero, zero, angles[2])[0] @ rotation(zero, angles[1], zero)[0] @ rotation(angles[0], zero, zero)[0]
        )
        return vectors @ turned.T


def place_camera(body: Body, rng: np.random.Generator) -> Camera:
    """Draw a camera whose image contains the whole person, or nearly so."""
    view = str(rng.choice(list(VIEWS), p=[share for share, _ in VIEWS.values()]))
    yaw = float(rng.uniform(*VIEWS[view][1]))
    if view == "side" and rng.random() < 0.5:
        yaw = -yaw
    aspect = float(rng.choice([ratio for ratio, _ in _ASPECTS], p=[share for _, share in _ASPECTS]))
    focal = 0.5 / np.tan(np.radians(rng.uniform(38.0, 62.0) / 2))
    # Hands above the head and arms spread to the sides need space.
    needed = focal * body.height * max(1.25 / rng.uniform(0.78, 1.08), 1.25 / (aspect * rng.uniform(0.85, 1.1)))
    distance = float(needed * rng.choice([1.0, 1.35], p=[0.75, 0.25]))
    room = max(aspect - 1.2 * focal * body.height / distance, 0.0)
    aside = float(rng.uniform(-0.5, 0.5) * room * distance / focal)
    yaw_frame = np.radians(yaw)
    target = np.array([aside * np.cos(yaw_frame), body.height * rng.uniform(0.52, 0.66), -aside * np.sin(yaw_frame)])
    return Camera(
        view,
        yaw,
        elevation=float(rng.uniform(-6.0, 18.0)),
        tilt=float(rng.normal(0.0, 1.3)),
        distance=distance,
        focal=float(focal),
        target=target,
        aspect=aspect,
    )
