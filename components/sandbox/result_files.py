"""Files through which a sandboxed process reports its results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from data.files import write_atomically


def figures_file(folder: Path) -> Path:
    """Return the path of the file of measured figures."""
    return folder / "figures.json"


def probabilities_file(folder: Path) -> Path:
    """Return the path of the file of predicted probabilities."""
    return folder / "probabilities.npy"


def write_figures(folder: Path, figures: dict[str, Any]) -> None:
    """Write the figures measured so far, so that they remain if the process dies later."""
    write_atomically(figures_file(folder), json.dumps(figures))


def write_probabilities(folder: Path, probabilities: np.ndarray) -> None:
    """Write the predicted probabilities.

    Raises:
        ValueError: a probability is NaN or infinite.
    """
    if not np.isfinite(probabilities).all():
        raise ValueError("it gives NaN or infinity")
    np.save(probabilities_file(folder), probabilities)
