"""Models damaged after EdgeConverter: the right gate rejects them, and the published version is unchanged."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils
from tfx.types.standard_artifacts import InfraBlessing, Model, ModelBlessing, PushedModel

from components.artifacts.edge_model import list_files
from components.artifacts.types import (
    CoachSettingsArtifact,
    EdgeBlessing,
    EdgeModel,
    ReferencesArtifact,
    SessionBlessing,
)
from components.edge_converter.metadata import embed_contract
from components.pusher.executor import Executor as Pusher
from serving_targets.bundle import load_bundle
from serving_targets.contract import read_contract

INT8 = 9  # tensor type in a TFLite file


def _random_weights(folder):
    path = folder / "model_int8.tflite"
    model = flatbuffer_utils.read_model_with_mutable_tensors(str(path))
    random = np.random.default_rng(0)
    for tensor in model.subgraphs[0].tensors:
        buffer = model.buffers[tensor.buffer]
        if tensor.type == INT8 and buffer.data is not None:
            buffer.data = random.integers(0, 256, len(buffer.data), np.uint8)
    flatbuffer_utils.write_model(model, str(path))


def _swapped_labels(folder):
    """Rotate the labels in all files: every prediction gets a wrong name, but the files still agree with each other."""
    for file in list_files(folder):
        contract = read_contract(file.path)
        swapped = contract.model_copy(update={"labels": (*contract.labels[1:], contract.labels[0])})
        file.path.write_bytes(embed_contract(file.path.read_bytes(), swapped))


def _operator_that_is_not_built_in(folder):
    """Write a file with an operator of TensorFlow, which only an interpreter with an extension can run."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((1, 24, 17, 3), tf.float32, name="keypoints")])
    def classify(keypoints):
        return {"probabilities": tf.nn.softmax(tf.linalg.det(tf.reshape(keypoints[:, 0, :9], (1, 3, 3, 3))))}

    converter = tf.lite.TFLiteConverter.from_concrete_functions([classify.get_concrete_function()])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    (folder / "model_int8.tflite").write_bytes(converter.convert())


def _five_megabytes(folder):
    with (folder / "model_int8.tflite").open("ab") as file:
        file.write(bytes(5_000_000))


def _cut_off(folder):
    path = folder / "model_int8.tflite"
    path.write_bytes(path.read_bytes()[:3000])


ACCURACY = {"min_sequence_accuracy", "max_accuracy_lost"}
NOT_SERVED = {"max_failed_formats", "max_tflite_start_ms", "max_latency_p95_ms", "min_agreement", "max_difference"}


BAD_MODELS = [
    (_random_weights, ACCURACY, {"min_agreement", "max_difference"}, "ModelValidator min_sequence_accuracy: 0."),
    (_swapped_labels, {"min_sequence_accuracy"}, set(), "ModelValidator min_sequence_accuracy: 0"),
    (
        _operator_that_is_not_built_in,
        {*ACCURACY, "max_custom_operators"},
        NOT_SERVED,
        "ModelValidator max_custom_operators: 1 (at most 0 operators): FlexMatrixDeterminant",
    ),
    (_five_megabytes, {"max_bytes"}, set(), "(at most 300,000 bytes)"),
    (
        _cut_off,
        {*ACCURACY, "max_custom_operators"},
        NOT_SERVED,
        "ServingSmoke max_failed_formats: 1 (at most 0 formats)",
    ),
]
"""How a model is spoiled, the gates of ModelValidator and ServingSmoke that reject it, and a reason they record."""


@pytest.mark.parametrize(("spoil", "by_validator", "by_smoke", "reason"), BAD_MODELS)
def test_a_bad_model_is_refused_by_the_right_gate_and_the_served_one_stays(
    trained, converted, blessed, smoked, coached, edge, tmp_path, spoil, by_validator, by_smoke, reason
):
    target = tmp_path / "phone"

    def push(files, edge_blessing, infra_blessing):
        pushed = edge.artifact(PushedModel, tmp_path / "pushed")
        model = edge.artifact(Model, trained / "model")
        model.id = 42
        inputs = {"model": model, "edge_model": edge.artifact(EdgeModel, files)}
        inputs |= {"edge_blessing": edge_blessing, "infra_blessing": infra_blessing}
        inputs["references"] = edge.artifact(ReferencesArtifact, coached.references)
        inputs["settings"] = edge.artifact(CoachSettingsArtifact, coached.settings)
        inputs["session_blessing"] = edge.artifact(SessionBlessing, coached.blessing, blessed=1)
        inputs["model_blessing"] = edge.artifact(ModelBlessing, tmp_path, blessed=1)
        Pusher().Do(
            {name: [artifact] for name, artifact in inputs.items()},
            {"pushed_model": [pushed]},
            {"targets": json.dumps({"phone": str(target)}), "manifest_facts": json.dumps(edge.facts)},
        )
        return json.loads((tmp_path / "pushed" / "push.json").read_text())

    assert push(converted, blessed, smoked)["pushed"]
    served = load_bundle(target)

    bad = tmp_path / "bad"
    shutil.copytree(converted, bad)
    spoil(bad)
    validated = edge.artifact(EdgeBlessing, tmp_path / "validated")
    edge.validate(trained, bad, validated, edge.thresholds)
    smoke = edge.artifact(InfraBlessing, tmp_path / "smoke")
    edge.smoke(trained, bad, smoke, edge.serving)
    for blessing, gates in ((validated, by_validator), (smoke, by_smoke)):
        verdicts = json.loads((Path(blessing.uri) / "verdict.json").read_text())["verdicts"]
        assert {entry["gate"] for entry in verdicts if not entry["passed"]} == gates
        assert blessing.get_int_custom_property("blessed") == (not gates)

    record = push(bad, validated, smoke)
    assert not record["pushed"]
    assert record["refused_by"] == ["ModelValidator"] + ["ServingSmoke"] * bool(by_smoke)
    assert any(reason in recorded for recorded in record["reasons"]), record["reasons"]
    assert load_bundle(target) == served
