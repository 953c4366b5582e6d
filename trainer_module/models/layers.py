"""Keras layers that the model families share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from data.layouts import load_layout
from transform_module.ops import centre
from transform_module.streams import compute_joint_streams, compute_streams

CORE = "core"
"""Name of the part that EdgeConverter quantises. What stands before it stays in float32."""


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


@keras.saving.register_keras_serializable("poseline")
class JointStreams(keras.layers.Layer):
    """A pose `[N, T, J, D]` to the views of each joint `[N, T, J, 5 D]`; see `transform_module.streams`."""

    def __init__(self, layout: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layout = layout

    def call(self, pose: tf.Tensor) -> tf.Tensor:
        """Returns the views, one after the other."""
        return compute_joint_streams(pose, load_layout(self.layout))

    def get_config(self) -> dict[str, Any]:
        """Configuration for `from_config`."""
        return {**super().get_config(), "layout": self.layout}


@keras.saving.register_keras_serializable("poseline")
class CentreCrop(keras.layers.Layer):
    """The middle of a window `[N, T, J, D]` stretched to the whole, but in training, whose windows are cut at random.

    So a window that is judged moves as fast as those that were learned from. Its root is centred again, as theirs is.
    Reference: Touvron et al., Fixing the train-test resolution discrepancy, NeurIPS 2019.
    """

    def __init__(self, layout: str, share: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layout = layout
        self.share = share

    def call(self, pose: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns poses of the same shape."""
        frames, joints = pose.shape[1:3]
        # However short the window, one frame is left.
        cut = min(round((1 - self.share) / 2 * frames), (frames - 1) // 2)
        if training or not cut:
            return pose
        # An operator; the weights of `Resample` would be 9 KB of constants for 48 frames.
        middle = tf.image.resize(pose[:, cut:-cut], (frames, joints))
        return centre(middle, load_layout(self.layout))

    def get_config(self) -> dict[str, Any]:
        """Configuration for `from_config`."""
        return {**super().get_config(), "layout": self.layout, "share": self.share}


@keras.saving.register_keras_serializable("poseline")
class LateFusion(keras.layers.Layer):
    """Features of several members, each `[N, F]`, to probabilities `[N, classes]`: the mean of the members' logits.

    In training each member has to be right by itself: the result is then the geometric mean of the members'
    probabilities, which does not sum to 1, and whose cross entropy is the mean of theirs.
    """

    def __init__(self, classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, shapes: Sequence[tuple[int | None, ...]]) -> None:
        """Makes a kernel and a bias for each member."""
        self.kernels = [
            self.add_weight(shape=(shape[-1], self.classes), initializer="glorot_uniform", name=f"kernel_{i}")
            for i, shape in enumerate(shapes)
        ]
        self.biases = [
            self.add_weight(shape=(self.classes,), initializer="zeros", name=f"bias_{i}") for i in range(len(shapes))
        ]

    def call(self, features: Sequence[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Returns the probabilities."""
        if training:
            logits = [x @ kernel + bias for x, kernel, bias in zip(features, self.kernels, self.biases, strict=True)]
            return tf.exp(tf.add_n([tf.nn.log_softmax(member) for member in logits]) / len(logits))
        mean = 1 / len(features)
        kernel = tf.concat(self.kernels, axis=0) * mean
        return tf.nn.softmax(tf.concat(features, axis=1) @ kernel + tf.add_n(self.biases) * mean)

    def get_config(self) -> dict[str, Any]:
        """Configuration for `from_config`."""
        return {**super().get_config(), "classes": self.classes}


def same_scale(stream: keras.KerasTensor) -> keras.KerasTensor:
    """Normalises without learned scale or offset, only so that all streams enter the core, and its int8, alike."""
    return keras.layers.BatchNormalization(momentum=0.9, center=False, scale=False)(stream)


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
