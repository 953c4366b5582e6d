"""DD-Net, the published reference network, on normalised poses: the family `ddnet`.

Reference: Yang et al., Make Skeleton-based Action Recognition Model Smaller, Faster and Better, ACM MM Asia 2019.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from trainer_module.model_config import DdnetConfig
from trainer_module.models.layers import CORE, PoseStreams, same_scale, temporal_convolution

FRAMES = 32
"""Number of frames to which the authors resample every sequence."""


def build_ddnet(config: DdnetConfig, layout: str, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Build the network: joint distances, slow and fast motion, a stem for each; then three stages.

    It is built as published, except that ReLU replaces LeakyReLU, which the int8 quantiser does not support.
    `config.stem` is the authors' number of filters: 16 (0.15 M parameters on JHMDB), 32 (0.5 M) or 64 (1.8 M).

    Args:
        config: settings of the network.
        layout: name of the joint layout.
        shape: frames T, joints J and dimensions D of a pose.
        classes: number of labels.

    Returns:
        Model from poses `[N, T, J, D]` to probabilities `[N, classes]`.
    """
    pose = keras.Input(shape, name="pose")
    whole = Resample(FRAMES)(pose)
    half = Resample(FRAMES, 2)(pose)
    distances, slow = PoseStreams(layout, ("distances", "slow"))(whole)
    (fast,) = PoseStreams(layout, ("slow",))(half)
    streams = [same_scale(stream) for stream in (distances, slow, fast)]
    core = _build_core(config.stem, [tuple(stream.shape[1:]) for stream in streams], classes)
    return keras.Model(pose, core(streams), name="poseline")


def _build_core(filters: int, shapes: list[tuple[int, ...]], classes: int) -> keras.Model:
    distances, slow, fast = (keras.Input(shape) for shape in shapes)
    stems = [_halve(_stem(distances, filters)), _halve(_stem(slow, filters)), _drop(_stem(fast, filters))]
    x = keras.layers.Concatenate()(stems)
    x = _halve(_stage(x, 2 * filters))
    x = _halve(_stage(x, 4 * filters))
    x = _drop(_stage(x, 8 * filters))
    x = keras.layers.MaxPooling2D((x.shape[1], 1))(x)  # unlike a global maximum, this operator can be quantised
    for _ in range(2):
        x = keras.layers.Dropout(0.5)(temporal_convolution(x, 128))
    x = keras.layers.Dense(classes, activation="softmax")(keras.layers.Flatten()(x))
    return keras.Model([distances, slow, fast], x, name=CORE)


def _stem(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    x = _drop(temporal_convolution(x, 2 * filters))
    x = _drop(temporal_convolution(x, filters, 3))
    return temporal_convolution(x, filters)


def _stage(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    return temporal_convolution(temporal_convolution(x, filters, 3), filters, 3)


def _halve(x: keras.KerasTensor) -> keras.KerasTensor:
    return _drop(keras.layers.MaxPooling2D((2, 1))(x))


def _drop(x: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.SpatialDropout2D(0.1)(x)


@keras.saving.register_keras_serializable("poseline")
class Resample(keras.layers.Layer):
    """Resamples a pose `[N, T, J, D]` to `frames` frames by linear interpolation, then keeps every `step`-th frame."""

    def __init__(self, frames: int, step: int = 1, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.frames = frames
        self.step = step

    def call(self, pose: tf.Tensor) -> tf.Tensor:
        """Return the resampled pose, float32 `[N, frames / step, J, D]`."""
        frames, joints, dimensions = pose.shape[1:]
        places = np.linspace(0, frames - 1, self.frames)[:: self.step, np.newaxis]
        weights = np.maximum(1 - np.abs(places - np.arange(frames)), 0).astype(np.float32)
        resampled = weights @ tf.reshape(pose, (-1, frames, joints * dimensions))
        return tf.reshape(resampled, (-1, len(places), joints, dimensions))

    def get_config(self) -> dict[str, object]:
        """Return the arguments of the constructor, for `from_config`."""
        return {**super().get_config(), "frames": self.frames, "step": self.step}
