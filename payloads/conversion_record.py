"""EdgeConverter's record of a conversion: the files, the recipe and the windows it used."""

from __future__ import annotations

from typing import Any, ClassVar

from payloads.json_payload import JsonPayload


class ConversionRecord(JsonPayload):
    """One conversion from SavedModel to TFLite.

    Attributes:
        input: name, shape and dtype of the input tensor.
        output: name, shape and dtype of the output tensor.
        files: file name to its size, digest, operators and difference from the SavedModel.
        recipe: how the int8 file was quantised.
        representative: training windows that calibrated the quantisation.
        golden: windows on which every format must give the same answer.
        evaluation: number of test windows kept for the gates.
        versions: library to its version.
        seconds: wall time.
    """

    FILE: ClassVar[str] = "conversion.json"

    input: dict[str, Any]
    output: dict[str, Any]
    files: dict[str, dict[str, Any]]
    recipe: dict[str, Any]
    representative: dict[str, Any]
    golden: dict[str, Any]
    evaluation: dict[str, Any]
    versions: dict[str, str]
    seconds: float
