"""Invented people: the proportions of a body and a personal way of moving."""

from dataclasses import dataclass

import numpy as np

from data.synthetic.kinematics import Body
from data.synthetic.movements import MOVEMENTS, Key, Movement
from data.synthetic.poses import CHANNELS, Floats, columns

_SPREAD = {
    ".drop": 0.0,  # scaled instead, as are the positions of the feet, because a foot on the floor must not slide
    ".shift": 0.015,
    ".forward": 0.01,
    ".yaw": 2.0,
    ".pitch": 2.5,
    ".roll": 1.5,
    ".twist": 3.0,
    ".bend": 3.0,
    ".lean": 2.0,
    ".look": 5.0,
    ".nod": 4.0,
    ".tilt": 2.5,
    "arm.out": 0.09,
    "arm.up": 0.08,
    "arm.front": 0.09,
    ".reach": 0.035,
    ".elbow_out": 0.16,
    ".elbow_up": 0.16,
    ".elbow_front": 0.16,
}
KEY_SPREAD = np.array(
    [next((spread for end, spread in _SPREAD.items() if channel.endswith(end)), 0.0) for channel in CHANNELS]
)
"""Standard deviation of each channel between people in the same key pose, float64 `[len(CHANNELS)]`."""


@dataclass(frozen=True)
class Person:
    """An invented person.

    Attributes:
        name: id of the person.
        body: measures of the body.
        pace: factor of all durations.
        depth: factor of the sinking of the pelvis.
        stance: factor of the width of the stance.
        supple: factor of bending and turning.
        skill: 0 to 1; people with less skill make more and stronger faults.
        ways: number of the cycle that the person knows, for each movement.
        style: seed of the person's offsets of the key poses, for each movement.
        habit: float64 `[len(CHANNELS)]`, offset in every pose.
        marks: float64 `[17, 2]`, offset of the estimated joints from the true ones for this person, in torso lengths.
    """

    name: str
    body: Body
    pace: float
    depth: float
    stance: float
    supple: float
    skill: float
    ways: tuple[int, ...]
    style: tuple[int, ...]
    habit: Floats
    marks: Floats

    def keys(self, movement: Movement) -> tuple[tuple[Key, ...], Floats]:
        """Return the cycle that this person knows, and the offsets of its key poses, `[keys, len(CHANNELS)]`."""
        number = MOVEMENTS.index(movement)
        cycle = movement.cycles[self.ways[number]]
        offsets = np.random.default_rng(self.style[number]).standard_normal((len(cycle), len(CHANNELS)))
        return cycle, 0.8 * offsets * KEY_SPREAD


def invent_person(name: str, rng: np.random.Generator) -> Person:
    """Draw a person."""
    return Person(
        name=name,
        body=_body(rng),
        pace=float(np.clip(np.exp(rng.normal(0.0, 0.22)), 0.65, 1.7)),
        depth=float(np.clip(rng.normal(1.0, 0.2), 0.5, 1.4)),
        stance=float(np.clip(rng.normal(1.0, 0.1), 0.78, 1.25)),
        supple=float(np.clip(rng.normal(0.97, 0.1), 0.7, 1.15)),
        skill=float(rng.beta(3.0, 1.5)),
        ways=tuple(int(rng.integers(len(movement.cycles))) for movement in MOVEMENTS),
        style=tuple(int(seed) for seed in rng.integers(2**32, size=len(MOVEMENTS))),
        habit=0.5 * rng.standard_normal(len(CHANNELS)) * KEY_SPREAD,
        marks=_marks(rng),
    )


_PROPORTIONS = {
    "torso": (0.295, 0.05),
    "shoulders": (0.1, 0.08),
    "hips": (0.058, 0.1),
    "upper_arm": (0.16, 0.03),
    "forearm": (0.148, 0.03),
    "thigh": (0.235, 0.03),
    "shin": (0.232, 0.03),
    "neck": (0.11, 0.1),
    "head": (0.04, 0.08),
}
"""Length of each body part divided by the height, and its relative standard deviation: proportions of adults
(Drillis and Contini 1966), measured between joints as pose estimators define them."""

AVERAGE_BODY = Body(height=1.67, **{part: 1.67 * share for part, (share, _) in _PROPORTIONS.items()})
"""Body of average height and proportions."""


def _body(rng: np.random.Generator) -> Body:
    height = float(np.clip(rng.normal(1.67, 0.09), 1.45, 1.95))
    arms, legs = rng.normal(1.0, 0.035), rng.normal(1.0, 0.06)
    common = {"upper_arm": arms, "forearm": arms, "thigh": legs, "shin": legs}
    parts = {}
    for part, (share, spread) in _PROPORTIONS.items():
        own = np.clip(rng.normal(1.0, spread), 1 - 2.5 * spread, 1 + 2.5 * spread)
        parts[part] = float(height * share * own * common.get(part, 1.0))
    return Body(height=height, **parts)


def _marks(rng: np.random.Generator) -> Floats:
    """Return the offsets of the estimated joints from the true ones, mirrored between the sides; 0 for the face."""
    marks = np.zeros((17, 2))
    sides = rng.normal(0.0, (0.02, 0.025), (6, 2))
    marks[5::2], marks[6::2] = sides, sides * np.array([-1.0, 1.0])
    return marks


SINKING = columns("trunk.drop")
"""Channels that `Person.depth` scales."""

STANCE = columns("leg.out")
"""Channels that `Person.stance` scales."""

SUPPLE = columns("trunk.pitch", "trunk.bend", "trunk.twist", "trunk.lean", "trunk.look")
"""Channels that `Person.supple` scales."""
