import hashlib
import json
import shutil
import zipfile
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils
from tfx.types import Channel
from tfx.types.standard_artifacts import Examples, Model, Schema

from components.artifacts.edge_model import COMPARED, EdgeFile, list_files
from components.artifacts.types import EdgeModel
from components.edge_converter import worker
from components.edge_converter.compact import compact, pack
from components.edge_converter.component import EdgeConverter
from components.edge_converter.job import ConversionJob, run_job
from components.edge_converter.metadata import embed_contract
from components.edge_converter.window_reader import read_keys, read_windows
from components.edge_converter.window_selection import WindowKey, select_stratified, select_whole_sequences
from components.edge_converter.worker import convert
from data.digests import file_digest, list_folder
from data.errors import NodeError
from data.windows import WindowSpec
from serving_targets.classifier import Classifier
from serving_targets.contract import make_contract, read_contract
from serving_targets.tflite_file import custom_operators, operators


@pytest.fixture
def job(trained, edge, tmp_path):
    (tmp_path / "output").mkdir()
    return ConversionJob(
        saved_model=str(trained / "model" / "Format-Serving"),
        examples=str(trained / "examples"),
        schema=str(trained / "schema" / "schema.pbtxt"),
        output=str(tmp_path / "output"),
        representative_windows=30,
        golden_windows=8,
        evaluation_windows=100,
        seed=7,
        core_scope="core",
        float16="compare",
        dynamic_range="compare",
        facts=edge.model_facts,
    )


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_both_files_take_raw_windows_and_answer_as_the_saved_model(converted, edge):
    golden = np.load(converted / "golden.npz")
    assert golden["windows"].shape == (30, *edge.shape)
    for name, tolerance in (("model_float.tflite", 1e-4), ("model_int8.tflite", 0.1)):
        model = Classifier(converted / name)
        assert (model.window_shape, model.classes) == (edge.shape, len(edge.labels))
        assert np.abs(model.predict_all(golden["windows"]) - golden["probabilities"]).max() < tolerance


def test_only_the_core_is_int8_and_in_one_piece(converted):
    used = operators(converted / "model_int8.tflite")
    assert (used["QUANTIZE"], used["DEQUANTIZE"]) == (1, 1)
    assert operators(converted / "model_float.tflite")["DEQUANTIZE"] == 0
    assert custom_operators(converted / "model_int8.tflite") == []
    assert (converted / "model_int8.tflite").stat().st_size < (converted / "model_float.tflite").stat().st_size


def test_a_compact_file_is_the_same_model(converted, tmp_path):
    plain, small = converted / "model_float.tflite", tmp_path / "small.tflite"
    small.write_bytes(compact(plain.read_bytes()))
    assert small.stat().st_size < 0.95 * plain.stat().st_size
    assert operators(small) == operators(plain)
    windows = np.load(converted / "golden.npz")["windows"]
    assert np.array_equal(Classifier(small).predict_all(windows), Classifier(plain).predict_all(windows))


def test_other_formats_are_made_to_be_compared(converted, edge):
    sizes = {path.name: path.stat().st_size for path in converted.glob("**/*.tflite")}
    assert list_files(converted) == [
        EdgeFile(converted / "model_float.tflite", True),
        EdgeFile(converted / "model_int8.tflite", True),
        EdgeFile(converted / COMPARED / "model_dynamic.tflite", False),
        EdgeFile(converted / COMPARED / "model_float16.tflite", False),
    ]
    assert max(sizes, key=sizes.get) == "model_float.tflite"
    golden = np.load(converted / "golden.npz")
    for name, tolerance in (("model_float16.tflite", 0.01), ("model_dynamic.tflite", 0.05)):
        answers = Classifier(converted / COMPARED / name).predict_all(golden["windows"])
        assert 0 < np.abs(answers - golden["probabilities"]).max() < tolerance
    record = json.loads((converted / "conversion.json").read_text())
    assert {name: found["bytes"] for name, found in record["files"].items()} == sizes


def test_another_format_is_shipped_or_not_made_on_request(job):
    convert(replace(job, float16="ship", dynamic_range="skip"), print)
    names = [(file.path.name, file.shipped) for file in list_files(Path(job.output))]
    assert names == [(f"model_{name}.tflite", True) for name in ("float", "float16", "int8")]


def test_every_file_contains_its_contract(converted, trained, edge):
    expected = make_contract(
        **{name: fact for name, fact in edge.model_facts.items() if name not in ("window", "transform")},
        window=WindowSpec.model_validate(edge.model_facts["window"]),
        normalisation=hashlib.sha256(b'{"align_view": true}').hexdigest()[:12],
        schema_digest=file_digest(trained / "schema" / "schema.pbtxt"),
        saved_model_digest=list_folder(trained / "model" / "Format-Serving").digest,
    )
    for file in list_files(converted):
        assert read_contract(file.path) == Classifier(file.path).contract == expected
        with zipfile.ZipFile(file.path) as archive:
            assert archive.testzip() is None
            assert archive.read("labels.txt").decode().split() == list(edge.labels)
            assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}


def test_the_metadata_are_where_tflites_tools_look(converted):
    model = flatbuffer_utils.read_model(str(converted / "model_int8.tflite"))
    [entry] = [entry for entry in model.metadata if entry.name == b"TFLITE_METADATA"]
    content = bytes(model.buffers[entry.buffer].data)
    assert content[4:8] == b"M001"
    for text in (b"standin", b"labels.txt", b"contract.json", b"keypoints", b"probabilities"):
        assert text in content


def test_metadata_change_no_answer_cost_little_and_are_replaced(converted, tmp_path):
    path = converted / "model_int8.tflite"
    contract = read_contract(path)
    other = contract.model_copy(update={"labels": ("a", "b", "c")})
    content = embed_contract(path.read_bytes(), other)
    assert embed_contract(content, contract) == path.read_bytes()
    (tmp_path / "other.tflite").write_bytes(content)
    windows = np.load(converted / "golden.npz")["windows"]
    before, after = Classifier(path), Classifier(tmp_path / "other.tflite")
    assert (before.predict_all(windows) == after.predict_all(windows)).all()
    assert after.contract == other
    bare = flatbuffer_utils.read_model(str(path))
    bare.metadata = [entry for entry in bare.metadata if entry.name != b"TFLITE_METADATA"]
    assert path.stat().st_size - len(pack(bare, 0)) < 2048


def test_the_conversion_is_on_record(converted, trained, edge):
    record = json.loads((converted / "conversion.json").read_text())
    assert record["input"] == {"name": "keypoints", "shape": [1, 24, 17, 3], "dtype": "float32"}
    assert record["files"]["model_int8.tflite"]["float_islands"] == 0
    assert record["representative"]["by_label_id"] == {"0": 20, "1": 20, "2": 20}
    train = trained / "examples" / "Split-train"
    windows = read_windows(train, select_stratified(read_keys(train), 60, seed=7), edge.shape)
    assert record["representative"]["sha256"] == hashlib.sha256(windows.tobytes()).hexdigest()
    assert record["recipe"]["cut"] == float(min(record["recipe"]["difference"], key=record["recipe"]["difference"].get))


def test_whole_test_sequences_are_kept_for_judging(converted):
    evaluation = np.load(converted / "evaluation.npz")
    assert len(evaluation["windows"]) == len(evaluation["label_ids"]) == 90
    assert Counter(Counter(evaluation["sequences"].tolist()).values()) == {2: 45}


def test_the_same_job_makes_the_same_files(job, trained, tmp_path):
    convert(job, print)
    reordered = tmp_path / "examples"
    shutil.copytree(trained / "examples", reordered)
    for split in ("Split-train", "Split-test"):
        (reordered / split / "part-00000.gz").rename(reordered / split / "part-00009.gz")
    again = replace(job, examples=str(reordered), output=str(tmp_path / "again"))
    (tmp_path / "again").mkdir()
    convert(again, print)
    for name in ("model_int8.tflite", "model_float.tflite", "golden.npz"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "output" / name).read_bytes()


def test_an_error_in_the_converting_process_reaches_the_caller(job, scratch):
    with pytest.raises(NodeError, match="no records in this split") as caught:
        run_job(replace(job, examples="/nowhere"), 120, scratch)
    assert caught.value.where == "/nowhere/Split-train"
    assert caught.value.remedy


def test_a_folder_that_can_not_be_written_is_reported(job, scratch, tmp_path):
    description = scratch / "job.json"
    description.write_text(json.dumps(asdict(replace(job, output=str(tmp_path / "nothing")))))
    assert worker.main(description) == 1
    failure = json.loads((scratch / "failure.json").read_text())
    assert failure["what"] == "a file cannot be read or written: No such file or directory"
    assert failure["where"] == str(tmp_path / "nothing" / "model_float.tflite")


def test_a_core_that_is_not_there_is_an_error(job):
    with pytest.raises(NodeError, match="no operator of the model is in the name scope 'backbone'"):
        convert(replace(job, core_scope="backbone"), print)


def _determinant(tf, keypoints):
    return tf.linalg.det(keypoints[:, :3, :3])


def _logarithm_of_a_negative(tf, keypoints):
    return tf.math.log(-tf.reduce_sum(tf.abs(keypoints), axis=[1, 2]))


def _two_classes(tf, keypoints):
    return tf.nn.softmax(keypoints[:, 0, :2, 0])


@pytest.mark.parametrize(
    ("outputs", "endpoint", "expected"),
    [
        (_determinant, "raw", "cannot be converted.*MatrixDeterminant"),
        (_logarithm_of_a_negative, "raw", "gives NaN"),
        (_two_classes, "raw", "gives 2 probabilities, the schema has 3 labels"),
        (_two_classes, "predict", "has no endpoint 'raw', only predict"),
    ],
)
def test_a_model_that_is_not_fit_for_devices_is_an_error(job, tmp_path, edge, outputs, endpoint, expected):
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None, *edge.shape], tf.float32, name="keypoints")])
    def raw(keypoints):
        return {"probabilities": outputs(tf, keypoints)}

    module = tf.Module()
    module.raw = raw
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={endpoint: raw})
    with pytest.raises(NodeError, match=expected):
        convert(replace(job, saved_model=str(tmp_path / "model")), print)


@pytest.mark.parametrize(
    ("source", "limit", "expected"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", 20, "crashed with SIGSEGV while quantising"),
        ("import time; time.sleep(60)", 0.5, "took more than 0.5 s; it was quantising"),
        ("raise RuntimeError('broken pipe dream')", 20, "ended with exit code 1 while quantising"),
    ],
)
@pytest.mark.parametrize("fork", [False, True])
def test_the_end_of_the_converting_process_is_understood(
    job, scratch, tmp_path, monkeypatch, source, limit, expected, fork
):
    (tmp_path / "fake_worker.py").write_text(source)
    (scratch / "stage.txt").write_text("quantising")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(NodeError, match=expected) as caught:
        run_job(job, limit, scratch, worker="fake_worker", fork=fork)
    assert job.saved_model in caught.value.where
    assert "RuntimeError" not in source or "broken pipe dream" in caught.value.where


def test_windows_are_selected_evenly_and_independently_of_the_order_of_records():
    keys = [WindowKey(f"s{i}", 0, label, i) for i, label in enumerate([0] * 50 + [1] * 3 + [2] * 20)]
    taken = select_stratified(keys, 15, seed=1)
    assert Counter(key.label_id for key in taken) == {0: 6, 1: 3, 2: 6}
    assert select_stratified(keys[::-1], 15, seed=1) == taken
    assert select_stratified(keys, 15, seed=2) != taken
    assert len(select_stratified(keys, 500, seed=1)) == len(keys)


def test_sequences_are_taken_whole():
    keys = [WindowKey(f"s{i // 4}", i % 4, 0, i) for i in range(40)]
    taken = select_whole_sequences(keys, 10, seed=1)
    assert sorted(Counter(key.sequence_id for key in taken).values()) == [4, 4]
    assert taken == sorted(taken)
    assert len(select_whole_sequences(keys, 1, seed=1)) == 4


def test_the_component_has_defaults_for_all_but_its_inputs():
    node = EdgeConverter(
        model=Channel(type=Model), examples=Channel(type=Examples), schema=Channel(type=Schema), facts={}
    )
    assert node.outputs["edge_model"].type is EdgeModel
    assert node.exec_properties["core_scope"] == "core"
