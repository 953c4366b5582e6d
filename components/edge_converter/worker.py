"""The converting process: `python -m components.edge_converter.worker JOB.json`.

Says beside the job in `stage.txt` what it is doing, and in `failure.json` what went wrong if it knows.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.artifacts.edge_model import COMPARED, DYNAMIC_MODEL, FLOAT16_MODEL
from components.edge_converter.job import FAILURE, STAGE, ConversionJob
from components.edge_converter.metadata import embed
from components.edge_converter.quantise import quantise, with_dynamic_range, with_float16_weights
from components.edge_converter.window_reader import read_keys, read_windows
from components.edge_converter.window_selection import WindowKey, stratified, whole_sequences
from components.sandbox.child_process import die_with_parent
from data.digests import file_digest, list_folder
from data.errors import NodeError, PoselineError
from data.windows import WindowSpec
from lineage.payloads.conversion_record import ConversionRecord
from serving_targets.classifier import Classifier
from serving_targets.contract import Contract, make_contract
from serving_targets.manifest import FLOAT_MODEL, INT8_MODEL
from serving_targets.tflite_file import custom_operators, operators

SIGNATURE, INPUT, OUTPUT = "raw", "keypoints", "probabilities"

Stage = Callable[[str], None]


def convert(job: ConversionJob, stage: Stage) -> None:
    """Makes all files of an EdgeModel.

    Raises:
        NodeError: the model lacks what is needed, or a file that was made is not fit to be used.
    """
    start = time.monotonic()
    output, train, test = Path(job.output), Path(job.examples) / "Split-train", Path(job.examples) / "Split-test"
    contract = _contract(job)
    shape, classes = contract.window_shape, len(contract.labels)

    stage("reading the examples")
    representative = stratified(read_keys(train), job.representative_windows, job.seed)
    calibration = read_windows(train, representative, shape)
    test_keys = read_keys(test)
    golden = stratified(test_keys, job.golden_windows, job.seed)
    golden_windows = read_windows(test, golden, shape)
    judged = whole_sequences([key for key in test_keys if key.label_id >= 0], job.evaluation_windows, job.seed)

    stage("running the SavedModel")
    model = tf.saved_model.load(job.saved_model)
    raw = _raw_endpoint(model, job.saved_model)
    probabilities = raw(**{INPUT: tf.constant(golden_windows)})[OUTPUT].numpy()
    _check_output(probabilities, (len(golden), classes), f"SavedModel {job.saved_model}")

    stage("converting to float TFLite")
    float_model, int8_model = output / FLOAT_MODEL, output / INT8_MODEL
    float_model.write_bytes(_to_tflite(model, raw, shape, job.saved_model))
    _check_operators(float_model)

    stage("quantising to int8")
    recipe = quantise(float_model, int8_model, job.core_scope, calibration)
    _check_operators(int8_model)

    stage("making the other formats")
    files = [float_model, int8_model, *_others(job, float_model.read_bytes())]

    stage("running the converted files")
    for path in files:
        path.write_bytes(embed(path.read_bytes(), contract))
    differences = {path: np.abs(_run(path, golden_windows, classes) - probabilities).max(axis=1) for path in files}

    stage("writing the windows")
    np.savez(output / "golden.npz", windows=golden_windows, probabilities=probabilities)
    np.savez(
        output / "evaluation.npz",
        windows=read_windows(test, judged, shape),
        label_ids=np.array([key.label_id for key in judged], np.int64),
        labels=np.array(contract.labels),
        sequences=np.unique([key.sequence_id for key in judged], return_inverse=True)[1],
    )
    record = ConversionRecord(
        input={"name": INPUT, "shape": [1, *shape], "dtype": "float32"},
        output={"name": OUTPUT, "shape": [1, classes], "dtype": "float32"},
        files={path.name: _describe(path, difference) for path, difference in differences.items()},
        recipe=asdict(recipe),
        representative=_describe_windows(representative, calibration) | {"split": "train", "seed": job.seed},
        golden=_describe_windows(golden, golden_windows) | {"split": "test", "seed": job.seed},
        evaluation={"windows": len(judged), "of": len(test_keys), "split": "test"},
        versions={name: version(name) for name in ("tensorflow", "ai-edge-litert", "ai-edge-quantizer")},
        seconds=round(time.monotonic() - start, 2),
    )
    record.write(output)


def _contract(job: ConversionJob) -> Contract:
    facts = dict(job.facts)
    settings = json.dumps(facts.pop("transform"), sort_keys=True)
    return make_contract(
        **facts | {"window": WindowSpec.model_validate(facts["window"])},
        normalisation=hashlib.sha256(settings.encode()).hexdigest()[:12],
        schema_digest=file_digest(Path(job.schema)),
        saved_model_digest=list_folder(Path(job.saved_model)).digest,
    )


def _others(job: ConversionJob, float_content: bytes) -> list[Path]:
    """Writes the files that are asked for beside float and int8; those that are only compared into their folder."""
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
            f"endpoint {SIGNATURE!r} goes from {names[0]} to {names[1]}, not from {INPUT} to {OUTPUT}",
            where,
            "name its input and output so",
        )
    return raw


def _to_tflite(model: Any, raw: Any, shape: tuple[int, int, int], where: str) -> bytes:
    """Converts `raw` with a batch of one, which rids the graph of everything that computes shapes."""

    @tf.function(input_signature=[tf.TensorSpec((1, *shape), tf.float32, name=INPUT)])
    def one_window(keypoints: tf.Tensor) -> dict[str, tf.Tensor]:
        return {OUTPUT: raw(**{INPUT: keypoints})[OUTPUT]}

    converter = tf.lite.TFLiteConverter.from_concrete_functions([one_window.get_concrete_function()], model)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        return converter.convert()
    except Exception as error:
        # The converter's message runs to pages; the operators it can't do without are named in its first lines.
        reason = " ".join(str(error).split())[:600]
        raise NodeError(
            f"the SavedModel can't be converted: {reason}",
            where,
            "leave out of preprocessing and model what has no built-in TFLite operator",
        ) from error


def _check_operators(path: Path) -> None:
    if custom := custom_operators(path):
        raise NodeError(
            f"{path.name} needs operators that are not built in: {', '.join(custom)}",
            str(path),
            "leave out of preprocessing and model what makes them",
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
            remedy="export with keras.export.ExportArchive, and divide by nothing that may be 0",
        )


def _describe(path: Path, difference: np.ndarray) -> dict[str, Any]:
    used = operators(path)
    return {
        "bytes": path.stat().st_size,
        "operators": dict(sorted(used.items())),
        # One QUANTIZE into the core and one DEQUANTIZE out of it are wanted; more mean float islands inside.
        "float_islands": max(0, used["DEQUANTIZE"] - 1),
        "golden_difference": {"mean": float(difference.mean()), "max": float(difference.max())},
    }


def _describe_windows(keys: list[WindowKey], windows: np.ndarray) -> dict[str, Any]:
    return {
        "windows": len(keys),
        "by_label_id": dict(sorted(Counter(key.label_id for key in keys).items())),
        "sequences": len({key.sequence_id for key in keys}),
        "sha256": hashlib.sha256(windows.tobytes()).hexdigest(),
    }


def main(description: Path) -> int:
    """Runs the job; returns the exit code."""

    def stage(text: str) -> None:
        print(text, flush=True)
        (description.parent / STAGE).write_text(text)

    try:
        convert(ConversionJob(**json.loads(description.read_text())), stage)
    except PoselineError as error:
        failure = {"what": error.what, "where": error.where, "remedy": error.remedy}
    except OSError as error:
        failure = {
            "what": f"a file can't be read or written: {error.strerror or error}",
            "where": error.filename and str(error.filename),
            "remedy": "free disk space, check the rights, then run again",
        }
    else:
        return 0
    (description.parent / FAILURE).write_text(json.dumps(failure))
    return 1


if __name__ == "__main__":
    die_with_parent()
    sys.exit(main(Path(sys.argv[1])))
