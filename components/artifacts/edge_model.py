"""The files in the folder of an EdgeModel artifact."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FLOAT16_MODEL = "model_float16.tflite"
DYNAMIC_MODEL = "model_dynamic.tflite"
COMPARED = "compared"
"""Subfolder of the files that are only compared with the shipped ones."""

GOLDEN_WINDOWS = "golden.npz"
"""Test windows (`windows`) and the SavedModel's `probabilities` for them, which every format must reproduce."""

EVALUATION_WINDOWS = "evaluation.npz"
"""Windows of whole test sequences, by which ModelValidator judges: `windows`, `label_ids`, `labels`, `sequences`."""


@dataclass(frozen=True)
class EdgeFile:
    """A TFLite file of an EdgeModel.

    Attributes:
        path: path of the file.
        shipped: whether the file is shipped; otherwise it is only compared with the shipped ones.
    """

    path: Path
    shipped: bool


def list_files(edge_model: Path) -> list[EdgeFile]:
    """List the TFLite files of an EdgeModel, the shipped ones first."""
    shipped = [EdgeFile(path, True) for path in sorted(edge_model.glob("*.tflite"))]
    return shipped + [EdgeFile(path, False) for path in sorted((edge_model / COMPARED).glob("*.tflite"))]
