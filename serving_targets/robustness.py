"""Windows as other cameras, other distances and worse estimators would have given them. NumPy only.

What a person sees in them is the same, so a model should say the same. Thresholds are section `robustness` of the gates
file, by the names of `DISTURBANCES`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data.layouts import Layout

Disturbance = Callable[[np.ndarray, Layout, np.random.Generator], np.ndarray]
"""Windows float32 `[N, T, J, C]`, their layout and randomness to changed windows."""


def _mirrored(windows: np.ndarray, layout: Layout, random: np.random.Generator) -> np.ndarray:
    """Left and right swapped, joints too."""
    changed = windows[:, :, list(layout.mirror)].copy()
    changed[..., 0] *= -1
    return changed


def _shifted(windows: np.ndarray, layout: Layout, random: np.random.Generator) -> np.ndarray:
    """Each window elsewhere, by up to half an image height or half a metre along each axis."""
    by = random.uniform(-0.5, 0.5, (len(windows), 1, 1, windows.shape[3] - 1))
    return _moved(windows, lambda positions: positions + by)


def _scaled(factor: float) -> Disturbance:
    return lambda windows, layout, random: _moved(windows, lambda positions: positions * factor)


def _joint_dropout(windows: np.ndarray, layout: Layout, random: np.random.Generator) -> np.ndarray:
    """15 % of all joints in all frames unseen: zeros, as estimators write them."""
    return windows * (random.random((*windows.shape[:3], 1)) >= 0.15)


def _joints_missing(windows: np.ndarray, layout: Layout, random: np.random.Generator) -> np.ndarray:
    """15 % of the joints, others in each window, never seen in it."""
    joints = windows.shape[2]
    order = random.random((len(windows), 1, joints, 1)).argsort(axis=2)
    return windows * (order >= round(0.15 * joints))


def _moved(windows: np.ndarray, move: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Positions changed, but for those of joints that were not seen, which are no positions."""
    positions, confidence = windows[..., :-1], windows[..., -1:]
    return np.concatenate([np.where(confidence > 0, move(positions), positions), confidence], axis=-1)


DISTURBANCES: dict[str, Disturbance] = {
    "mirrored": _mirrored,
    "shifted": _shifted,
    "half_size": _scaled(0.5),
    "double_size": _scaled(2.0),
    "joint_dropout": _joint_dropout,
    "joints_missing": _joints_missing,
}


def disturbed(windows: np.ndarray, layout: Layout, seed: int) -> dict[str, np.ndarray]:
    """Windows float32 `[N, T, J, C]` in every disturbed form, by its name; the same for the same seed."""
    return {
        name: disturb(windows, layout, np.random.default_rng((seed, i))).astype(np.float32)
        for i, (name, disturb) in enumerate(DISTURBANCES.items())
    }
