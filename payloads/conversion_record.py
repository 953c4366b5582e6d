"""EdgeConverter's record of a conversion: the files, the recipe and the windows it used."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from payloads.json_payload import JsonPayload


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class TensorRecord(_Part):
    """An input or output tensor of the converted files.

    Attributes:
        name: name of the tensor.
        shape: its dimensions, batch first.
        dtype: its element type.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


class Difference(_Part):
    """Difference of a file's probabilities from the SavedModel's, each window represented by its largest difference.

    Attributes:
        mean: mean over the windows.
        max: maximum over the windows.
    """

    mean: float
    max: float


class FileRecord(_Part):
    """One converted file.

    Attributes:
        bytes: size of the file.
        operators: operator to the number of its uses, ordered by name.
        float_islands: number of places inside the int8 core where values become float.
        golden_difference: difference from the SavedModel on the golden windows.
    """

    bytes: int
    operators: dict[str, int]
    float_islands: int
    golden_difference: Difference


class Int8Recipe(_Part):
    """How the int8 file was made.

    Attributes:
        scope: regular expression for the names of the quantised operators.
        cut: share of windows whose extreme activations are clipped, from 0 to 1.
        difference: for each candidate cut, the largest difference of a probability from the float file, averaged over
            the windows.
    """

    scope: str
    cut: float
    difference: dict[float, float]


class SelectedWindows(_Part):
    """Windows that were selected from one split.

    Attributes:
        windows: number of windows.
        by_label_id: label number to its number of windows.
        sequences: number of sequences that the windows were cut from.
        sha256: digest of the values of all windows.
        split: name of the split.
        seed: seed of the selection.
    """

    windows: int
    by_label_id: dict[int, int]
    sequences: int
    sha256: str
    split: str
    seed: int


class JudgedWindows(_Part):
    """Windows that were kept for ModelValidator.

    Attributes:
        windows: number of windows that were kept.
        of: number of windows in the split.
        split: name of the split.
    """

    windows: int
    of: int
    split: str


class ConversionRecord(JsonPayload):
    """One conversion from SavedModel to TFLite.

    Attributes:
        input: input tensor.
        output: output tensor.
        files: file name to its size, operators and difference from the SavedModel.
        recipe: how the int8 file was quantised.
        representative: number, labels and digest of the training windows that calibrated the quantisation.
        golden: number, labels and digest of the windows on which every format must give the same answer.
        evaluation: test windows kept for ModelValidator.
        versions: library to its version.
        seconds: wall time of the conversion.
        cpu_seconds: stage to its processor time, from the start of the converting process.
    """

    FILE: ClassVar[str] = "conversion.json"

    input: TensorRecord
    output: TensorRecord
    files: dict[str, FileRecord]
    recipe: Int8Recipe
    representative: SelectedWindows
    golden: SelectedWindows
    evaluation: JudgedWindows
    versions: dict[str, str]
    seconds: float
    cpu_seconds: dict[str, float] = Field(default_factory=dict)
