"""Disturbs windows as other cameras, distances and pose estimators would, to test the robustness of a model.

The movement stays recognisable for a person, so the predictions of a model should stay the same. The thresholds are in
the section `robustness` of the gates file, under the names in `DISTURBANCES`. This module needs only NumPy.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data.layouts import Layout

Disturbance = Callable[[np.ndarray, Layout, np.random.Generator], np.ndarray]
"""Function from windows float32 `[N, T, J, C]`, their layout and a random generator to disturbed windows."""


def _mirrored(windows: np.ndarray, layout: Layout, random: np.random.Generator) -> np.ndarray:
    """Swap left and right, both the x coordinates and the joints."""
    changed = windows[:, :, list(layout.mirror)].copy()
    changed[..., 0] *= -1
    return changed


def _shifted(windows: np.ndarray, layout: Layout, random: np.random.Generator) -> np.ndarray:
    """Shift each window along each axis by up to half an image height or half a metre."""
    by = random.uniform(-0.5, 0.5, (len(windows), 1, 1, windows.shape[3] - 1))
    return _moved(windows, lambda positions: positions + by)


def _scaled(factor: float) -> Disturbance:
    return lambda windows, layout, random: _moved(windows, lambda positions: positions * factor)


def _joint_dropout(windows: np.ndarray, layout: Layout, random: np.random.Generator) -> np.ndarray:
    """Hide 15 % of all joints in all frames by zeros, as pose estimators write them."""
    return windows * (random.random((*windows.shape[:3], 1)) >= 0.15)


def _joints_missing(windows: np.ndarray, layout: Layout, random: np.random.Generator) -> np.ndarray:
    """Hide 15 % of the joints in all frames of a window; the hidden joints differ from window to window."""
    joints = windows.shape[2]
    order = random.random((len(windows), 1, joints, 1)).argsort(axis=2)
    return windows * (order >= round(0.15 * joints))


def _moved(windows: np.ndarray, move: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Change the positions of all joints that were seen."""
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
    """Return the windows in every disturbed form, by its name.

    Args:
        windows: windows, float32 `[N, T, J, C]`.
        layout: joint layout of the windows.
        seed: seed of the random disturbances.
    """
    return {
        name: disturb(windows, layout, np.random.default_rng((seed, i))).astype(np.float32)
        for i, (name, disturb) in enumerate(DISTURBANCES.items())
    }
