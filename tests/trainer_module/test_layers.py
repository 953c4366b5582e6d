"""One check of every layer and every family: shapes, dtypes, saving, training steps, float and int8 TFLite files."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.edge_converter.quantise import quantise, with_dynamic_range, with_float16_weights
from components.edge_converter.worker import _to_tflite
from data.layouts import load_layout
from serving_targets.classifier import Classifier
from serving_targets.tflite_file import custom_operators, operators
from trainer_module.model_config import FAMILIES, FamilyConfig
from trainer_module.models import build_model
from trainer_module.models.ddnet import Resample
from trainer_module.models.layers import (
    CORE,
    BatchNormalization,
    CentreCrop,
    Conv2D,
    JointStreams,
    PoseStreams,
    gate,
    same_scale,
    temporal_convolution,
)
from trainer_module.models.skeleton_graph import GraphMix

LAYOUT, CLASSES = "coco17", 3
SHAPE = (16, len(load_layout(LAYOUT).joints), 2)
SMALL = {"stem": 8, "widths": (16, 24), "strides": (1, 2), "dropout": 0, "block_dropout": 0}
STREAMS = ("joints", "bones", "slow", "fast", "distances", "angles")


def poses(count: int) -> np.ndarray:
    """Return poses `[count, *SHAPE]` that move differently in each class."""
    random = np.random.default_rng(4)
    body = np.random.default_rng(0).normal(size=(1, 1, *SHAPE[1:]))
    swing = np.random.default_rng(1).normal(0, 0.5, (CLASSES, 1, *SHAPE[1:]))[np.arange(count) % CLASSES]
    phase = np.linspace(0, 2 * np.pi, SHAPE[0])[:, np.newaxis, np.newaxis]
    return (body + swing * np.sin(phase) + random.normal(0, 0.05, (count, *SHAPE))).astype(np.float32)


def check(model: keras.Model, folder: Path) -> None:
    """Check a model from poses to probabilities that has a submodel named CORE."""
    pose, target = poses(24), np.eye(CLASSES, dtype=np.float32)[np.arange(24) % CLASSES]
    before = model(pose, training=False)
    assert before.shape == (24, CLASSES)
    assert before.dtype == "float32"

    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy", jit_compile=False)
    model.fit(pose, target, epochs=8, batch_size=24, verbose=0)
    after = model(pose, training=False).numpy()
    assert np.isfinite(after).all()
    assert np.abs(after - before).max() > 1e-3, "a training step changed nothing"

    model.save(folder / "model.keras")
    restored = keras.saving.load_model(folder / "model.keras")
    np.testing.assert_allclose(restored(pose, training=False), after, atol=1e-6)

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "raw",
        lambda keypoints: {"probabilities": model(keypoints, training=False)},
        [tf.TensorSpec([None, *SHAPE], tf.float32, name="keypoints")],
    )
    archive.write_out(str(folder / "saved"), verbose=False)
    saved = tf.saved_model.load(str(folder / "saved"))
    float_file, int8_file = folder / "float.tflite", folder / "int8.tflite"
    float_file.write_bytes(_to_tflite(saved, saved.signatures["raw"], SHAPE, "the test"))
    quantise(float_file, int8_file, CORE, pose)
    assert custom_operators(float_file) == custom_operators(int8_file) == []
    assert operators(int8_file)["DEQUANTIZE"] == 1, "the core was quantised in several parts"
    np.testing.assert_allclose(Classifier(float_file).predict_all(pose), after, atol=1e-4)
    assert np.abs(Classifier(int8_file).predict_all(pose) - after).max(axis=1).mean() < 0.05
    for make, tolerance in ((with_float16_weights, 0.01), (with_dynamic_range, 0.05)):
        file = folder / f"{make.__name__}.tflite"
        file.write_bytes(make(float_file.read_bytes(), CORE))
        assert custom_operators(file) == []
        assert np.abs(Classifier(file).predict_all(pose) - after).max(axis=1).mean() < tolerance


Build = Callable[[keras.KerasTensor], keras.KerasTensor]

BEFORE_THE_CORE: dict[str, Build] = {
    "PoseStreams": lambda pose: keras.layers.Concatenate()(PoseStreams(LAYOUT, STREAMS)(pose)),
    "CentreCrop": CentreCrop(LAYOUT, 0.75),
    "JointStreams": JointStreams(LAYOUT),
    "Resample": Resample(8, 2),
}

IN_THE_CORE: dict[str, Build] = {
    "GraphMix": GraphMix(LAYOUT),
    "gate": gate,
    "temporal_convolution": lambda pose: temporal_convolution(pose, 8, 3, 2),
}


def _classified(x: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.Dense(CLASSES, activation="softmax")(keras.layers.Flatten()(x))


@pytest.mark.parametrize("name", BEFORE_THE_CORE)
def test_a_layer_before_the_core_passes_the_check(name: str, tmp_path: Path) -> None:
    pose = keras.Input(SHAPE)
    views = BEFORE_THE_CORE[name](pose)
    views = same_scale(keras.layers.Reshape((views.shape[1], 1, math.prod(views.shape[2:])))(views))
    inside = keras.Input(views.shape[1:])
    check(keras.Model(pose, keras.Model(inside, _classified(inside), name=CORE)(views)), tmp_path)


@pytest.mark.parametrize("name", IN_THE_CORE)
def test_a_layer_in_the_core_passes_the_check(name: str, tmp_path: Path) -> None:
    pose, inside = keras.Input(SHAPE), keras.Input(SHAPE)
    check(keras.Model(pose, keras.Model(inside, _classified(IN_THE_CORE[name](inside)), name=CORE)(pose)), tmp_path)


def small(family: type[FamilyConfig]) -> FamilyConfig:
    """Return settings of a small network: those of SMALL that the family has."""
    return family(**{key: value for key, value in SMALL.items() if key in family.model_fields})


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_passes_the_check(family: str, tmp_path: Path) -> None:
    check(build_model(small(FAMILIES[family]), LAYOUT, SHAPE, CLASSES), tmp_path)


def test_the_centre_crop_stretches_the_middle_to_full_length_except_in_training() -> None:
    frames, root = SHAPE[0], list(load_layout(LAYOUT).root)
    pose = poses(2)[:, :1] * np.linspace(0, 1, frames, dtype=np.float32)[:, np.newaxis, np.newaxis]
    crop = CentreCrop(LAYOUT, 0.5)
    np.testing.assert_array_equal(crop(pose, training=True), pose)
    np.testing.assert_array_equal(CentreCrop(LAYOUT, 1)(pose), pose)

    shown = crop(pose).numpy()
    assert shown.shape == pose.shape
    np.testing.assert_allclose(shown[:, :, root].mean(axis=(1, 2)), 0, atol=1e-5)
    half_as_fast = np.diff(pose, axis=1)[:, :1] / 2
    np.testing.assert_allclose(np.diff(shown, axis=1)[:, 1:-1], np.repeat(half_as_fast, frames - 3, axis=1), atol=1e-5)


def test_the_centre_crop_leaves_a_frame_of_the_shortest_window() -> None:
    for frames in range(1, 6):
        pose = poses(2)[:, :frames]
        assert np.isfinite(CentreCrop(LAYOUT, 0.2)(pose)).all()


@pytest.mark.parametrize("learned", [True, False])
def test_the_fused_normalisation_trains_as_that_of_keras(learned: bool) -> None:
    random = np.random.default_rng(0)
    pose, weight = (random.normal(3, 2, (6, 5, 1, 4)).astype(np.float32) for _ in range(2))

    def train(kind: type[keras.layers.Layer]) -> tuple[str, list[np.ndarray]]:
        layer = kind(momentum=0.9, center=learned, scale=learned, name="batch_normalization")
        layer.build(pose.shape)
        for variable in layer.trainable_variables:
            variable.assign(np.linspace(0.5, 2, 4))
        found = []
        for _ in range(3):
            with tf.GradientTape() as tape:
                inputs = tf.constant(pose)
                tape.watch(inputs)
                outputs = layer(inputs, training=True)
                loss = tf.reduce_sum(outputs * weight)
            found += [outputs, *tape.gradient(loss, [inputs, *(v.value for v in layer.trainable_variables)])]
        found += [layer(pose, training=False), *layer.weights]
        return str([variable.path for variable in layer.weights]), [np.asarray(value) for value in found]

    (names, values), (expected_names, expected) = train(BatchNormalization), train(keras.layers.BatchNormalization)
    assert names == expected_names
    for value, other in zip(values, expected, strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("frames", [16, 5])
@pytest.mark.parametrize("joints", [1, 3])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (1, 2), (5, 1), (5, 2), (4, 3)])
def test_the_fast_convolution_trains_as_that_of_keras(kernel: int, stride: int, joints: int, frames: int) -> None:
    pose = np.random.default_rng(0).normal(size=(6, frames, joints, 4)).astype(np.float32)

    def train(kind: type[keras.layers.Layer]) -> list[np.ndarray]:
        layer = kind(3, (kernel, 1), (stride, 1), padding="same", activation="tanh")
        layer.build(pose.shape)
        layer.kernel.assign(np.random.default_rng(1).normal(size=layer.kernel.shape))
        layer.bias.assign([0.5, 0, -0.5])
        with tf.GradientTape() as tape:
            inputs = tf.constant(pose)
            tape.watch(inputs)
            outputs = layer(inputs, training=True)
            loss = tf.reduce_sum(outputs * np.linspace(-1, 1, outputs.shape[1], dtype=np.float32)[:, None, None])
        gradients = tape.gradient(loss, [inputs, *(variable.value for variable in layer.trainable_variables)])
        return [np.asarray(value) for value in (outputs, *gradients)]

    for value, expected in zip(train(Conv2D), train(keras.layers.Conv2D), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-4)


def test_the_layers_of_a_network_have_the_names_that_saved_networks_have() -> None:
    assert BatchNormalization().name.startswith("batch_normalization")
    assert Conv2D(1, 1).name.startswith("conv2d")
