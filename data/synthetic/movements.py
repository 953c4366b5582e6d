"""The eight movements of Baduanjin as key poses, each with the time to reach it and the time to hold it.

Movements with two sides are described for the left side; the right side is the mirror image. They were compared with
the trajectories of a real performer.
"""

from dataclasses import dataclass

from data.synthetic.poses import Arm, Leg, Pose, Trunk


@dataclass(frozen=True)
class Key:
    """A key pose.

    Attributes:
        pose: the pose.
        seconds: time from the key pose before.
        hold: time for which the pose is held, in seconds.
    """

    pose: Pose
    seconds: float
    hold: float = 0.0

    def mirrored(self) -> "Key":
        """Return the key pose with left and right exchanged."""
        return Key(self.pose.mirrored(), self.seconds, self.hold)


@dataclass(frozen=True)
class Movement:
    """One of the eight movements.

    Attributes:
        label: class of the movement.
        entry: key poses from standing to the beginning of the first repetition.
        cycles: different ways of one repetition, which ends as it begins; a person knows one way.
        exit: key poses back to standing.
        sided: whether repetitions alternate between left and right.
        faults: names of typical faults.
    """

    label: str
    entry: tuple[Key, ...]
    cycles: tuple[tuple[Key, ...], ...]
    exit: tuple[Key, ...]
    sided: bool
    faults: tuple[str, ...]


# Arms
HANG = Arm(0.12, -1.0, 0.08, 0.97)
ROUND = Arm(0.25, -0.9, 0.35, 0.9, 0.9, 0.1, -0.4)
BELLY = Arm(-0.24, -0.68, 0.38, 0.78, 0.95, -0.1, -0.35)
CHEST = Arm(-0.25, -0.12, 0.45, 0.5, 1.0, 0.05, -0.1)
BROW = Arm(-0.12, 0.4, 0.45, 0.6, 1.0, 0.2, 0.1)
OVERHEAD = Arm(-0.12, 1.0, 0.03, 0.96, 1.0, 0.0, 0.15)
HIGH_SIDE = Arm(0.7, 0.75, 0.05, 0.95, 0.6, -0.4, -0.4)
SIDE = Arm(1.0, 0.02, 0.08, 0.95, 0.0, -0.8, -0.4)
LOW_SIDE = Arm(0.65, -0.75, 0.1, 0.95, 0.3, -0.3, -0.8)
FORWARD_UP = Arm(-0.05, 0.6, 0.8, 0.94, 0.7, -0.5, 0.0)
FIST = Arm(0.1, -0.55, 0.12, 0.64, 0.45, -0.2, -1.0)
LOINS = Arm(-0.12, -0.75, -0.22, 0.74, 0.85, 0.0, -0.6)
ARMPITS = Arm(0.0, -0.4, 0.1, 0.45, 1.0, -0.2, -0.6)
KNEE = Arm(0.2, -0.9, 0.35, 0.9, 0.9, 0.1, -0.3, on_knee=1.0)

# Stances
TOGETHER = Leg(out=0.1, knee_out=8.0)
APART = Leg(out=0.24)
HORSE = Leg(out=0.58, knee_out=38.0)


def _both(arm: Arm, leg: Leg = APART, trunk: Trunk = Trunk()) -> Pose:
    return Pose(trunk, arm, arm, leg, leg)


STAND = _both(HANG)
STAND_CLOSE = _both(HANG, TOGETHER)

# 1. Both hands rise in front of the body, turn at the chest, press upwards, and sink at the sides.
_LIFT = (
    Key(_both(BELLY, trunk=Trunk(drop=0.04)), 1.2, 0.3),
    Key(_both(CHEST, trunk=Trunk()), 1.4),
    Key(_both(BROW, trunk=Trunk(nod=-12)), 0.8),
    Key(_both(OVERHEAD, trunk=Trunk(nod=-18)), 1.2, 0.2),
    Key(_both(OVERHEAD), 0.5, 1.2),
    Key(_both(HIGH_SIDE), 0.9),
    Key(_both(SIDE), 0.7),
    Key(_both(LOW_SIDE, trunk=Trunk(drop=0.03)), 0.7),
    Key(_both(ROUND, trunk=Trunk(drop=0.05)), 0.8),
)
_ON_TOES = Leg(out=0.24, heel=22.0)
_LIFT_ON_TOES = (
    *_LIFT[:3],
    Key(_both(OVERHEAD, _ON_TOES, Trunk(nod=-10)), 1.2, 1.2),
    Key(_both(HIGH_SIDE, _ON_TOES), 0.9),
    *_LIFT[6:],
)
LIFT_THE_SKY = Movement(
    "lift_the_sky",
    (Key(_both(ROUND, trunk=Trunk(drop=0.04)), 0.8),),
    (_LIFT, _LIFT, _LIFT_ON_TOES),
    (Key(STAND, 0.8),),
    sided=False,
    faults=("low_arms", "bent_arms", "bent_knees", "leaning", "asymmetric", "hasty"),
)

# 2. A step to the left, wrists cross at the chest, then the left hand pushes out and the right elbow draws the bow.
_STEP = Pose(Trunk(shift=-0.08, look=8), ROUND, ROUND, Leg(out=0.45, lift=0.05), TOGETHER)
_CROSSED = Arm(-0.5, -0.2, 0.5, 0.58, 0.7, -0.6, -0.1)
_WIDE = Pose(Trunk(shift=0.18, drop=0.02), _CROSSED, _CROSSED, Leg(out=0.95, knee_out=30), TOGETHER)
_AIM = Pose(
    Trunk(shift=0.4, drop=0.13, look=35),
    CHEST._replace(out=0.1, reach=0.45),
    CHEST._replace(out=-0.3),
    Leg(out=1.0, knee_out=38),
    Leg(out=0.2, knee_out=38),
)
_DRAW = Pose(
    Trunk(shift=0.4, drop=0.25, pitch=4, twist=6, look=68),
    Arm(1.0, 0.03, 0.12, 0.96, 0.1, -0.8, -0.4),
    Arm(0.12, -0.02, 0.38, 0.4, 1.0, 0.05, -0.1),
    Leg(out=1.0, knee_out=40),
    Leg(out=0.2, knee_out=40),
)
_RELEASE = Pose(
    Trunk(shift=0.12, drop=0.02, look=-25),
    SIDE._replace(up=0.1),
    SIDE._replace(up=0.1),
    Leg(out=1.0, knee_out=25),
    Leg(out=0.16, knee_out=25),
)
_BACK = Pose(Trunk(shift=-0.05), LOW_SIDE, LOW_SIDE, Leg(out=0.4, lift=0.04), TOGETHER)
_CLOSE = _both(BELLY._replace(reach=0.82), TOGETHER, Trunk(drop=0.04))
_BOW = (
    Key(_STEP, 0.9),
    Key(_WIDE, 0.9, 0.2),
    Key(_AIM, 0.9),
    Key(_DRAW, 1.2, 1.4),
    Key(_RELEASE, 1.1),
    Key(_BACK, 0.9),
    Key(_CLOSE, 0.8),
)
_STAY = Leg(out=0.6, knee_out=40)


def _in_horse(pose: Pose) -> Pose:
    """Return the pose with the legs in a fixed horse stance."""
    return pose._replace(
        trunk=pose.trunk._replace(shift=0.0, drop=max(pose.trunk.drop, 0.1)), left_leg=_STAY, right_leg=_STAY
    )


_BOW_IN_PLACE = tuple(Key(_in_horse(key.pose), key.seconds, key.hold) for key in _BOW[1:])
DRAW_THE_BOW = Movement(
    "draw_the_bow",
    (Key(_CLOSE, 0.8),),
    (_BOW, _BOW, _BOW_IN_PLACE),
    (Key(STAND_CLOSE, 0.8),),
    sided=True,
    faults=("bent_arms", "shallow_squat", "leaning", "short_look", "low_arms", "hasty"),
)

# 3. One hand presses upwards, the other downwards.
_PRESS_DOWN = Arm(0.4, -0.85, 0.12, 0.88, 0.7, 0.1, -0.7)
_PRESS_UP = Arm(0.06, 1.0, 0.02, 0.95, 1.0, 0.0, 0.4)
_SEPARATE = (
    Key(_both(BELLY, trunk=Trunk(drop=0.05)), 1.0, 0.2),
    Key(Pose(Trunk(), CHEST, BELLY._replace(up=-0.5, reach=0.68)), 1.2),
    Key(Pose(Trunk(lean=-3, roll=-1), BROW._replace(out=0.05), _PRESS_DOWN._replace(out=0.2, reach=0.8)), 0.9),
    Key(Pose(Trunk(lean=-6, roll=-2), _PRESS_UP, _PRESS_DOWN), 1.2, 1.6),
    Key(Pose(Trunk(lean=-3, roll=-1), BROW._replace(out=-0.05), _PRESS_DOWN._replace(out=0.3)), 1.2),
    Key(Pose(Trunk(drop=0.02), CHEST, ROUND), 0.9),
    Key(_both(BELLY, trunk=Trunk(drop=0.05)), 0.9),
)
SEPARATE_HEAVEN_AND_EARTH = Movement(
    "separate_heaven_and_earth",
    (Key(_both(BELLY, trunk=Trunk(drop=0.04)), 0.9),),
    (_SEPARATE,),
    (Key(STAND, 0.9),),
    sided=True,
    faults=("low_arms", "bent_arms", "bent_knees", "leaning", "hasty"),
)

# 4. Arms open low at the sides while the head turns to look behind.
_OPEN = Arm(0.85, -0.55, -0.1, 0.95, 0.1, -0.3, -0.9)
_FRONT = Arm(0.3, -0.85, 0.3, 0.92, 0.9, 0.1, -0.4)
_GAZE = (
    Key(_both(LOW_SIDE, trunk=Trunk(look=18, twist=3)), 1.1),
    Key(_both(_OPEN, trunk=Trunk(look=72, twist=12, yaw=3, nod=-3)), 1.4, 2.0),
    Key(_both(_OPEN._replace(out=0.6), trunk=Trunk(look=20, twist=4)), 1.2),
    Key(_both(_FRONT, trunk=Trunk(drop=0.07)), 1.1, 0.5),
)
_ONTO_LOINS = Arm(0.05, -0.6, -0.3, 0.68, 0.85, 0.0, -0.6)
_GAZE_FROM_LOINS = (
    Key(_both(_ONTO_LOINS), 1.0),
    Key(_both(_ONTO_LOINS, trunk=Trunk(look=70, twist=20, yaw=5)), 1.4, 1.8),
    Key(_both(_FRONT, trunk=Trunk(drop=0.04)), 1.6, 0.4),
)
WISE_OWL = Movement(
    "wise_owl_gazes_backwards",
    (Key(_both(_FRONT, trunk=Trunk(drop=0.06)), 0.8, 0.2),),
    (_GAZE, _GAZE, _GAZE, _GAZE_FROM_LOINS),
    (Key(STAND, 0.9),),
    sided=True,
    faults=("short_look", "bent_arms", "leaning", "hasty"),
)


# 5. In a horse stance, hands on the knees, the body leans over, swings low to the other side and rises.
def _sway(**trunk: float) -> Pose:
    return _both(KNEE, HORSE, Trunk(**trunk))


_UPRIGHT = _sway(drop=0.24, pitch=10)
_SWAY = (
    Key(_sway(drop=0.16, pitch=6, lean=-6, shift=-0.03), 0.8),
    Key(_sway(drop=0.2, pitch=12, roll=-12, lean=-26, shift=-0.14, tilt=-8), 1.1, 0.2),
    Key(_sway(drop=0.24, pitch=32, roll=-16, bend=24, twist=-30, lean=-16, shift=-0.2, nod=-12), 1.1),
    Key(_sway(drop=0.26, pitch=42, bend=32, shift=0.0, nod=-15), 0.9),
    Key(_sway(drop=0.24, pitch=32, roll=14, bend=24, twist=30, lean=16, shift=0.16, nod=-16), 0.9),
    Key(_sway(drop=0.2, pitch=14, roll=12, lean=26, shift=0.1, nod=-22, tilt=10), 1.2),
    Key(_sway(drop=0.16, pitch=6, lean=4, shift=0.02, nod=-14), 1.0),
    Key(_UPRIGHT, 0.9, 0.5),
)
SWAY = Movement(
    "sway_head_and_shake_tail",
    (
        Key(Pose(Trunk(shift=-0.06), CHEST, CHEST, Leg(out=0.5, lift=0.05), APART), 1.0),
        Key(_both(BROW, HORSE, Trunk(drop=0.02)), 0.8),
        Key(_both(OVERHEAD._replace(out=0.12), HORSE), 0.9, 0.4),
        Key(_both(SIDE, HORSE, Trunk(drop=0.1)), 1.0),
        Key(_UPRIGHT, 1.0, 0.4),
    ),
    (_SWAY,),
    (
        Key(_both(SIDE, HORSE, Trunk(drop=0.08)), 1.0),
        Key(_both(LOW_SIDE, Leg(out=0.4, lift=0.02)), 0.9),
        Key(STAND, 0.8),
    ),
    sided=True,
    faults=("shallow_squat", "stiff", "short_look", "hasty"),
)

# 6. Arms rise and press down in front of the body; the hands slide down the back as the trunk bends, and hold the feet.
_FEET = Arm(-0.05, -0.5, 0.9, 0.98, 0.7, 0.3, 0.2, on_foot=1.0)
_HOLD_FEET = (
    Key(_both(BROW), 1.1),
    Key(_both(CHEST._replace(up=-0.2)), 0.9),
    Key(_both(ARMPITS), 0.9),
    Key(_both(LOINS), 1.0, 0.2),
    Key(_both(LOINS._replace(up=-0.9, reach=0.85), trunk=Trunk(pitch=38, bend=26, forward=-0.09, nod=-10)), 1.2),
    Key(_both(_FEET._replace(on_foot=0.6), trunk=Trunk(pitch=66, bend=46, forward=-0.15, nod=-5)), 1.0),
    Key(_both(_FEET, trunk=Trunk(pitch=74, bend=56, forward=-0.17, nod=-10)), 0.7, 1.4),
    Key(_both(FORWARD_UP._replace(up=0.75), trunk=Trunk(pitch=52, bend=25, forward=-0.12, nod=-12)), 1.1),
    Key(_both(OVERHEAD._replace(out=0.02), trunk=Trunk(pitch=4)), 1.2, 0.5),
)
_HOLD_FEET_AT_ONCE = (
    Key(_both(BROW), 1.0),
    Key(_both(CHEST, trunk=Trunk(pitch=20, bend=16, forward=-0.05)), 0.9),
    *_HOLD_FEET[5:],
)
HOLD_THE_FEET = Movement(
    "hands_hold_the_feet",
    (Key(_both(FORWARD_UP), 1.3), Key(_both(OVERHEAD._replace(out=0.02)), 0.9, 0.5)),
    (_HOLD_FEET, _HOLD_FEET, _HOLD_FEET_AT_ONCE),
    (Key(_both(BROW), 0.9), Key(_both(BELLY), 1.0), Key(STAND, 0.8)),
    sided=False,
    faults=("stiff", "bent_knees", "low_arms", "bent_arms", "hasty"),
)


# 7. In a horse stance, fists at the waist; one fist pushes out slowly, the hand opens, turns, grasps and comes back.
def _fists(left: Arm = FIST, **trunk: float) -> Pose:
    return Pose(Trunk(**{"drop": 0.19, "pitch": 5, **trunk}), left, FIST, HORSE, HORSE)


_PUNCH = Arm(-0.1, -0.06, 1.0, 0.95, 0.5, -0.9, 0.0)
_PUNCH_ASIDE = Arm(0.85, 0.0, 0.5, 0.95, 0.3, -0.9, -0.2)
_CLENCH = (
    Key(_fists(), 0.4, 0.3),
    Key(_fists(Arm(0.0, -0.4, 0.6, 0.66, 0.5, -0.5, -0.7), twist=-2), 0.9),
    Key(_fists(_PUNCH, twist=-12, look=4), 1.2, 1.0),
    Key(_fists(_PUNCH._replace(up=0.06, out=0.0, elbow_out=1.0, elbow_up=-0.2), twist=-10), 0.5),
    Key(_fists(_PUNCH._replace(out=-0.14, elbow_up=-0.6), twist=-12), 0.5, 0.4),
    Key(_fists(Arm(0.0, -0.4, 0.6, 0.66, 0.5, -0.5, -0.7), twist=-2), 1.0),
    Key(_fists(), 0.8, 0.3),
)
_CLENCH_ASIDE = (
    _CLENCH[0],
    Key(_fists(Arm(0.35, -0.3, 0.5, 0.6, 0.5, -0.5, -0.7), look=25), 0.9),
    Key(_fists(_PUNCH_ASIDE, twist=8, look=42), 1.2, 1.3),
    Key(_fists(_PUNCH_ASIDE._replace(up=0.08, elbow_up=-0.4), twist=8, look=42), 0.5, 0.3),
    Key(_fists(Arm(0.35, -0.3, 0.5, 0.6, 0.5, -0.5, -0.7), look=15), 1.0),
    _CLENCH[-1],
)
CLENCH_FISTS = Movement(
    "clench_fists_and_glare",
    (
        Key(Pose(Trunk(shift=-0.06), FIST, FIST, Leg(out=0.5, lift=0.05), APART), 1.0),
        Key(_fists(drop=0.05), 0.8),
        Key(_fists(), 0.8, 0.3),
    ),
    (_CLENCH, _CLENCH, _CLENCH, _CLENCH_ASIDE),
    (Key(_both(FIST, Leg(out=0.45, lift=0.03), Trunk(drop=0.02)), 0.9), Key(STAND, 0.9)),
    sided=True,
    faults=("shallow_squat", "bent_arms", "leaning", "hasty"),
)


# 8. Heels rise, stay, and drop to the floor with a small shake of the body.
def _bounce(arm: Arm) -> tuple[Key, ...]:
    raised, floor = Leg(out=0.1, heel=38.0, knee_out=8.0), TOGETHER
    return (
        Key(_both(arm, raised, Trunk(nod=-3)), 1.2, 1.6),
        Key(_both(arm, floor, Trunk(drop=0.025, nod=2)), 0.35),
        Key(_both(arm, floor), 0.25, 0.8),
    )


BOUNCE = Movement(
    "bounce_on_the_toes",
    (Key(STAND_CLOSE, 0.8, 0.2),),
    (_bounce(HANG), _bounce(HANG), _bounce(LOINS._replace(out=-0.2))),
    (Key(STAND_CLOSE, 0.6),),
    sided=False,
    faults=("flat_heels", "bent_knees", "leaning", "hasty"),
)

MOVEMENTS = (
    LIFT_THE_SKY,
    DRAW_THE_BOW,
    SEPARATE_HEAVEN_AND_EARTH,
    WISE_OWL,
    SWAY,
    HOLD_THE_FEET,
    CLENCH_FISTS,
    BOUNCE,
)
"""All movements, in their traditional order."""

LABELS = tuple(movement.label for movement in MOVEMENTS)
"""Classes, in the order of the movements."""
