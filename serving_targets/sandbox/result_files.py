"""Files through which a sandboxed process reports its results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from data.files import write_atomically
from serving_targets.latency import Latency

FIGURES = "figures.json"


class SandboxFigures(BaseModel):
    """Figures that a sandboxed process measured up to its end or its failure; those that it did not measure are None.

    Attributes:
        operators: operator of a TFLite file to the number of its uses.
        labels: labels that the metadata of a TFLite file state; None without metadata.
        load_ms: time to load the model.
        first_ms: time for the first window.
        p50_ms: median time for a window.
        p95_ms: 95th percentile of the time for a window.
        latency: how the two were measured; None for a SavedModel.
        records: number of tf.Examples given to the endpoint `serving_default` of a SavedModel.
        endpoint_difference: largest difference of a probability between the two endpoints of a SavedModel.
    """

    model_config = ConfigDict(ser_json_inf_nan="constants")

    operators: dict[str, int] | None = None
    labels: tuple[str, ...] | None = None
    load_ms: float | None = None
    first_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    latency: Latency | None = None
    records: int | None = None
    endpoint_difference: float | None = None


def probabilities_file(folder: Path) -> Path:
    """Return the path of the file of predicted probabilities."""
    return folder / "probabilities.npy"


def write_figures(folder: Path, figures: SandboxFigures) -> None:
    """Write the figures measured so far, so that they remain if the process dies later."""
    write_atomically(folder / FIGURES, figures.model_dump_json())


def read_figures(folder: Path) -> SandboxFigures:
    """Read the figures that a process wrote; all are None if it wrote none."""
    file = folder / FIGURES
    return SandboxFigures.model_validate_json(file.read_bytes()) if file.exists() else SandboxFigures()


def write_probabilities(folder: Path, probabilities: np.ndarray) -> None:
    """Write the predicted probabilities.

    Raises:
        ValueError: a probability is NaN or infinite.
    """
    if not np.isfinite(probabilities).all():
        raise ValueError("it gives NaN or infinity")
    np.save(probabilities_file(folder), probabilities)
