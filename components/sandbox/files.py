"""What a trial's process leaves in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from data.files import write_atomically


def figures_file(folder: Path) -> Path:
    """Where the figures lie."""
    return folder / "figures.json"


def answers_file(folder: Path) -> Path:
    """Where the answers lie."""
    return folder / "probabilities.npy"


def write_figures(folder: Path, figures: dict[str, Any]) -> None:
    """Writes what is known so far; a process that dies later has told it."""
    write_atomically(figures_file(folder), json.dumps(figures))


def write_answers(folder: Path, probabilities: np.ndarray) -> None:
    """Writes the answers.

    Raises:
        ValueError: one is NaN or infinite.
    """
    if not np.isfinite(probabilities).all():
        raise ValueError("it gives NaN or infinity")
    np.save(answers_file(folder), probabilities)
