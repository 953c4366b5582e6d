"""Multi-stream temporal convolutional network."""

from __future__ import annotations

import keras

from trainer_module.config import ModelConfig
from trainer_module.models.layers import PoseStreams, gate, temporal_convolution

CORE = "core"
"""Name of the part that EdgeConverter quantises. What stands before it stays in float32."""


def build_tcn(config: ModelConfig, layout: str, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Builds the network: a stem for each stream, gated fusion, residual bottleneck blocks, mean over time.

    Args:
        config: widths and depths.
        layout: name of the joint layout.
        shape: T, J and D of a pose.
        classes: how many labels there are.

    Returns:
        A model from poses `[N, T, J, D]` to probabilities `[N, classes]`.
    """
    pose = keras.Input(shape, name="pose")
    streams = [
        # Without scale and offset: only so that all streams enter the core, and its int8, at the same scale.
        keras.layers.BatchNormalization(momentum=0.9, center=False, scale=False, name=f"normalise_{name}")(stream)
        for name, stream in zip(config.streams, PoseStreams(layout, config.streams)(pose), strict=True)
    ]
    core = _build_core(config, [tuple(stream.shape[1:]) for stream in streams], classes)
    return keras.Model(pose, core(streams), name="poseline")


def _build_core(config: ModelConfig, shapes: list[tuple[int, ...]], classes: int) -> keras.Model:
    inputs = [keras.Input(shape, name=name) for name, shape in zip(config.streams, shapes, strict=True)]
    stems = [temporal_convolution(temporal_convolution(x, config.stem), config.stem, config.kernel) for x in inputs]
    x = stems[0] if len(stems) == 1 else gate(keras.layers.Concatenate()(stems))
    x = temporal_convolution(x, config.widths[0])
    for width, stride in zip(config.widths, config.strides, strict=True):
        x = _block(x, width, stride, config)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(config.dropout)(x)
    return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x), name=CORE)


def _block(x: keras.KerasTensor, width: int, stride: int, config: ModelConfig) -> keras.KerasTensor:
    """Reduce, convolve over time, expand, gate, add to the input."""
    shortcut = x
    x = temporal_convolution(x, width // 2)
    x = temporal_convolution(x, width // 2, config.kernel, stride)
    x = keras.layers.SpatialDropout2D(config.block_dropout)(x)
    x = temporal_convolution(x, width, activation=None)
    x = gate(x)
    if stride > 1:
        shortcut = keras.layers.AveragePooling2D((stride, 1), padding="same")(shortcut)
    if shortcut.shape[-1] != width:
        shortcut = temporal_convolution(shortcut, width, activation=None)
    return keras.layers.ReLU()(keras.layers.Add()([x, shortcut]))
