import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils
from tfx.types import Channel
from tfx.types.standard_artifacts import Examples

from components.artifacts.judging import parse_thresholds
from components.artifacts.types import EdgeBlessing, EdgeModel
from components.model_validator.component import ModelValidator
from components.model_validator.judge import judge as judge_test
from data.errors import InputError
from schema.gates import ModelValidatorThresholds, read_gates


def judge(files, thresholds):
    return judge_test(files, thresholds, "other people", 3)


def _verdicts(judgement):
    return {verdict.gate: verdict for verdict in judgement.verdicts}


def test_a_good_file_is_blessed_and_every_verdict_is_on_record(blessed, edge):
    assert blessed.get_int_custom_property("blessed") == 1
    record = json.loads((Path(blessed.uri) / "verdict.json").read_text())
    assert {verdict["gate"] for verdict in record["verdicts"]} == edge.thresholds.keys()
    fields = {"gate", "figure", "threshold", "direction", "unit", "passed", "detail", "is_open", "lacks_data"}
    for verdict in record["verdicts"]:
        assert verdict.keys() == fields
        assert verdict["passed"]
    assert record["accuracy"].keys() == {"int8_sequence", "float_sequence", "int8_window", "float_window"}
    for name, found in record["files"].items():
        assert found["sequence_accuracy"] >= 0.6, name
        assert found["bytes"] > 1000
        assert found["fault"] is None
    assert (record["sequences"], record["windows"]) == (45, 90)
    claims = record["claims"]
    assert (claims["holds_for"], claims["sequences"], claims["people"]) == ("other people", 45, None)
    assert claims["accuracy"] == record["accuracy"]["int8_sequence"]
    assert claims["majority"] < claims["needed"] < claims["accuracy"]


@pytest.mark.parametrize(
    ("gate", "limit"),
    [
        ("min_sequence_accuracy", 1.0),
        ("max_bytes", 1000),
    ],
)
def test_one_figure_beyond_its_threshold_is_a_rejection_and_not_an_error(
    trained, converted, edge, tmp_path, gate, limit
):
    spoilt = _with_wrong_labels(converted, tmp_path / "edge") if gate == "min_sequence_accuracy" else converted
    blessing = edge.artifact(EdgeBlessing, tmp_path / "blessing")
    thresholds = edge.thresholds | {"min_sequence_accuracy": 0.0, gate: limit}
    edge.validate(trained, spoilt, blessing, thresholds)
    assert blessing.get_int_custom_property("blessed") == 0
    verdicts = json.loads((tmp_path / "blessing" / "verdict.json").read_text())["verdicts"]
    assert [verdict["gate"] for verdict in verdicts if not verdict["passed"]] == [gate]


def test_accuracy_lost_is_float_minus_int8_by_sequence(converted, edge, tmp_path):
    shutil.copytree(converted, tmp_path / "edge")
    _turn_last_layer_around(tmp_path / "edge" / "model_int8.tflite")
    judgement = judge(tmp_path / "edge", ModelValidatorThresholds(**edge.thresholds))
    lost = judgement.accuracy["float_sequence"] - judgement.accuracy["int8_sequence"]
    assert lost > 0.2
    verdict = _verdicts(judgement)["max_accuracy_lost"]
    assert (verdict.figure, verdict.passed) == (pytest.approx(lost), False)


def test_a_file_that_can_not_be_run_is_rejected(converted, edge, tmp_path):
    shutil.copytree(converted, tmp_path / "edge")
    (tmp_path / "edge" / "model_int8.tflite").write_bytes(b"no model")
    judgement = judge(tmp_path / "edge", ModelValidatorThresholds(**edge.thresholds))
    verdicts = _verdicts(judgement)
    assert {gate for gate, verdict in verdicts.items() if not verdict.passed} == {
        "min_sequence_accuracy",
        "max_accuracy_lost",
        "max_custom_operators",
    }
    assert verdicts["min_sequence_accuracy"].figure is None
    assert "model_int8.tflite ended with exit code 1" in verdicts["min_sequence_accuracy"].detail
    assert judgement.accuracy.keys() == {"float_sequence", "float_window"}


def test_a_file_that_hangs_is_ended_and_rejected_with_its_time(converted, edge):
    verdicts = _verdicts(judge(converted, ModelValidatorThresholds(**edge.thresholds | {"max_judging_seconds": 0.05})))
    assert verdicts["max_judging_seconds"].figure > 0.05
    assert not any(verdict.passed for gate, verdict in verdicts.items() if gate != "max_bytes")


def test_one_sequence_may_always_be_lost(converted, edge):
    verdict = _verdicts(judge(converted, ModelValidatorThresholds(**edge.thresholds | {"max_accuracy_lost": 0.0})))
    assert verdict["max_accuracy_lost"].threshold == pytest.approx(1 / 45)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"max_bytes": None}, "max_bytes"),
        ({"max_size": 3}, "max_size: Extra"),
        ({"max_accuracy_lost": 2}, "max_accuracy_lost"),
    ],
)
def test_thresholds_that_make_no_sense_are_an_error(edge, change, expected):
    with pytest.raises(InputError, match=expected):
        parse_thresholds(ModelValidatorThresholds, json.dumps(edge.thresholds | change), "model_validator")


def test_the_gates_file_has_every_threshold(request):
    gates = read_gates(request.config.rootpath / "schema" / "gates.yaml")
    text = gates.model_validator.model_dump_json()
    assert parse_thresholds(ModelValidatorThresholds, text, "model_validator") == gates.model_validator


def test_the_component_takes_the_converted_files_and_thresholds(edge):
    node = ModelValidator(
        edge_model=Channel(type=EdgeModel),
        examples=Channel(type=Examples),
        thresholds=ModelValidatorThresholds(**edge.thresholds),
        holds_for="other people",
    )
    assert json.loads(node.exec_properties["thresholds"]) == edge.thresholds
    assert node.outputs["blessing"].type is EdgeBlessing


def _with_wrong_labels(source, target):
    shutil.copytree(source, target)
    evaluation = dict(np.load(source / "evaluation.npz"))
    evaluation["label_ids"] = (evaluation["label_ids"] + 1) % 3
    np.savez(target / "evaluation.npz", **evaluation)
    return target


def _turn_last_layer_around(path):
    model = flatbuffer_utils.read_model_with_mutable_tensors(str(path))
    graph = model.subgraphs[0]
    (dense,) = (
        op
        for op in graph.operators
        if model.operatorCodes[op.opcodeIndex].builtinCode == flatbuffer_utils.BuiltinOperator.FULLY_CONNECTED
    )
    weights = model.buffers[graph.tensors[dense.inputs[1]].buffer]
    weights.data = (-weights.data.view(np.int8)).view(np.uint8)
    flatbuffer_utils.write_model(model, str(path))
