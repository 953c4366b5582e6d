"""The whole Trainer on a small problem of two classes: transformed as by TFX, trained, exported, run."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apache_beam as beam
import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from trainer_module.dataset import read_windows
from trainer_module.model_config import TcnConfig
from trainer_module.run import run_fn
from trainer_module.training_config import AugmentationConfig, TrainingConfig
from transform_module.config import TransformConfig
from transform_module.preprocessing import preprocessing_fn

FRAMES, JOINTS, CHANNELS, CLASSES = 16, 17, 3, 2
LAYOUT = "coco17"
MODEL = TcnConfig(stem=8, widths=(16,), strides=(2,), kernel=3, dropout=0)
TRAINING = TrainingConfig(
    epochs=6,
    warmup_epochs=1,
    batch_size=16,
    learning_rate=0.01,
    ema=0.8,
    jit_compile=False,
    augmentation=AugmentationConfig(mixing=0, mirror=0.5),
)


def wave(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return windows `[N, T, J, C]` and their labels: people lift their wrists (label 1) or their knees (label 0)."""
    random = np.random.default_rng(seed)
    body = random.normal(size=(JOINTS, 2)) * 0.02 + np.linspace(0.2, 0.8, JOINTS)[:, np.newaxis]
    keypoints = np.ones((count, FRAMES, JOINTS, CHANNELS), np.float32)
    keypoints[..., :2] = body + random.normal(size=(count, 1, 1, 2)) * 0.1
    labels = np.arange(count) % CLASSES
    lift = 0.2 * np.sin(np.linspace(0, np.pi, FRAMES))
    for joints, label in (((9, 10), 1), ((13, 14), 0)):
        keypoints[np.ix_(np.flatnonzero(labels == label), range(FRAMES), joints, [1])] -= lift[
            :, np.newaxis, np.newaxis
        ]
    keypoints[..., :2] += random.normal(size=(*keypoints.shape[:-1], 2)) * 0.005
    return keypoints, labels


def serialise(keypoints: np.ndarray, label_id: int) -> bytes:
    """Return one raw tf.Example, serialised."""
    features = tf.train.Features(
        feature={
            "keypoints": tf.train.Feature(float_list=tf.train.FloatList(value=keypoints.ravel())),
            "label_id": tf.train.Feature(int64_list=tf.train.Int64List(value=[label_id])),
        }
    )
    return tf.train.Example(features=features).SerializeToString()


@pytest.fixture(scope="module")
def windows() -> tuple[np.ndarray, np.ndarray]:
    """Return 64 windows and their labels."""
    return wave(64, seed=0)


@pytest.fixture(scope="module")
def transformed(tmp_path_factory: pytest.TempPathFactory, windows: tuple[np.ndarray, np.ndarray]) -> Path:
    """Return a folder with `graph/` (output of TFT) and `train-*.gz` (transformed examples)."""
    folder = tmp_path_factory.mktemp("transformed")
    spec = {
        "keypoints": tf.io.FixedLenFeature((FRAMES, JOINTS, CHANNELS), tf.float32),
        "label_id": tf.io.FixedLenFeature((1,), tf.int64),
    }
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    config: dict[str, Any] = {"layout": LAYOUT, "transform": TransformConfig().model_dump()}
    rows = [{"keypoints": window, "label_id": [label]} for window, label in zip(*windows, strict=True)]
    # DirectRunner would try to download another runner first.
    with beam.Pipeline(runner="FnApiRunner") as pipeline, tft_beam.Context(temp_dir=str(folder / "tmp")):
        data = pipeline | beam.Create(rows)
        (examples, transformed_metadata), transform_fn = (data, metadata) | tft_beam.AnalyzeAndTransformDataset(
            lambda inputs: preprocessing_fn(inputs, config)
        )
        _ = transform_fn | tft_beam.WriteTransformFn(str(folder / "graph"))
        _ = metadata | tft_beam.WriteMetadata(str(folder / "graph" / tft.TFTransformOutput.RAW_METADATA_DIR), pipeline)
        coder = tft.coders.ExampleProtoCoder(transformed_metadata.schema)
        _ = examples | beam.Map(coder.encode) | beam.io.WriteToTFRecord(str(folder / "train"), file_name_suffix=".gz")
    return folder


def train(transformed: Path, folder: Path, has_eval: bool = False, training: TrainingConfig = TRAINING) -> None:
    pattern = [str(transformed / "train-*")]
    run_fn(
        SimpleNamespace(
            custom_config={
                "layout": LAYOUT,
                "labels": ["knees", "wrists"],
                "model": MODEL.model_dump(),
                "training": training.model_dump(),
                "has_eval": has_eval,
            },
            transform_graph_path=str(transformed / "graph"),
            train_files=pattern,
            eval_files=pattern,
            model_run_dir=str(folder / "logs"),
            serving_model_dir=str(folder / "model" / "Format-Serving"),
        )
    )


@pytest.fixture(scope="module")
def trained(transformed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train(transformed, folder, has_eval=True)
    return folder


def test_a_training_learns_and_records_its_accuracy(trained: Path) -> None:
    record = json.loads((trained / "logs" / "training.json").read_text())
    assert record["epochs"] == TRAINING.epochs
    assert record["windows"] == {"train": 64, "eval": 64}
    assert record["history"]["loss"][-1] < record["history"]["loss"][0]
    assert record["best_eval_accuracy"] >= 0.9


def test_endpoints_and_keras_model_agree(
    trained: Path, windows: tuple[np.ndarray, np.ndarray], transformed: Path
) -> None:
    keypoints, labels = windows
    model = tf.saved_model.load(str(trained / "model" / "Format-Serving"))
    raw = model.signatures["raw"](keypoints=tf.constant(keypoints))["probabilities"].numpy()
    examples = [serialise(window, int(label)) for window, label in zip(keypoints, labels, strict=True)]
    served = model.signatures["serving_default"](examples=tf.constant(examples))["probabilities"].numpy()
    np.testing.assert_allclose(raw, served, atol=1e-6)
    np.testing.assert_allclose(raw.sum(axis=1), 1, atol=1e-5)
    assert (raw.argmax(axis=1) == labels).mean() >= 0.9

    feature_spec = tft.TFTransformOutput(str(transformed / "graph")).transformed_feature_spec()
    poses = read_windows([str(transformed / "train-*")], feature_spec).poses
    restored = keras.saving.load_model(trained / "model" / "model.keras")
    np.testing.assert_allclose(restored(poses, training=False), raw, atol=1e-5)
    stored = tf.train.list_variables(str(trained / "model" / "Format-Serving" / "variables" / "variables"))
    values = [name for name, _ in stored if name.endswith("VARIABLE_VALUE")]
    assert len(values) == len(restored.weights), "the SavedModel holds each weight once"
