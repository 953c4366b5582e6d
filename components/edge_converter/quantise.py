"""Quantises the core of a float TFLite file to int8, with LiteRT and without TensorFlow.

TensorFlow's own quantiser converts the whole graph. Preprocessing in int8 loses accuracy, because coordinates have no
common scale, and large graphs crash that quantiser. Here only the operators in one name scope become int8.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import algorithm_manager, calibrator, qtyping, quantizer, recipe_manager

from components.edge_converter.compact import compact
from data.errors import NodeError
from payloads.conversion_record import Int8Recipe
from serving_targets.classifier import Classifier

CUTS = (0.0, 0.01, 0.05, 0.2)
"""Candidates for the share of windows whose extreme activations are clipped; the one with the least loss is used."""

Ranges = dict[str, qtyping.QSV]


def quantise(float_model: Path, int8_model: Path, core_scope: str, windows: np.ndarray) -> Int8Recipe:
    """Write the int8 file.

    Args:
        float_model: TFLite file in float32.
        int8_model: path of the file to write.
        core_scope: name scope of the operators that become int8.
        windows: representative dataset, float32 `[N, T, J, C]`.

    Raises:
        NodeError: the name scope contains no operator.
    """
    scope = _scope(core_scope)
    _check_scope(float_model, core_scope, scope)
    content = float_model.read_bytes()
    extremes = _extremes(content, windows)
    expected = Classifier(float_model).predict_all(windows)
    difference: dict[float, float] = {}
    for cut in CUTS:
        candidate = int8_model.with_name(f".{int8_model.name}-{cut}")
        candidate.write_bytes(_quantise_with(content, scope, _ranges(extremes, cut)))
        found = Classifier(candidate).predict_all(windows)
        difference[cut] = float(np.abs(found - expected).max(axis=1).mean())
        if difference[cut] == min(difference.values()):
            candidate.replace(int8_model)
        else:
            candidate.unlink()
    cut = min(difference, key=lambda cut: difference[cut])
    return Int8Recipe(scope=scope, cut=cut, difference=difference)


def with_float16_weights(content: bytes, core_scope: str) -> bytes:
    """Return the content of a float TFLite file with the core's weights in float16; it still computes in float32."""
    maker = quantizer.Quantizer(content)
    maker.add_weight_only_config(
        _scope(core_scope),
        qtyping.TFLOperationName.ALL_SUPPORTED,
        num_bits=16,
        algorithm_key=algorithm_manager.AlgorithmName.FLOAT_CASTING,
    )
    return compact(maker.quantize(enable_progress_report=False).quantized_model)


def with_dynamic_range(content: bytes, core_scope: str) -> bytes:
    """Return the content of a float TFLite file with the core's weights in int8 and float activations.

    The interpreter quantises the activations while it runs.
    """
    maker = quantizer.Quantizer(content)
    maker.add_dynamic_config(_scope(core_scope), qtyping.TFLOperationName.ALL_SUPPORTED, num_bits=8)
    return compact(maker.quantize(enable_progress_report=False).quantized_model)


def _scope(core_scope: str) -> str:
    """Return a regular expression for the names of the operators in a name scope."""
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
    """Return the minimum and the maximum of every tensor in every window, as two float32 `[N]` for each tensor."""
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


def _quantise_with(content: bytes, scope: str, ranges: Ranges) -> bytes:
    maker = quantizer.Quantizer(content)
    maker.add_static_config(scope, qtyping.TFLOperationName.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8)
    return compact(maker.quantize(ranges, enable_progress_report=False).quantized_model)
