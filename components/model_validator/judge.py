"""Measures the converted files and holds the figures against their thresholds. NumPy and LiteRT only."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.errors import InputError
from serving_targets.classifier import Classifier
from serving_targets.latency import measure_in_fresh_process
from serving_targets.manifest import FLOAT_MODEL, INT8_MODEL, Verdict
from serving_targets.tflite_file import custom_operators


class Thresholds(BaseModel):
    """Section `model_validator` of the gates file; a threshold's name is the gate's.

    Attributes:
        min_sequence_accuracy: least share of test sequences that the int8 file calls right.
        max_accuracy_lost: greatest share of test sequences that int8 may call right less than float; one sequence is
            always allowed, so that few sequences do not turn 1 % into none.
        max_bytes: greatest size of the int8 file.
        max_latency_p95_ms: for one window on one thread, preprocessing included.
        max_custom_operators: operators in both files that an interpreter without extensions lacks.
        max_float_difference: greatest difference of a probability between float TFLite and SavedModel, golden windows.
        min_int8_agreement: least share of golden windows that int8 and SavedModel call the same.
        max_int8_difference: mean over golden windows of the greatest difference of a probability between the two.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_sequence_accuracy: float = Field(ge=0, le=1)
    max_accuracy_lost: float = Field(ge=0, le=1)
    max_bytes: int = Field(gt=0)
    max_latency_p95_ms: float = Field(gt=0)
    max_custom_operators: int = Field(ge=0)
    max_float_difference: float = Field(ge=0, le=1)
    min_int8_agreement: float = Field(ge=0, le=1)
    max_int8_difference: float = Field(ge=0, le=1)


class Judgement(BaseModel):
    """What was measured and what follows from it.

    Attributes:
        verdicts: one a gate.
        accuracy: share of right calls by name: `int8_sequence`, `float_sequence`, `int8_window`, `float_window`.
        latency_ms: `p50` and `p95` of the int8 file.
        sequences: test sequences judged.
        windows: test windows judged.
    """

    verdicts: tuple[Verdict, ...]
    accuracy: dict[str, float]
    latency_ms: dict[str, float]
    sequences: int
    windows: int

    @property
    def passed(self) -> bool:
        """Whether no gate said no."""
        return all(verdict.passed for verdict in self.verdicts)


def parse_thresholds(text: str) -> Thresholds:
    """Reads thresholds from JSON.

    Raises:
        InputError: one is missing, unknown or out of range; names it.
    """
    try:
        return Thresholds.model_validate_json(text)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise InputError(
            f"the thresholds of ModelValidator are not valid: {faults}",
            "section model_validator of the gates file",
            f"give {', '.join(Thresholds.model_fields)}",
        ) from error


def judge(edge_model: Path, thresholds: Thresholds) -> Judgement:
    """Judges the files of an EdgeModel.

    Args:
        edge_model: folder that EdgeConverter wrote.
        thresholds: of every gate.
    """
    float_file, int8_file = edge_model / FLOAT_MODEL, edge_model / INT8_MODEL
    golden = np.load(edge_model / "golden.npz")
    evaluation = np.load(edge_model / "evaluation.npz")
    float_model, int8_model = Classifier(float_file), Classifier(int8_file)

    expected = golden["probabilities"]
    float_difference = np.abs(float_model.predict_all(golden["windows"]) - expected).max()
    int8_golden = int8_model.predict_all(golden["windows"])
    latency = measure_in_fresh_process(int8_file, edge_model / "golden.npz")

    truth, sequences = evaluation["label_ids"], evaluation["sequences"]
    sequence_truth = _per_sequence(truth.astype(float), sequences)
    accuracy: dict[str, float] = {}
    for name, model in (("int8", int8_model), ("float", float_model)):
        probabilities = model.predict_all(evaluation["windows"])
        called = _per_sequence(probabilities, sequences).argmax(axis=1)
        accuracy[f"{name}_sequence"] = float((called == sequence_truth).mean())
        accuracy[f"{name}_window"] = float((probabilities.argmax(axis=1) == truth).mean())

    figures = {
        "min_sequence_accuracy": (accuracy["int8_sequence"], "share"),
        "max_accuracy_lost": (accuracy["float_sequence"] - accuracy["int8_sequence"], "share"),
        "max_bytes": (int8_file.stat().st_size, "bytes"),
        "max_latency_p95_ms": (latency.p95, "ms"),
        "max_custom_operators": (len({*custom_operators(float_file), *custom_operators(int8_file)}), "operators"),
        "max_float_difference": (float_difference, "probability"),
        "min_int8_agreement": (float((int8_golden.argmax(axis=1) == expected.argmax(axis=1)).mean()), "share"),
        "max_int8_difference": (np.abs(int8_golden - expected).max(axis=1).mean(), "probability"),
    }
    limits = thresholds.model_dump()
    limits["max_accuracy_lost"] = max(limits["max_accuracy_lost"], 1 / len(sequence_truth))
    return Judgement(
        verdicts=tuple(_verdict(gate, float(figure), limits[gate], unit) for gate, (figure, unit) in figures.items()),
        accuracy=accuracy,
        latency_ms={"p50": latency.p50, "p95": latency.p95},
        sequences=len(sequence_truth),
        windows=len(truth),
    )


def _per_sequence(values: np.ndarray, sequences: np.ndarray) -> np.ndarray:
    """Mean of `values` `[windows, ...]` over the windows of each sequence."""
    return np.array([values[sequences == sequence].mean(axis=0) for sequence in np.unique(sequences)])


def _verdict(gate: str, figure: float, threshold: float, unit: str) -> Verdict:
    """Holds a figure against its limit; what can't be measured does not pass."""
    finite = math.isfinite(figure)
    within = figure >= threshold if gate.startswith("min_") else figure <= threshold
    return Verdict(
        gate=gate, figure=figure if finite else None, threshold=threshold, unit=unit, passed=finite and within
    )
