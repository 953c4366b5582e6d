"""Program that converts a SavedModel to TFLite: `python -m components.edge_converter.worker JOB.json`.

In the folder of the job it writes the current stage into `stage.txt` and, when it fails, the reason into
`failure.json`.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.artifacts.edge_model import (
    COMPARED,
    DYNAMIC_MODEL,
    EVALUATION_WINDOWS,
    FLOAT16_MODEL,
    GOLDEN_WINDOWS,
)
from components.artifacts.folders import split_folder
from components.edge_converter.job import FAILURE, STAGE, ConversionJob
from components.edge_converter.metadata import embed_contract
from components.edge_converter.quantise import quantise, with_dynamic_range, with_float16_weights
from components.edge_converter.window_reader import read_keys, read_windows
from components.edge_converter.window_selection import WindowKey, select_stratified, select_whole_sequences
from data.digests import file_digest, list_folder
from data.errors import NodeError, PoselineError
from data.system.cpu_phases import CpuPhases
from data.system.limits import die_with_parent
from data.text import say
from data.windows import WindowSpec
from payloads.conversion_record import (
    ConversionRecord,
    Difference,
    FileRecord,
    Int8Recipe,
    JudgedWindows,
    SelectedWindows,
    TensorRecord,
)
from serving_targets.classifier import Classifier
from serving_targets.contract import Contract, make_contract
from serving_targets.manifest import FLOAT_MODEL, INT8_MODEL
from serving_targets.tflite_file import custom_operators, operators

SIGNATURE, INPUT, OUTPUT = "raw", "keypoints", "probabilities"

Stage = Callable[[str], None]


@dataclass(frozen=True)
class _Windows:
    """Windows that a conversion uses.

    Attributes:
        shape: shape of a window, (T, J, C).
        representative: keys of the representative dataset.
        calibration: representative dataset, float32 `[N, T, J, C]`.
        golden: keys of the golden windows.
        golden_windows: golden windows, float32 `[N, T, J, C]`.
        evaluation: keys of the windows for ModelValidator.
        test_count: number of windows in the test split.
    """

    shape: tuple[int, int, int]
    representative: list[WindowKey]
    calibration: np.ndarray
    golden: list[WindowKey]
    golden_windows: np.ndarray
    evaluation: list[WindowKey]
    test_count: int


def convert(job: ConversionJob, stage: Stage) -> None:
    """Write all files of an EdgeModel.

    Args:
        job: conversion to run.
        stage: function that is called with the name of each stage.

    Raises:
        NodeError: the SavedModel has no suitable endpoint, or a converted file cannot be used.
    """
    start, phases = time.monotonic(), CpuPhases()
    contract = _contract(job)
    classes = len(contract.labels)

    phases.end("start")
    stage("reading the examples")
    windows = _select_windows(job, contract.window_shape)

    phases.end("reading")
    stage("running the SavedModel")
    model = tf.saved_model.load(job.saved_model)
    raw = _raw_endpoint(model, job.saved_model)
    probabilities = raw(**{INPUT: tf.constant(windows.golden_windows)})[OUTPUT].numpy()
    _check_output(probabilities, (len(windows.golden), classes), f"SavedModel {job.saved_model}")

    phases.end("SavedModel")
    stage("converting to float TFLite")
    output = Path(job.output)
    float_model, int8_model = output / FLOAT_MODEL, output / INT8_MODEL
    float_model.write_bytes(_to_tflite(model, raw, windows.shape, job.saved_model))
    _check_operators(float_model)

    phases.end("float")
    stage("quantising to int8")
    recipe = quantise(float_model, int8_model, job.core_scope, windows.calibration)
    _check_operators(int8_model)

    phases.end("int8")
    stage("making the other formats")
    files = [float_model, int8_model, *_write_other_formats(job, float_model.read_bytes())]

    phases.end("other formats")
    stage("running the converted files")
    for path in files:
        path.write_bytes(embed_contract(path.read_bytes(), contract))
    differences = {
        path: np.abs(_run(path, windows.golden_windows, classes) - probabilities).max(axis=1) for path in files
    }

    phases.end("comparison")
    stage("writing the windows")
    np.savez(output / GOLDEN_WINDOWS, windows=windows.golden_windows, probabilities=probabilities)
    _write_evaluation_windows(job, windows, contract.labels)
    seconds = round(time.monotonic() - start, 2)
    phases.end("writing")
    _describe_conversion(job, windows, recipe, differences, contract, seconds, phases.seconds).write(output)


def _select_windows(job: ConversionJob, shape: tuple[int, int, int]) -> _Windows:
    train, test = _split(job, "train"), _split(job, "test")
    representative = select_stratified(read_keys(train), job.representative_windows, job.seed)
    test_keys = read_keys(test)
    golden = select_stratified(test_keys, job.golden_windows, job.seed)
    labelled = [key for key in test_keys if key.label_id >= 0]
    return _Windows(
        shape=shape,
        representative=representative,
        calibration=read_windows(train, representative, shape),
        golden=golden,
        golden_windows=read_windows(test, golden, shape),
        evaluation=select_whole_sequences(labelled, job.evaluation_windows, job.seed),
        test_count=len(test_keys),
    )


def _split(job: ConversionJob, name: str) -> Path:
    return split_folder(Path(job.examples), name)


def _write_evaluation_windows(job: ConversionJob, windows: _Windows, labels: Sequence[str]) -> None:
    np.savez(
        Path(job.output) / EVALUATION_WINDOWS,
        windows=read_windows(_split(job, "test"), windows.evaluation, windows.shape),
        label_ids=np.array([key.label_id for key in windows.evaluation], np.int64),
        labels=np.array(labels),
        sequences=np.unique([key.sequence_id for key in windows.evaluation], return_inverse=True)[1],
    )


def _describe_conversion(
    job: ConversionJob,
    windows: _Windows,
    recipe: Int8Recipe,
    differences: dict[Path, np.ndarray],
    contract: Contract,
    seconds: float,
    cpu_seconds: dict[str, float],
) -> ConversionRecord:
    return ConversionRecord(
        input=TensorRecord(name=INPUT, shape=(1, *windows.shape), dtype="float32"),
        output=TensorRecord(name=OUTPUT, shape=(1, len(contract.labels)), dtype="float32"),
        files={path.name: _describe_file(path, difference) for path, difference in differences.items()},
        recipe=recipe,
        representative=_describe_windows(windows.representative, windows.calibration, "train", job.seed),
        golden=_describe_windows(windows.golden, windows.golden_windows, "test", job.seed),
        evaluation=JudgedWindows(windows=len(windows.evaluation), of=windows.test_count, split="test"),
        versions={name: version(name) for name in ("tensorflow", "ai-edge-litert", "ai-edge-quantizer")},
        seconds=seconds,
        cpu_seconds=cpu_seconds,
    )


def _contract(job: ConversionJob) -> Contract:
    facts = dict(job.facts)
    settings = json.dumps(facts.pop("transform"), sort_keys=True)
    return make_contract(
        **facts | {"window": WindowSpec.model_validate(facts["window"])},
        normalisation=hashlib.sha256(settings.encode()).hexdigest()[:12],
        schema_digest=file_digest(Path(job.schema)),
        saved_model_digest=list_folder(Path(job.saved_model)).digest,
    )


def _write_other_formats(job: ConversionJob, float_content: bytes) -> list[Path]:
    """Write the requested float16 and dynamic-range files; files that are not shipped go to a subfolder."""
    made = []
    for name, how, make in (
        (FLOAT16_MODEL, job.float16, with_float16_weights),
        (DYNAMIC_MODEL, job.dynamic_range, with_dynamic_range),
    ):
        if how != "skip":
            path = Path(job.output) / ("" if how == "ship" else COMPARED) / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(make(float_content, job.core_scope))
            _check_operators(path)
            made.append(path)
    return made


def _raw_endpoint(model: Any, where: str) -> Any:
    if SIGNATURE not in model.signatures:
        raise NodeError(
            f"the SavedModel has no endpoint {SIGNATURE!r}, only {', '.join(sorted(model.signatures)) or 'none'}",
            where,
            f"export it with keras.export.ExportArchive and an endpoint {SIGNATURE!r}: {INPUT} -> {OUTPUT}",
        )
    raw = model.signatures[SIGNATURE]
    names = sorted(raw.structured_input_signature[1]), sorted(raw.structured_outputs)
    if names != ([INPUT], [OUTPUT]):
        raise NodeError(
            f"endpoint {SIGNATURE!r} has the inputs {names[0]} and the outputs {names[1]}, not {INPUT} and {OUTPUT}",
            where,
            f"name the input {INPUT!r} and the output {OUTPUT!r}",
        )
    return raw


def _to_tflite(model: Any, raw: Any, shape: tuple[int, int, int], where: str) -> bytes:
    """Convert the endpoint `raw` for a batch of one, so that the graph does not compute shapes."""

    @tf.function(input_signature=[tf.TensorSpec((1, *shape), tf.float32, name=INPUT)])
    def one_window(keypoints: tf.Tensor) -> dict[str, tf.Tensor]:
        return {OUTPUT: raw(**{INPUT: keypoints})[OUTPUT]}

    converter = tf.lite.TFLiteConverter.from_concrete_functions([one_window.get_concrete_function()], model)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        return converter.convert()
    except Exception as error:
        # The converter's message is pages long; its first lines name the unsupported operators.
        reason = " ".join(str(error).split())[:600]
        raise NodeError(
            f"the SavedModel cannot be converted: {reason}",
            where,
            "remove operations without a built-in TFLite operator from the preprocessing and the model",
        ) from error


def _check_operators(path: Path) -> None:
    if custom := custom_operators(path):
        raise NodeError(
            f"{path.name} needs operators that are not built in: {', '.join(custom)}",
            str(path),
            "remove the operations that need them from the preprocessing and the model",
        )


def _run(path: Path, windows: np.ndarray, classes: int) -> np.ndarray:
    probabilities = Classifier(path).predict_all(windows)
    _check_output(probabilities, (len(windows), classes), path.name)
    return probabilities


def _check_output(probabilities: np.ndarray, shape: tuple[int, int], what: str) -> None:
    if probabilities.shape != shape:
        raise NodeError(
            f"{what} gives {probabilities.shape[-1]} probabilities, the schema has {shape[1]} labels",
            remedy="train with the labels of the schema",
        )
    if not np.isfinite(probabilities).all():
        raise NodeError(
            f"{what} gives NaN or infinity on windows of the test split",
            remedy="export with keras.export.ExportArchive, and never divide by a value that may be 0",
        )


def _describe_file(path: Path, difference: np.ndarray) -> FileRecord:
    used = operators(path)
    return FileRecord(
        bytes=path.stat().st_size,
        operators=dict(sorted(used.items())),
        # Expected: one QUANTIZE at the entry of the core, one DEQUANTIZE at its end. More mean float islands inside.
        float_islands=max(0, used["DEQUANTIZE"] - 1),
        golden_difference=Difference(mean=float(difference.mean()), max=float(difference.max())),
    )


def _describe_windows(keys: list[WindowKey], windows: np.ndarray, split: str, seed: int) -> SelectedWindows:
    return SelectedWindows(
        windows=len(keys),
        by_label_id=dict(sorted(Counter(key.label_id for key in keys).items())),
        sequences=len({key.sequence_id for key in keys}),
        sha256=hashlib.sha256(windows.tobytes()).hexdigest(),
        split=split,
        seed=seed,
    )


def main(description: Path) -> int:
    """Run the job in a file; return the exit code."""

    def stage(text: str) -> None:
        say(text)
        (description.parent / STAGE).write_text(text)

    try:
        convert(ConversionJob(**json.loads(description.read_text())), stage)
    except PoselineError as error:
        failure = {"what": error.what, "where": error.where, "remedy": error.remedy}
    except OSError as error:
        failure = {
            "what": f"a file cannot be read or written: {error.strerror or error}",
            "where": error.filename and str(error.filename),
            "remedy": "free disk space or fix the permissions, then run again",
        }
    else:
        return 0
    (description.parent / FAILURE).write_text(json.dumps(failure))
    return 1


if __name__ == "__main__":
    die_with_parent()
    sys.exit(main(Path(sys.argv[1])))
