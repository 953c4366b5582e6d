"""Keras layers that the model families share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from data.layouts import load_layout
from transform_module.streams import compute_streams


@keras.saving.register_keras_serializable("poseline")
class PoseStreams(keras.layers.Layer):
    """A pose `[N, T, J, D]` to its streams, each `[N, T, 1, F]`; see `transform_module.streams`."""

    def __init__(self, layout: str, names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layout = layout
        self.names = tuple(names)

    def call(self, pose: tf.Tensor) -> list[tf.Tensor]:
        """Returns the streams in the order of their names."""
        return compute_streams(pose, load_layout(self.layout), self.names)

    def get_config(self) -> dict[str, Any]:
        """Configuration for `from_config`."""
        return {**super().get_config(), "layout": self.layout, "names": self.names}


def temporal_convolution(
    x: keras.KerasTensor, channels: int, kernel: int = 1, stride: int = 1, activation: str | None = "relu"
) -> keras.KerasTensor:
    """Convolution over time of `[N, T, 1, F]`, batch normalisation, activation.

    Two-dimensional with a kernel of width 1, because TFLite reshapes around a one-dimensional one.
    """
    x = keras.layers.Conv2D(channels, (kernel, 1), (stride, 1), padding="same", use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    return keras.layers.Activation(activation)(x) if activation else x


def gate(x: keras.KerasTensor, reduction: int = 4) -> keras.KerasTensor:
    """Squeeze and excite: weighs channels by what the whole window holds.

    Reference: Hu et al., Squeeze-and-Excitation Networks, CVPR 2018.
    """
    channels = x.shape[-1]
    weights = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    weights = keras.layers.Conv2D(max(channels // reduction, 8), 1, activation="relu")(weights)
    weights = keras.layers.Conv2D(channels, 1, activation="sigmoid")(weights)
    return keras.layers.Multiply()([x, weights])
