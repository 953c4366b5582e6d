import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tfx.types import Channel
from tfx.types.standard_artifacts import Examples, InfraBlessing, Model

from components.artifacts.edge_model import COMPARED
from components.artifacts.judging import parse_thresholds
from components.artifacts.types import EdgeModel
from components.serving_smoke.component import ServingSmoke
from components.serving_smoke.judge import check_all
from data.errors import InputError
from payloads.judgements import FormatFigures
from payloads.verdict import check_threshold
from schema.gates import ServingSmokeThresholds, read_gates

FORMATS = {"saved_model", "model_float.tflite", "model_int8.tflite"}


@pytest.fixture
def files(converted, tmp_path):
    """A copy of the converted files that a test may damage."""
    shutil.copytree(converted, tmp_path / "files")
    return tmp_path / "files"


@pytest.fixture
def serve(trained, edge, tmp_path):
    """Run the executor; return whether it blessed the model, the verdicts by gate, and the whole record."""

    def run(files, model="model", **limits):
        blessing = edge.artifact(InfraBlessing, tmp_path / "blessing")
        edge.smoke(trained, files, blessing, edge.serving | limits, model)
        record = json.loads((tmp_path / "blessing" / "verdict.json").read_text())
        verdicts = {entry["gate"]: entry for entry in record["verdicts"]}
        return blessing.get_int_custom_property("blessed"), verdicts, record

    return run


def _refused(verdicts):
    return {gate for gate, entry in verdicts.items() if not entry["passed"]}


def test_a_model_that_serves_is_blessed_and_every_figure_is_on_record(smoked, edge):
    assert smoked.type_name == "InfraBlessing"
    assert smoked.get_int_custom_property("blessed") == 1
    folder = Path(smoked.uri)
    assert {path.name for path in folder.iterdir()} == {"INFRA_BLESSED", "verdict.json"}
    record = json.loads((folder / "verdict.json").read_text())
    assert [verdict["gate"] for verdict in record["verdicts"]] == list(edge.serving)
    assert all(verdict["passed"] and verdict["figure"] is not None for verdict in record["verdicts"])
    assert record["windows"] == 30 + 64
    assert {name for name, found in record["formats"].items() if found["shipped"]} == FORMATS
    for found in record["formats"].values():
        assert found["fault"] is None
        assert 0 < found["p50_ms"] <= found["p95_ms"]
        assert (found["wall_p95_ms"] is None) == (found is record["formats"]["saved_model"])
        assert found["load_ms"] > 0
        assert found["first_ms"] > 0
        assert found["agreement"] >= 0.9
    assert record["formats"]["saved_model"]["max_difference"] == 0
    assert record["latency_ms"]["p95"] == record["formats"]["model_int8.tflite"]["p95_ms"]


@pytest.mark.parametrize("name", ["model_int8.tflite", "model_float.tflite"])
def test_a_damaged_file_is_rejected_by_name(serve, files, name):
    (files / name).write_bytes((files / name).read_bytes()[:2000])
    blessed, verdicts, record = serve(files)
    assert blessed == 0
    assert (verdicts["max_failed_formats"]["figure"], verdicts["max_failed_formats"]["threshold"]) == (1, 0)
    assert name in verdicts["max_failed_formats"]["detail"]
    assert {found for found in record["formats"] if record["formats"][found]["fault"]} == {name}
    assert "max_failed_formats" in _refused(verdicts)
    assert verdicts["max_saved_model_difference"]["passed"]


def test_a_damaged_saved_model_is_rejected(serve, trained, converted):
    shutil.copytree(trained / "model", trained / "damaged", dirs_exist_ok=True)
    (trained / "damaged" / "Format-Serving" / "saved_model.pb").write_bytes(b"no model")
    blessed, verdicts, record = serve(converted, "damaged")
    assert blessed == 0
    assert "saved_model" in verdicts["max_failed_formats"]["detail"]
    assert record["formats"]["saved_model"]["fault"].startswith("ended with exit code 1: ")
    # There is nothing to compare the files with, and a figure that cannot be measured does not pass.
    assert verdicts["min_agreement"]["figure"] is None
    assert {"min_agreement", "max_float_difference", "max_saved_model_difference"} <= _refused(verdicts)


def test_a_format_that_hangs_is_ended_and_rejected_with_its_time(serve, converted):
    blessed, verdicts, _ = serve(converted, max_serving_seconds=0.05)
    assert blessed == 0
    assert verdicts["max_failed_formats"]["figure"] == 3
    assert "took more than 0.05" in verdicts["max_failed_formats"]["detail"]
    verdict = verdicts["max_serving_seconds"]
    assert verdict["figure"] > verdict["threshold"] == 0.05


def test_a_saved_model_whose_answers_have_changed_since_conversion_is_rejected(serve, files):
    golden = dict(np.load(files / "golden.npz"))
    golden["probabilities"] = golden["probabilities"][:, ::-1]
    np.savez(files / "golden.npz", **golden)
    blessed, verdicts, _ = serve(files)
    assert blessed == 0
    assert _refused(verdicts) == {"max_saved_model_difference"}


def test_files_whose_answers_differ_from_the_saved_model_are_rejected(serve, files):
    shutil.copyfile(files / "model_int8.tflite", files / "model_float.tflite")
    blessed, verdicts, _ = serve(files)
    assert blessed == 0
    assert _refused(verdicts) == {"max_float_difference"}


@pytest.mark.parametrize(
    ("gate", "name", "change"),
    [
        ("max_serving_seconds", "model_float.tflite", {"seconds": 61.0}),
        ("max_saved_model_start_ms", "saved_model", {"load_ms": 20_001.0}),
        ("max_tflite_start_ms", "model_float.tflite", {"first_ms": 1001.0}),
        ("max_tflite_start_ms", "model_int8.tflite", {"load_ms": None}),
        ("max_latency_p95_ms", "model_int8.tflite", {"p95_ms": 101.0}),
        ("max_float_difference", "model_float.tflite", {"max_difference": 0.01}),
        ("min_agreement", "model_int8.tflite", {"agreement": 0.89}),
        ("min_agreement", "model_int8.tflite", {"agreement": None}),
        ("max_difference", "model_int8.tflite", {"mean_difference": 0.06}),
        ("max_failed_formats", "model_int8.tflite", {"fault": "crashed with SIGSEGV"}),
    ],
)
def test_one_figure_beyond_its_threshold_is_rejected_by_its_gate(smoked, edge, gate, name, change):
    record = json.loads((Path(smoked.uri) / "verdict.json").read_text())
    record["formats"][name] |= {"calm": True} | change
    formats = {key: FormatFigures.model_validate(found) for key, found in record["formats"].items()}
    [refused] = [
        verdict for verdict in check_all(formats, 0.0, ServingSmokeThresholds(**edge.serving)) if not verdict.passed
    ]
    assert refused.gate == gate
    assert refused.threshold == edge.serving[gate]
    assert name in refused.detail or gate in ("max_saved_model_start_ms", "max_latency_p95_ms", "max_float_difference")


@pytest.mark.parametrize(
    ("calm", "p95_ms", "is_open"),
    [(True, 101.0, False), (False, 101.0, True), (False, 199.0, True), (False, 201.0, False)],
)
def test_a_latency_near_its_limit_is_open_if_other_programs_were_busy(smoked, edge, calm, p95_ms, is_open):
    record = json.loads((Path(smoked.uri) / "verdict.json").read_text())
    record["formats"]["model_int8.tflite"] |= {"calm": calm, "p95_ms": p95_ms}
    formats = {key: FormatFigures.model_validate(found) for key, found in record["formats"].items()}
    [verdict] = [
        verdict for verdict in check_all(formats, 0.0, ServingSmokeThresholds(**edge.serving)) if not verdict.passed
    ]
    assert (verdict.gate, verdict.is_open) == ("max_latency_p95_ms", is_open)
    assert ("not measurable now" in str(verdict)) == is_open


def test_files_that_are_only_compared_stop_nothing(serve, files):
    (files / COMPARED).mkdir(exist_ok=True)
    (files / COMPARED / "model_broken.tflite").write_bytes(b"no model")
    blessed, _, record = serve(files)
    assert blessed == 1
    assert record["formats"]["model_broken.tflite"]["fault"]
    assert not record["formats"]["model_broken.tflite"]["shipped"]


def test_what_is_not_measured_does_not_pass():
    assert not check_threshold("max_latency_p95_ms", float("nan"), 1.0, "max", "ms").passed
    assert not check_threshold("min_agreement", float("nan"), 0.0, "min", "share").passed
    too_large = check_threshold("max_bytes", 5_241_088, 300_000, "max", "bytes")
    assert str(too_large) == "max_bytes: 5,241,088 (at most 300,000 bytes)"


def test_the_gates_file_has_every_threshold(request):
    gates = read_gates(request.config.rootpath / "schema" / "gates.yaml")
    text = gates.serving_smoke.model_dump_json()
    assert parse_thresholds(ServingSmokeThresholds, text, "serving_smoke") == gates.serving_smoke


def test_thresholds_that_make_no_sense_are_an_error(edge):
    with pytest.raises(InputError, match="min_agreement"):
        parse_thresholds(ServingSmokeThresholds, json.dumps(edge.serving | {"min_agreement": 2}), "serving_smoke")


def test_the_component_takes_what_will_be_shipped(edge):
    node = ServingSmoke(
        model=Channel(type=Model),
        edge_model=Channel(type=EdgeModel),
        examples=Channel(type=Examples),
        thresholds=ServingSmokeThresholds(**edge.serving),
    )
    assert node.outputs["blessing"].type is InfraBlessing
