"""What lies in an EdgeModel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FLOAT16_MODEL = "model_float16.tflite"
DYNAMIC_MODEL = "model_dynamic.tflite"
COMPARED = "compared"
"""Folder of the files that are made to be compared with those that are shipped."""


@dataclass(frozen=True)
class EdgeFile:
    """A TFLite file.

    Attributes:
        path: where it lies.
        shipped: whether it is shipped, or only made to be compared.
    """

    path: Path
    shipped: bool


def list_files(edge_model: Path) -> list[EdgeFile]:
    """The TFLite files of an EdgeModel, those that are shipped first."""
    shipped = [EdgeFile(path, True) for path in sorted(edge_model.glob("*.tflite"))]
    return shipped + [EdgeFile(path, False) for path in sorted((edge_model / COMPARED).glob("*.tflite"))]
