"""Bad models, injected between EdgeConverter and the gate: refused by the right gate, and what is served stays."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils
from tfx.types.standard_artifacts import Model, ModelBlessing, PushedModel

from components.artifacts import EdgeBlessing, EdgeModel
from components.model_validator.executor import Executor as ModelValidator
from components.pusher.executor import Executor as Pusher
from serving_targets.bundle import load_bundle

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
    """As if the model had been trained with its labels in another order: everything about it agrees with itself."""
    evaluation = dict(np.load(folder / "evaluation.npz"))
    evaluation["label_ids"] = (evaluation["label_ids"] + 1) % 3
    np.savez(folder / "evaluation.npz", **evaluation)


def _five_megabytes(folder):
    with (folder / "model_int8.tflite").open("ab") as file:
        file.write(bytes(5_000_000))


@pytest.mark.parametrize(
    ("spoil", "gates"),
    [
        (_random_weights, {"min_sequence_accuracy", "max_accuracy_lost", "min_int8_agreement", "max_int8_difference"}),
        (_swapped_labels, {"min_sequence_accuracy"}),
        (_five_megabytes, {"max_bytes"}),
    ],
)
def test_a_bad_model_is_refused_by_the_right_gate_and_the_served_one_stays(
    trained, converted, blessed, edge, tmp_path, spoil, gates
):
    target = tmp_path / "phone"

    def push(files, blessing):
        pushed = edge.artifact(PushedModel, tmp_path / "pushed")
        model = edge.artifact(Model, trained / "model")
        model.id = 42
        inputs = {"model": model, "edge_model": edge.artifact(EdgeModel, files), "edge_blessing": blessing}
        inputs["model_blessing"] = edge.artifact(ModelBlessing, tmp_path, blessed=1)
        Pusher().Do(
            {name: [artifact] for name, artifact in inputs.items()},
            {"pushed_model": [pushed]},
            {"targets": json.dumps({"phone": str(target)}), "manifest_facts": json.dumps(edge.facts)},
        )
        return pushed.get_int_custom_property("pushed")

    assert push(converted, blessed) == 1
    served = load_bundle(target)

    bad = tmp_path / "bad"
    shutil.copytree(converted, bad)
    spoil(bad)
    verdict = edge.artifact(EdgeBlessing, tmp_path / "verdict")
    ModelValidator().Do(
        {"edge_model": [edge.artifact(EdgeModel, bad)]},
        {"blessing": [verdict]},
        {"thresholds": json.dumps(edge.thresholds)},
    )
    assert verdict.get_int_custom_property("blessed") == 0
    verdicts = json.loads((Path(verdict.uri) / "verdict.json").read_text())["verdicts"]
    refused = {entry["gate"]: entry for entry in verdicts if not entry["passed"]}
    assert refused.keys() == gates
    for gate, entry in refused.items():
        assert entry["figure"] is not None
        assert entry["threshold"] == pytest.approx(edge.thresholds[gate], abs=0.03)
    assert push(bad, verdict) == 0
    assert load_bundle(target) == served
