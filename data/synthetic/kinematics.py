"""Forward kinematics: joint positions of a skeleton with rigid bones, from joint parameters."""

from dataclasses import dataclass

import numpy as np

from data.layouts import load_layout
from data.synthetic.poses import Arm, Floats, Leg, Pose

LEG_SLACK = 0.992
"""Length of a standing leg relative to the stretched leg."""


@dataclass(frozen=True)
class Body:
    """The measures of a person, in metres.

    Attributes:
        height: distance from floor to crown.
        torso: distance from the middle of the hips to the middle of the shoulders.
        shoulders: half the distance between the shoulder joints.
        hips: half the distance between the hip joints.
        upper_arm: distance from shoulder to elbow.
        forearm: distance from elbow to wrist.
        thigh: distance from hip to knee.
        shin: distance from knee to ankle.
        neck: distance from the middle of the shoulders to the middle of the head.
        head: half the distance between the ears; the face is proportional to it.
    """

    height: float
    torso: float
    shoulders: float
    hips: float
    upper_arm: float
    forearm: float
    thigh: float
    shin: float
    neck: float
    head: float

    @property
    def arm(self) -> float:
        """Length of the stretched arm, in metres."""
        return self.upper_arm + self.forearm

    @property
    def leg(self) -> float:
        """Length of the stretched leg, in metres."""
        return self.thigh + self.shin

    @property
    def ankle(self) -> float:
        """Height of the ankle above the floor, in metres."""
        return 0.045 * self.height


@dataclass(frozen=True)
class Figure:
    """A moving body.

    Attributes:
        joints: float64 `[T, 17, 3]`, positions in metres, in the order of coco17.
        face_front: float64 `[T, 3]`, unit vector of the face's front.
    """

    joints: Floats
    face_front: Floats


def animate(body: Body, motion: Floats) -> Figure:
    """Return the joint positions of a moving body.

    Args:
        body: measures of the body.
        motion: float64 `[T, len(CHANNELS)]`, the joint parameters.
    """
    pose = Pose.from_matrix(motion)
    trunk = pose.trunk
    feet = {side: _ankle(body, leg, sign) for side, leg, sign in _sided(pose.left_leg, pose.right_leg)}
    pelvis = rotation(trunk.yaw, trunk.pitch, trunk.roll)
    centre = _pelvis_centre(body, pose, feet)
    # Half of the spine's bend is at the waist, half below the shoulders.
    loins = pelvis @ rotation(trunk.twist / 2, trunk.bend / 2, trunk.lean / 2)
    chest = pelvis @ rotation(trunk.twist, trunk.bend, trunk.lean)
    head = chest @ rotation(trunk.look, trunk.nod, trunk.tilt)
    waist = centre + 0.35 * body.torso * loins[..., 1]
    collar = waist + 0.65 * body.torso * chest[..., 1]

    places: dict[str, Floats] = _face(body, head, collar + body.neck * (0.35 * chest[..., 1] + 0.65 * head[..., 1]))
    for side, leg, sign in _sided(pose.left_leg, pose.right_leg):
        hip = centre + sign * body.hips * pelvis[..., 0]
        pole = rotation(trunk.yaw + sign * leg.knee_out, 0 * trunk.yaw, 0 * trunk.yaw)[..., 2]
        knee, ankle = two_bones(hip, feet[side], body.thigh, body.shin, pole)
        places |= {f"{side}_hip": hip, f"{side}_knee": knee, f"{side}_ankle": ankle}
    for side, arm, sign in _sided(pose.left_arm, pose.right_arm):
        shoulder = collar + _shoulder(body, arm, chest, sign)
        target = shoulder + body.arm * arm.reach[:, None] * _direction(chest, arm.out, arm.up, arm.front, sign)
        knee, ankle = places[f"{side}_knee"], places[f"{side}_ankle"]
        on_knee = knee + 0.15 * (places[f"{side}_hip"] - knee) + body.height * np.array([0.0, 0.04, 0.0])
        on_foot = ankle + body.height * np.array([0.0, 0.03, 0.06])
        target = target + arm.on_knee[:, None] * (on_knee - target) + arm.on_foot[:, None] * (on_foot - target)
        pole = _direction(chest, arm.elbow_out, arm.elbow_up, arm.elbow_front, sign)
        elbow, wrist = two_bones(shoulder, target, body.upper_arm, body.forearm, pole)
        places |= {f"{side}_shoulder": shoulder, f"{side}_elbow": elbow, f"{side}_wrist": wrist}
    joints = np.stack([places[joint] for joint in load_layout("coco17").joints], axis=1)
    return Figure(joints, head[..., 2])


def rotation(yaw: Floats, pitch: Floats, roll: Floats) -> Floats:
    """Return rotation matrices `[T, 3, 3]` from degrees `[T]`: lean left, then bend to the front, then turn left."""
    (sy, sp, sr), (cy, cp, cr) = (
        function(np.radians([yaw, pitch, -np.asarray(roll)])) for function in (np.sin, np.cos)
    )
    rows = [
        [cy * cr + sy * sp * sr, sy * sp * cr - cy * sr, sy * cp],
        [cp * sr, cp * cr, -sp],
        [cy * sp * sr - sy * cr, sy * sr + cy * sp * cr, cy * cp],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def two_bones(start: Floats, target: Floats, first: float, second: float, pole: Floats) -> tuple[Floats, Floats]:
    """Return the positions of the middle and the end of two joined bones.

    Args:
        start: float64 `[T, 3]`, beginning of the first bone.
        target: float64 `[T, 3]`, desired end of the second bone; a target out of reach is moved nearer.
        first: length of the first bone.
        second: length of the second bone.
        pole: float64 `[T, 3]`, direction of the middle joint.

    Returns:
        Middle and end, float64 `[T, 3]` each.
    """
    line = target - start
    distance = np.linalg.norm(line, axis=-1, keepdims=True)
    line = line / np.maximum(distance, 1e-9)
    distance = np.clip(distance, 1.05 * abs(first - second) + 0.25 * min(first, second), 0.999 * (first + second))
    along = (first**2 - second**2 + distance**2) / (2 * distance)
    aside = pole - line * np.sum(pole * line, axis=-1, keepdims=True)
    aside = aside / np.maximum(np.linalg.norm(aside, axis=-1, keepdims=True), 1e-9)
    middle = start + along * line + np.sqrt(np.maximum(first**2 - along**2, 0.0)) * aside
    return middle, start + distance * line


def _sided[Limb](left: Limb, right: Limb) -> tuple[tuple[str, Limb, int], tuple[str, Limb, int]]:
    return ("left", left, 1), ("right", right, -1)


def _ankle(body: Body, leg: Leg, sign: int) -> Floats:
    heel = np.radians(leg.heel)
    foot = 0.1 * body.height
    return np.stack(
        [
            sign * leg.out * body.leg,
            body.ankle + leg.lift * body.leg + foot * np.sin(heel),
            leg.front * body.leg + foot * (1 - np.cos(heel)),
        ],
        axis=-1,
    )


def _pelvis_centre(body: Body, pose: Pose, feet: dict[str, Floats]) -> Floats:
    """Return the position of the pelvis: as high as both legs allow, minus the drop of the pose."""
    trunk = pose.trunk
    x, z = trunk.shift * body.leg, trunk.forward * body.leg
    heights = []
    for side, _, sign in _sided(pose.left_leg, pose.right_leg):
        apart = (x + sign * body.hips - feet[side][:, 0]) ** 2 + (z - feet[side][:, 2]) ** 2
        heights.append(feet[side][:, 1] + np.sqrt(np.maximum((LEG_SLACK * body.leg) ** 2 - apart, 0.04 * body.leg**2)))
    return np.stack([x, np.minimum(*heights) - trunk.drop * body.leg, z], axis=-1)


def _shoulder(body: Body, arm: Arm, chest: Floats, sign: int) -> Floats:
    """Return the vector from the middle of the shoulders to a shoulder, which moves up and forward with the arm."""
    size = np.sqrt(arm.out**2 + arm.up**2 + arm.front**2) / arm.reach
    raised, forward = np.maximum(arm.up / size, 0.0)[:, None], np.maximum(arm.front / size, 0.0)[:, None]
    return (
        sign * body.shoulders * (1 - 0.18 * raised - 0.06 * forward) * chest[..., 0]
        + 0.13 * body.torso * raised * chest[..., 1]
        + 0.08 * body.torso * forward * chest[..., 2]
    )


def _direction(frame: Floats, out: Floats, up: Floats, front: Floats, sign: int) -> Floats:
    """Return the unit vectors `[T, 3]` of directions that are given relative to a frame."""
    vector = np.stack([sign * out, up, front], axis=-1)
    vector = vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)
    return np.einsum("tij,tj->ti", frame, vector)


def _face(body: Body, head: Floats, middle: Floats) -> dict[str, Floats]:
    """Return the positions of nose, eyes and ears."""
    offsets = {"nose": (0.0, -0.15, 1.45)}
    for side, sign in (("left", 1), ("right", -1)):
        offsets |= {f"{side}_eye": (sign * 0.45, 0.3, 1.1), f"{side}_ear": (sign * 1.0, 0.1, 0.0)}
    return {joint: middle + body.head * head @ np.array(offset) for joint, offset in offsets.items()}
