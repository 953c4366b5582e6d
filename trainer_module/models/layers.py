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
"""Name of the submodel that EdgeConverter quantises. Everything before it stays in float32."""


@keras.saving.register_keras_serializable("poseline")
class PoseStreams(keras.layers.Layer):
    """Computes the streams of a pose: `[N, T, J, D]` to one `[N, T, 1, F]` per name.

    `transform_module.streams.compute_streams` describes the streams.
    """

    def __init__(self, layout: str, names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layout = layout
        self.names = tuple(names)

    def call(self, pose: tf.Tensor) -> list[tf.Tensor]:
        """Return the streams in the order of their names."""
        return compute_streams(pose, load_layout(self.layout), self.names)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, for `from_config`."""
        return {**super().get_config(), "layout": self.layout, "names": self.names}


@keras.saving.register_keras_serializable("poseline")
class JointStreams(keras.layers.Layer):
    """Computes the streams of each joint of a pose: `[N, T, J, D]` to `[N, T, J, 5 D]`.

    `transform_module.streams.compute_joint_streams` describes the streams.
    """

    def __init__(self, layout: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layout = layout

    def call(self, pose: tf.Tensor) -> tf.Tensor:
        """Return the streams of each joint, concatenated along the last axis."""
        return compute_joint_streams(pose, load_layout(self.layout))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, for `from_config`."""
        return {**super().get_config(), "layout": self.layout}


@keras.saving.register_keras_serializable("poseline")
class CentreCrop(keras.layers.Layer):
    """Crops a window `[N, T, J, D]` to its middle and stretches that to full length, except in training.

    Augmentation crops training windows at random. With the centre crop, evaluated windows show movements at about the
    same speed as training windows. The cropped window is centred at its root again, as augmentation does too.
    Reference: Touvron et al., Fixing the train-test resolution discrepancy, NeurIPS 2019.
    """

    def __init__(self, layout: str, share: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layout = layout
        self.share = share

    def call(self, pose: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return poses of the same shape."""
        frames, joints = pose.shape[1:3]
        # At least one frame is left, however short the window is.
        cut = min(round((1 - self.share) / 2 * frames), (frames - 1) // 2)
        if training or not cut:
            return pose
        # The resize operator needs no weights; those of `Resample` would be 9 KB of constants for 48 frames.
        middle = tf.image.resize(pose[:, cut:-cut], (frames, joints))
        return centre(middle, load_layout(self.layout))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, for `from_config`."""
        return {**super().get_config(), "layout": self.layout, "share": self.share}


@keras.saving.register_keras_serializable("poseline")
class LateFusion(keras.layers.Layer):
    """Classifies the features of several members, each `[N, F]`, by the mean of the members' logits.

    In training the output is the geometric mean of the members' probabilities, which does not sum to 1. Its cross
    entropy is the mean of the members' cross entropies, so each member learns to classify by itself.
    """

    def __init__(self, classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, shapes: Sequence[tuple[int | None, ...]]) -> None:
        """Create a kernel and a bias for each member."""
        self.kernels = [
            self.add_weight(shape=(shape[-1], self.classes), initializer="glorot_uniform", name=f"kernel_{i}")
            for i, shape in enumerate(shapes)
        ]
        self.biases = [
            self.add_weight(shape=(self.classes,), initializer="zeros", name=f"bias_{i}") for i in range(len(shapes))
        ]

    def call(self, features: Sequence[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the probabilities, float32 `[N, classes]`."""
        if training:
            logits = [x @ kernel + bias for x, kernel, bias in zip(features, self.kernels, self.biases, strict=True)]
            return tf.exp(tf.add_n([tf.nn.log_softmax(member) for member in logits]) / len(logits))
        mean = 1 / len(features)
        kernel = tf.concat(self.kernels, axis=0) * mean
        return tf.nn.softmax(tf.concat(features, axis=1) @ kernel + tf.add_n(self.biases) * mean)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, for `from_config`."""
        return {**super().get_config(), "classes": self.classes}


class FastTraining:
    """A layer that trains with operators that are faster on a processor than those of Keras, with the same results.

    Outside training the operators are those of Keras, so that an exported graph does not depend on how the network was
    trained.

    Attributes:
        fast: whether the faster operators are used; XLA, which takes them apart, is faster with those of Keras.
    """

    fast = True


def train_fast(model: keras.Model, fast: bool) -> None:
    """Choose whether the layers of a model train with the faster operators."""
    for layer in model._flatten_layers():
        if isinstance(layer, FastTraining):
            layer.fast = fast


@keras.saving.register_keras_serializable("poseline")
class BatchNormalization(FastTraining, keras.layers.BatchNormalization):
    """Batch normalisation of the last axis of `[N, T, J, C]` that trains with TensorFlow's fused operators.

    Keras' own layer trains with dozens of operators, which take longer to trace and to run.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Return the normalised values, of the same shape."""
        if not (self.fast and training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        channels = inputs.shape[-1]
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            tf.convert_to_tensor(self.gamma) if self.scale else tf.ones(channels),
            tf.convert_to_tensor(self.beta) if self.center else tf.zeros(channels),
            epsilon=self.epsilon,
        )
        # The operator returns an unbiased estimate of the variance; Keras averages the variance of the batch itself.
        count = tf.cast(tf.size(inputs) // channels, tf.float32)
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance * (count - 1) / count)):
            moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        return outputs


@keras.saving.register_keras_serializable("poseline")
class Conv2D(FastTraining, keras.layers.Conv2D):
    """Convolution over the time axis of `[N, T, J, C]`, with kernels `[K, 1]` and padding `same`.

    In training a kernel of one frame is a product of matrices, and with one joint time is the last axis of an image, as
    the convolutions of oneDNN compute a row at once: `[N, 1, T, C]`.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Return the activations, `[N, T', J, filters]`."""
        return super().call(inputs) if not (self.fast and training) else self.activation(self._fast(inputs))

    def _fast(self, inputs: tf.Tensor) -> tf.Tensor:
        kernel, stride, joints = tf.convert_to_tensor(self.kernel), self.strides[0], inputs.shape[2]
        if kernel.shape[0] == stride == 1:
            rows = tf.reshape(inputs, (-1, inputs.shape[3])) @ tf.reshape(kernel, kernel.shape[2:])
        elif joints == 1:
            image = tf.reshape(inputs, (-1, 1, *inputs.shape[1::2]))
            rows = tf.nn.conv2d(image, tf.reshape(kernel, (1, -1, *kernel.shape[2:])), (1, stride), "SAME")
        else:
            rows = tf.nn.conv2d(inputs, kernel, (stride, 1), "SAME")
        outputs = tf.reshape(rows, (-1, -(-inputs.shape[1] // stride), joints, self.filters))
        return outputs + self.bias if self.use_bias else outputs


def same_scale(stream: keras.KerasTensor) -> keras.KerasTensor:
    """Normalise a stream to zero mean and unit variance, without learned scale or offset.

    All streams then enter the core, which is quantised, at the same scale.
    """
    return BatchNormalization(momentum=0.9, center=False, scale=False)(stream)


def temporal_convolution(
    x: keras.KerasTensor, channels: int, kernel: int = 1, stride: int = 1, activation: str | None = "relu"
) -> keras.KerasTensor:
    """Apply a convolution over the time axis of `[N, T, J, F]`, batch normalisation and an activation.

    The convolution is two-dimensional with a kernel of width 1, because TFLite adds reshape operators around a
    one-dimensional one.
    """
    x = Conv2D(channels, (kernel, 1), (stride, 1), padding="same", use_bias=False)(x)
    x = BatchNormalization(momentum=0.9)(x)
    return keras.layers.Activation(activation)(x) if activation else x


def gate(x: keras.KerasTensor, reduction: int = 4) -> keras.KerasTensor:
    """Weight each channel by a learned function of the mean of all channels over the window (squeeze and excite).

    Reference: Hu et al., Squeeze-and-Excitation Networks, CVPR 2018.
    """
    channels = x.shape[-1]
    weights = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    weights = Conv2D(max(channels // reduction, 8), 1, activation="relu")(weights)
    weights = Conv2D(channels, 1, activation="sigmoid")(weights)
    return keras.layers.Multiply()([x, weights])
