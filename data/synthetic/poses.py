"""Poses as joint parameters that do not depend on the body.

Axes: a person who faces the camera looks along +z, y is up, and the person's left is +x. `out` is the direction towards
a limb's own side, so that a pose is mirrored by swapping its limbs. Angles are in degrees.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Value = Any  # a float in a key pose, an array [T] in a motion


class Trunk(NamedTuple):
    """Pelvis, spine and head.

    Attributes:
        drop: distance of the pelvis below its highest position, in leg lengths.
        shift: position of the pelvis to the left, in leg lengths.
        forward: position of the pelvis to the front, in leg lengths.
        yaw: turn of the pelvis to the left, in degrees.
        pitch: bend of the pelvis to the front, at the hips, in degrees.
        roll: lean of the pelvis to the left, in degrees.
        twist: turn of the chest to the left, relative to the pelvis, in degrees.
        bend: bend of the chest to the front, relative to the pelvis, in degrees.
        lean: lean of the chest to the left, relative to the pelvis, in degrees.
        look: turn of the head to the left, relative to the chest, in degrees.
        nod: bend of the head to the front, relative to the chest, in degrees.
        tilt: lean of the head to the left, relative to the chest, in degrees.
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
    """One arm, relative to the chest. Directions need not have unit length.

    Attributes:
        out: component of the direction from shoulder to wrist towards the arm's own side.
        up: component of this direction upwards.
        front: component of this direction to the front.
        reach: distance from shoulder to wrist, 1 for a stretched arm.
        elbow_out: component of the elbow's direction towards the arm's own side.
        elbow_up: component of the elbow's direction upwards.
        elbow_front: component of the elbow's direction to the front.
        on_knee: 1 if the hand is on the knee, regardless of the direction, else 0.
        on_foot: 1 if the hand is at the foot, regardless of the direction, else 0.
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
        out: position of the foot towards the leg's own side, in leg lengths.
        front: position of the foot to the front, in leg lengths.
        lift: height of the foot above the floor, in leg lengths.
        heel: angle of the raised heel, in degrees.
        knee_out: angle between the front and the direction of the knee, in degrees.
    """

    out: Value = 0.2
    front: Value = 0.0
    lift: Value = 0.0
    heel: Value = 0.0
    knee_out: Value = 14.0


class Pose(NamedTuple):
    """A whole body.

    The values are floats in a key pose and arrays `[T]` in a motion.
    """

    trunk: Trunk
    left_arm: Arm
    right_arm: Arm
    left_leg: Leg = Leg()
    right_leg: Leg = Leg()

    def to_vector(self) -> Floats:
        """Return all parameters of a key pose as one vector, float64 `[len(CHANNELS)]`."""
        return np.array([value for part in self for value in part], np.float64)

    @classmethod
    def from_matrix(cls, motion: Floats) -> "Pose":
        """Return the pose with the columns of a motion, float64 `[T, len(CHANNELS)]`, as values."""
        columns = iter(motion.T)

        def values(part: type[Trunk] | type[Arm] | type[Leg]) -> list[Floats]:
            return [next(columns) for _ in part._fields]

        return cls(Trunk(*values(Trunk)), Arm(*values(Arm)), Arm(*values(Arm)), Leg(*values(Leg)), Leg(*values(Leg)))

    def mirrored(self) -> "Pose":
        """Return the pose with left and right exchanged."""
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
"""Names of the columns of a motion."""


def columns(*names: str) -> list[int]:
    """Return the positions of all channels whose name ends with one of `names`, such as `.reach` or `trunk.drop`."""
    return [i for i, channel in enumerate(CHANNELS) if channel.endswith(names)]
