"""A pose as a handful of joint parameters, the same for every body.

Sides: a person who faces the camera looks along +z, y is up, and the person's left is +x. `out` always means towards a
limb's own side, so that mirroring a pose is swapping its limbs. Angles are degrees.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Value = Any  # a float in a key pose, an array [T] in a motion


class Trunk(NamedTuple):
    """Pelvis, spine and head.

    Attributes:
        drop: how far the pelvis sinks below its highest place, in leg lengths.
        shift: pelvis to the left, in leg lengths.
        forward: pelvis to the front, in leg lengths.
        yaw: turn of the pelvis to the left.
        pitch: bow of the pelvis to the front (the hinge of the hips).
        roll: lean of the pelvis to the left.
        twist: turn of the chest against the pelvis.
        bend: bow of the chest against the pelvis.
        lean: lean of the chest against the pelvis.
        look: turn of the head against the chest.
        nod: bow of the head against the chest.
        tilt: lean of the head against the chest.
    """

    drop: Value = 0.0
    shift: Value = 0.0
    forward: Value = 0.0
    yaw: Value = 0.0
    pitch: Value = 0.0
    roll: Value = 0.0
    twist: Value = 0.0
    bend: Value = 0.0
    lean: Value = 0.0
    look: Value = 0.0
    nod: Value = 0.0
    tilt: Value = 0.0


class Arm(NamedTuple):
    """One arm, as seen from the chest.

    Attributes:
        out: the direction from shoulder to wrist: towards the own side,
        up: upwards,
        front: and to the front.
        reach: distance from shoulder to wrist, 1 for a stretched arm; so the bend of the elbow.
        elbow_out: the direction that the elbow points to: towards the own side,
        elbow_up: upwards,
        elbow_front: and to the front.
        on_knee: 1 where the hand lies on the knee, whatever the direction.
        on_foot: 1 where the hand is at the foot.
    """

    out: Value
    up: Value
    front: Value
    reach: Value
    elbow_out: Value = 0.6
    elbow_up: Value = 0.0
    elbow_front: Value = -0.8
    on_knee: Value = 0.0
    on_foot: Value = 0.0


class Leg(NamedTuple):
    """One leg.

    Attributes:
        out: place of the foot on the floor, towards the own side, in leg lengths.
        front: and to the front.
        lift: height of the foot above the floor, in leg lengths.
        heel: angle of the raised heel.
        knee_out: angle between the front and the direction of the knee.
    """

    out: Value = 0.2
    front: Value = 0.0
    lift: Value = 0.0
    heel: Value = 0.0
    knee_out: Value = 14.0


class Pose(NamedTuple):
    """A whole body: floats in a key pose, arrays `[T]` in a motion."""

    trunk: Trunk
    left_arm: Arm
    right_arm: Arm
    left_leg: Leg = Leg()
    right_leg: Leg = Leg()

    def to_vector(self) -> Floats:
        """All parameters of a key pose in a row, float64 `[len(CHANNELS)]`."""
        return np.array([value for part in self for value in part], np.float64)

    @classmethod
    def from_matrix(cls, motion: Floats) -> "Pose":
        """The pose whose values are the columns of a motion, float64 `[T, len(CHANNELS)]`."""
        columns = iter(motion.T)

        def values(part: type[Trunk] | type[Arm] | type[Leg]) -> list[Floats]:
            return [next(columns) for _ in part._fields]

        return cls(Trunk(*values(Trunk)), Arm(*values(Arm)), Arm(*values(Arm)), Leg(*values(Leg)), Leg(*values(Leg)))

    def mirrored(self) -> "Pose":
        """The same pose with left and right exchanged."""
        sideways = {
            name: -getattr(self.trunk, name) for name in ("shift", "yaw", "roll", "twist", "lean", "look", "tilt")
        }
        return Pose(self.trunk._replace(**sideways), self.right_arm, self.left_arm, self.right_leg, self.left_leg)


_PARTS: dict[str, type[Trunk] | type[Arm] | type[Leg]] = {
    "trunk": Trunk,
    "left_arm": Arm,
    "right_arm": Arm,
    "left_leg": Leg,
    "right_leg": Leg,
}

CHANNELS = tuple(f"{name}.{field}" for name, part in _PARTS.items() for field in part._fields)
"""Names of a motion's columns."""


def columns(*names: str) -> list[int]:
    """Positions of all channels whose name ends with one of `names`, for example `.reach` or `trunk.drop`."""
    return [i for i, channel in enumerate(CHANNELS) if channel.endswith(names)]
