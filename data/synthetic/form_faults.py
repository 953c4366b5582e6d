"""Typical faults of beginners: their effect on joint parameters and on the quality of a movement."""

from collections.abc import Callable

import numpy as np

from data.synthetic.poses import Floats, columns

Damage = Callable[[Floats, float], None]
"""Function that changes key poses `[K, len(CHANNELS)]` in place, by a severity whose sign is the side of the body."""

_UP, _FRONT, _REACH = columns("arm.up"), columns("arm.front"), columns("arm.reach")
_DROP, _STANCE, _HEEL = columns("trunk.drop"), columns("leg.out"), columns("leg.heel")
_LOOK, _NOD = columns("trunk.look"), columns("trunk.nod")
_BENDING = columns("trunk.pitch", "trunk.bend", "trunk.lean", "trunk.roll")
_PITCH, _LEAN = columns("trunk.pitch"), columns("trunk.lean")


def _low_arms(poses: Floats, severity: float, sides: slice = slice(None)) -> None:
    """Keep raised hands low, in front of the body, and not stretched."""
    up, front, reach = _UP[sides], _FRONT[sides], _REACH[sides]
    raised = abs(severity) * np.clip((poses[:, up] + 0.3) / 1.3, 0.0, 1.0)
    poses[:, up] -= 0.6 * raised
    poses[:, front] += 0.6 * raised
    poses[:, reach] -= 0.15 * raised


def _asymmetric(poses: Floats, severity: float) -> None:
    """Keep one hand low, in front of the body, and not stretched."""
    _low_arms(poses, severity, slice(0, 1) if severity > 0 else slice(1, 2))


def _bent_arms(poses: Floats, severity: float) -> None:
    """Bend arms that should be stretched."""
    poses[:, _REACH] -= 0.28 * abs(severity) * (poses[:, _REACH] > 0.85)


def _bent_knees(poses: Floats, severity: float) -> None:
    """Bend legs that should be straight."""
    poses[:, _DROP] += 0.1 * abs(severity) * (poses[:, _DROP] < 0.06)


def _shallow_squat(poses: Floats, severity: float) -> None:
    """Make the horse stance too high and too narrow."""
    poses[:, _DROP] *= 1 - 0.75 * abs(severity)
    poses[:, _STANCE] *= 1 - 0.3 * abs(severity) * (poses[:, _STANCE] > 0.4)


def _leaning(poses: Floats, severity: float) -> None:
    """Lean the trunk, which should be upright."""
    poses[:, _LEAN] += 10 * severity
    poses[:, _PITCH] += 12 * abs(severity)


def _short_look(poses: Floats, severity: float) -> None:
    """Turn the head too little."""
    poses[:, _LOOK] *= 1 - 0.65 * abs(severity)
    poses[:, _NOD] *= 1 - 0.65 * abs(severity)


def _stiff(poses: Floats, severity: float) -> None:
    """Bend the trunk too little."""
    poses[:, _BENDING] *= 1 - 0.45 * abs(severity)


def _flat_heels(poses: Floats, severity: float) -> None:
    """Raise the heels too little."""
    poses[:, _HEEL] *= 1 - 0.6 * abs(severity)


def _hasty(poses: Floats, severity: float) -> None:
    """Leave poses unchanged: this fault shortens the times (see `performance`)."""


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
    """Draw faults and their severity.

    Args:
        possible: names of the faults that may occur.
        skill: skill of the person, 0 to 1.
        rng: random generator.

    Returns:
        Severity of each fault that occurs, -1 to 1; the sign is the side of the body, for faults that have one.
    """
    happens = rng.random(len(possible)) < 0.45 * (1 - skill)
    severities = rng.uniform(0.35, 1.0, len(possible)) * rng.choice([-1.0, 1.0], len(possible))
    return {fault: float(severity) for fault, severity, yes in zip(possible, severities, happens, strict=True) if yes}


def quality(faults: dict[str, float]) -> float:
    """Return the quality: 1 without faults, and multiplied by 0.5 to 1 for each fault, by its severity."""
    return float(np.prod([1 - 0.5 * abs(severity) for severity in faults.values()]))
