"""Typical faults: what a beginner does to a movement's joint parameters, and what that costs in quality."""

from collections.abc import Callable

import numpy as np

from data.synthetic.poses import Floats, columns

Damage = Callable[[Floats, float], None]
"""Changes key poses [K, len(CHANNELS)] in place; the float is how grave, signed by the side it happens on."""

_UP, _FRONT, _REACH = columns("arm.up"), columns("arm.front"), columns("arm.reach")
_DROP, _STANCE, _HEEL = columns("trunk.drop"), columns("leg.out"), columns("leg.heel")
_LOOK, _NOD = columns("trunk.look"), columns("trunk.nod")
_BENDING = columns("trunk.pitch", "trunk.bend", "trunk.lean", "trunk.roll")
_PITCH, _LEAN = columns("trunk.pitch"), columns("trunk.lean")


def _low_arms(poses: Floats, gravity: float, sides: slice = slice(None)) -> None:
    """A raised hand stays low, before the body, and is not stretched."""
    up, front, reach = _UP[sides], _FRONT[sides], _REACH[sides]
    raised = abs(gravity) * np.clip((poses[:, up] + 0.3) / 1.3, 0.0, 1.0)
    poses[:, up] -= 0.6 * raised
    poses[:, front] += 0.6 * raised
    poses[:, reach] -= 0.15 * raised


def _asymmetric(poses: Floats, gravity: float) -> None:
    """The same with one arm alone."""
    _low_arms(poses, gravity, slice(0, 1) if gravity > 0 else slice(1, 2))


def _bent_arms(poses: Floats, gravity: float) -> None:
    """An arm that should be stretched is not."""
    poses[:, _REACH] -= 0.28 * abs(gravity) * (poses[:, _REACH] > 0.85)


def _bent_knees(poses: Floats, gravity: float) -> None:
    """Legs that should be straight are not."""
    poses[:, _DROP] += 0.1 * abs(gravity) * (poses[:, _DROP] < 0.06)


def _shallow_squat(poses: Floats, gravity: float) -> None:
    """The horse stance is too high and too narrow."""
    poses[:, _DROP] *= 1 - 0.75 * abs(gravity)
    poses[:, _STANCE] *= 1 - 0.3 * abs(gravity) * (poses[:, _STANCE] > 0.4)


def _leaning(poses: Floats, gravity: float) -> None:
    """The trunk is not upright."""
    poses[:, _LEAN] += 10 * gravity
    poses[:, _PITCH] += 12 * abs(gravity)


def _short_look(poses: Floats, gravity: float) -> None:
    """The head does not turn as far as it should."""
    poses[:, _LOOK] *= 1 - 0.65 * abs(gravity)
    poses[:, _NOD] *= 1 - 0.65 * abs(gravity)


def _stiff(poses: Floats, gravity: float) -> None:
    """The trunk does not bow and lean as far as it should."""
    poses[:, _BENDING] *= 1 - 0.45 * abs(gravity)


def _flat_heels(poses: Floats, gravity: float) -> None:
    """The heels hardly leave the floor."""
    poses[:, _HEEL] *= 1 - 0.6 * abs(gravity)


def _hasty(poses: Floats, gravity: float) -> None:
    """Nothing is held; poses stay as they are, times do not (see performance)."""


FAULTS: dict[str, Damage] = {
    "low_arms": _low_arms,
    "asymmetric": _asymmetric,
    "bent_arms": _bent_arms,
    "bent_knees": _bent_knees,
    "shallow_squat": _shallow_squat,
    "leaning": _leaning,
    "short_look": _short_look,
    "stiff": _stiff,
    "flat_heels": _flat_heels,
    "hasty": _hasty,
}


def draw_faults(possible: tuple[str, ...], skill: float, rng: np.random.Generator) -> dict[str, float]:
    """Draws which faults happen, each with its gravity in -1..1 (the sign is a side, where a fault has one)."""
    happens = rng.random(len(possible)) < 0.45 * (1 - skill)
    gravities = rng.uniform(0.35, 1.0, len(possible)) * rng.choice([-1.0, 1.0], len(possible))
    return {fault: float(gravity) for fault, gravity, yes in zip(possible, gravities, happens, strict=True) if yes}


def quality(faults: dict[str, float]) -> float:
    """1 without faults; every fault takes a share of what is left, up to a half."""
    return float(np.prod([1 - 0.5 * abs(gravity) for gravity in faults.values()]))
