"""Float TFLite in, TFLite with an int8 core out. LiteRT only, no TensorFlow.

TensorFlow's own quantiser takes the whole graph: preprocessing in int8 loses accuracy (distances have no common scale),
and large graphs crash it. Here the operators inside one name scope become int8, and nothing else does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import algorithm_manager, calibrator, qtyping, quantizer, recipe_manager

from components.edge_converter.compact import compact
from data.errors import NodeError
from serving_targets.classifier import Classifier

CUTS = (0.0, 0.01, 0.05, 0.2)
"""Shares of windows whose extreme activations may be clipped; the one that loses least is taken."""

Ranges = dict[str, qtyping.QSV]


@dataclass(frozen=True)
class Quantised:
    """How the int8 file was made.

    Attributes:
        scope: regular expression of the operators' names.
        cut: share of windows whose extremes are clipped.
        difference: mean over windows of the largest difference of a probability from the float file, by cut.
    """

    scope: str
    cut: float
    difference: dict[float, float]


def quantise(float_model: Path, int8_model: Path, core_scope: str, windows: np.ndarray) -> Quantised:
    """Writes the int8 file.

    Args:
        float_model: TFLite file.
        int8_model: file to write.
        core_scope: name scope of the operators that become int8.
        windows: representative float32 `[N, T, J, C]`.

    Raises:
        NodeError: no operator is in the scope.
    """
    scope = _scope(core_scope)
    _check_scope(float_model, core_scope, scope)
    content = float_model.read_bytes()
    extremes = _extremes(content, windows)
    expected = Classifier(float_model).predict_all(windows)
    difference: dict[float, float] = {}
    for cut in CUTS:
        candidate = int8_model.with_name(f".{int8_model.name}-{cut}")
        candidate.write_bytes(_quantised(content, scope, _ranges(extremes, cut)))
        found = Classifier(candidate).predict_all(windows)
        difference[cut] = float(np.abs(found - expected).max(axis=1).mean())
        if difference[cut] == min(difference.values()):
            candidate.replace(int8_model)
        else:
            candidate.unlink()
    return Quantised(scope, min(difference, key=lambda cut: difference[cut]), difference)


def with_float16_weights(content: bytes, core_scope: str) -> bytes:
    """The float file's content with the core's weights in float16; it computes in float32."""
    maker = quantizer.Quantizer(content)
    maker.add_weight_only_config(
        _scope(core_scope),
        qtyping.TFLOperationName.ALL_SUPPORTED,
        num_bits=16,
        algorithm_key=algorithm_manager.AlgorithmName.FLOAT_CASTING,
    )
    return compact(maker.quantize(enable_progress_report=False).quantized_model)


def with_dynamic_range(content: bytes, core_scope: str) -> bytes:
    """The float file's content with the core's weights in int8; the interpreter quantises activations as they come."""
    maker = quantizer.Quantizer(content)
    maker.add_dynamic_config(_scope(core_scope), qtyping.TFLOperationName.ALL_SUPPORTED, num_bits=8)
    return compact(maker.quantize(enable_progress_report=False).quantized_model)


def _scope(core_scope: str) -> str:
    """Regular expression of the names of operators in a name scope."""
    return rf"(^|[;/]){re.escape(core_scope)}(_\d+)?/"


def _check_scope(float_model: Path, core_scope: str, scope: str) -> None:
    names = [tensor["name"] for tensor in Interpreter(str(float_model)).get_tensor_details()]
    if not any(re.search(scope, name) for name in names):
        raise NodeError(
            f"no operator of the model is in the name scope {core_scope!r}, so nothing would be quantised",
            str(float_model),
            f"name the trained Keras model {core_scope!r}, or set EdgeConverter's core_scope to its name",
        )


def _extremes(content: bytes, windows: Sequence[np.ndarray] | np.ndarray) -> Ranges:
    """Least and greatest value of every tensor in every window: two float32 `[N]` a tensor."""
    calibration = calibrator.Calibrator(
        content,
        num_threads=1,
        mode=calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED,
        qsv_update_func=lambda all_, new: {end: np.append(all_[end], new[end]) for end in ("min", "max")},
    )
    (signature,) = calibration.get_signature_list()
    (name,) = calibration.get_signature_list()[signature]["inputs"]
    samples = [{name: window[np.newaxis]} for window in windows]
    calibration.calibrate({signature: samples}, recipe_manager.RecipeManager())
    return calibration.get_model_qsvs()


def _ranges(extremes: Ranges, cut: float) -> Ranges:
    return {
        tensor: {
            "min": np.quantile(ends["min"], [cut]).astype(np.float32),
            "max": np.quantile(ends["max"], [1 - cut]).astype(np.float32),
        }
        for tensor, ends in extremes.items()
    }


def _quantised(content: bytes, scope: str, ranges: Ranges) -> bytes:
    maker = quantizer.Quantizer(content)
    maker.add_static_config(scope, qtyping.TFLOperationName.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8)
    return compact(maker.quantize(ranges, enable_progress_report=False).quantized_model)
