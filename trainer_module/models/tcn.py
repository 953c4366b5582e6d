"""Temporal convolutional network that reads several streams: the family `tcn`."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from trainer_module.model_config import TcnConfig
from trainer_module.models.layers import (
    CORE,
    CentreCrop,
    LateFusion,
    PoseStreams,
    gate,
    same_scale,
    temporal_convolution,
)


def build_tcn(config: TcnConfig, layout: str, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Build the network: several members, each with its own streams, fused at their logits.

    A member has a stem for each stream, gated fusion, residual bottleneck blocks and a mean over time.

    Args:
        config: settings of the network.
        layout: name of the joint layout.
        shape: frames T, joints J and dimensions D of a pose.
        classes: number of labels.

    Returns:
        Model from poses `[N, T, J, D]` to probabilities `[N, classes]`.
    """
    names = list(dict.fromkeys(name for member in config.members for name in member))
    pose = keras.Input(shape, name="pose")
    middle = CentreCrop(layout, config.centre_crop)(pose)
    streams = [same_scale(stream) for stream in PoseStreams(layout, names)(middle)]
    inputs = {name: keras.Input(stream.shape[1:], name=name) for name, stream in zip(names, streams, strict=True)}
    features = [_member(config, [inputs[name] for name in member]) for member in config.members]
    core = keras.Model(list(inputs.values()), LateFusion(classes)(features), name=CORE)
    return keras.Model(pose, core(streams), name="poseline")


def _member(config: TcnConfig, streams: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    stems = [temporal_convolution(temporal_convolution(x, config.stem), config.stem, config.kernel) for x in streams]
    x = stems[0] if len(stems) == 1 else gate(keras.layers.Concatenate()(stems))
    x = temporal_convolution(x, config.widths[0])
    for width, stride in zip(config.widths, config.strides, strict=True):
        x = _block(x, width, stride, config)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.layers.Dropout(config.dropout)(x)


def _block(x: keras.KerasTensor, width: int, stride: int, config: TcnConfig) -> keras.KerasTensor:
    """Reduce the channels, convolve over time, expand the channels, gate them, and add the block's input."""
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
