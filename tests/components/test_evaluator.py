"""The metric and the record of Evaluator, computed by TFX's executor with a SavedModel."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from sklearn.metrics import f1_score
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from components.evaluator.executor import Executor
from pipelines.config import EvaluationConfig
from pipelines.evaluation import eval_config
from schema.gates import EvaluatorThresholds

GATE = EvaluatorThresholds(min_accuracy=0.5, min_macro_f1=0.9, max_accuracy_drop=0.02)
LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 3])
CALLED = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])


class Answers(tf.Module):
    """A model whose prediction is a feature of the example."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, {"called": tf.io.FixedLenFeature([], tf.int64)})
        return {"probabilities": tf.one_hot(parsed["called"], 4) * 0.7 + 0.075}


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluator")
    examples = standard_artifacts.Examples()
    examples.uri = str(folder / "examples")
    examples.split_names = json.dumps(["test"])
    (folder / "examples" / "Split-test").mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "examples/Split-test/data-00000.gz"), "GZIP") as writer:
        for label, called in zip(LABELS, CALLED, strict=True):
            features = {
                "label_id": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                "called": tf.train.Feature(int64_list=tf.train.Int64List(value=[called])),
                "label": tf.train.Feature(bytes_list=tf.train.BytesList(value=[f"class{label}".encode()])),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    model = standard_artifacts.Model()
    model.uri = str(folder / "model")
    answers = Answers()
    tf.saved_model.save(answers, str(folder / "model/Format-Serving"), signatures={"serving_default": answers.serve})
    evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
    evaluation.uri, blessing.uri = str(folder / "evaluation"), str(folder / "blessing")
    config = eval_config(EvaluationConfig(slices=("label",)), GATE)
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=["--runner=FnApiRunner", "--setup_file=setup.py"], tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    Executor(context).Do(
        {"examples": [examples], "model": [model]},
        {"evaluation": [evaluation], "blessing": [blessing]},
        {
            "eval_config": json_format.MessageToJson(config),
            "example_splits": json.dumps(["test"]),
            "feature_slicing_spec": None,
            "fairness_indicator_thresholds": "null",
        },
    )
    return json.loads((folder / "evaluation" / "metrics.json").read_text()), blessing, folder


def test_macro_f1_is_that_of_scikit_learn(record):
    metrics = record[0]["slices"][0]["metrics"]
    assert metrics["accuracy"] == pytest.approx(0.7)
    assert metrics["macro_f1"] == pytest.approx(f1_score(LABELS, CALLED, average="macro"))


def test_slices_and_confusion_matrix_are_kept(record):
    slices = record[0]["slices"]
    assert [entry["slice"] for entry in slices] == [{}, *({"label": f"class{i}"} for i in range(4))]
    counts = {(cell["actual"], cell["predicted"]): cell["count"] for cell in slices[0]["confusion"]}
    assert counts == {(0, 0): 3, (0, 1): 1, (1, 1): 2, (1, 2): 1, (2, 2): 2, (3, 2): 1}


def test_the_threshold_applies_only_to_the_mean_of_the_whole_split(record):
    verdicts = {verdict["gate"]: verdict for verdict in record[0]["verdicts"]}
    assert verdicts["evaluator accuracy"]["passed"]
    assert not verdicts["evaluator macro_f1"]["passed"]
    assert len(verdicts) == 2
    assert {(verdict["direction"], verdict["unit"]) for verdict in verdicts.values()} == {("min", "share")}
    assert record[1].get_int_custom_property("blessed") == 0
    failures = [
        failure.metric_key.name
        for entry in tfma.load_validation_result(str(record[2] / "evaluation")).metric_validations_per_slice
        for failure in entry.failures
    ]
    assert failures == ["macro_f1"]
