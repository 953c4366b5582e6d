"""Spatio-temporal graph convolutions: joints exchange what they know along a graph that is learned.

Reference: Yan et al., Spatial Temporal Graph Convolutional Networks, AAAI 2018; the learned graph as in Shi et al.,
Two-Stream Adaptive Graph Convolutional Networks, CVPR 2019.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from data.layouts import Layout, load_layout
from trainer_module.config import ModelConfig
from trainer_module.models.layers import CORE, JointStreams, gate, same_scale, temporal_convolution


def build_graph(config: ModelConfig, layout: str, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Builds the network: one stem for all joints, residual blocks of graph and temporal convolution, mean over both.

    Reads `stem`, `widths`, `strides`, `kernel` and the dropouts of `config`; its streams are those of each joint.

    Args:
        config: widths and depths.
        layout: name of the joint layout.
        shape: T, J and D of a pose.
        classes: how many labels there are.

    Returns:
        A model from poses `[N, T, J, D]` to probabilities `[N, classes]`.
    """
    pose = keras.Input(shape, name="pose")
    joints = same_scale(JointStreams(layout)(pose))
    inputs = keras.Input(joints.shape[1:])
    x = temporal_convolution(inputs, config.stem)
    for width, stride in zip(config.widths, config.strides, strict=True):
        x = _block(x, layout, width, stride, config)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(config.dropout)(x)
    core = keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x), name=CORE)
    return keras.Model(pose, core(joints), name="poseline")


def _block(x: keras.KerasTensor, layout: str, width: int, stride: int, config: ModelConfig) -> keras.KerasTensor:
    shortcut = x
    x = temporal_convolution(GraphMix(layout)(x), width)
    x = temporal_convolution(x, width, config.kernel, stride, activation=None)
    x = keras.layers.SpatialDropout2D(config.block_dropout)(gate(x))
    if stride > 1:
        shortcut = keras.layers.AveragePooling2D((stride, 1), padding="same")(shortcut)
    if shortcut.shape[-1] != width:
        shortcut = temporal_convolution(shortcut, width, activation=None)
    return keras.layers.ReLU()(keras.layers.Add()([x, shortcut]))


@keras.saving.register_keras_serializable("poseline")
class GraphMix(keras.layers.Layer):
    """Each joint gets its own features, its parent's and its children's: `[N, T, J, C]` to `[N, T, J, 3 C]`.

    That is where the three mixing matrices start; they are learned. One product mixes all, with the joint axis last.
    """

    def __init__(self, layout: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layout = layout

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Starts from the skeleton."""
        start = _skeleton(load_layout(self.layout))
        self.mix = self.add_weight(shape=start.shape, initializer=lambda *_, **__: tf.constant(start), name="mix")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the mixed features."""
        frames, joints, channels = x.shape[1:]
        mixed = tf.reshape(tf.transpose(x, (0, 1, 3, 2)), (-1, joints)) @ self.mix
        mixed = tf.reshape(mixed, (-1, frames, mixed.shape[-1] // joints * channels, joints))
        return tf.transpose(mixed, (0, 1, 3, 2))

    def get_config(self) -> dict[str, Any]:
        """Configuration for `from_config`."""
        return {**super().get_config(), "layout": self.layout}


def _skeleton(layout: Layout) -> np.ndarray:
    """Float32 `[J, 3 J]`: the joint itself, its parent, the mean of its children."""
    joints = len(layout.joints)
    children = np.zeros((joints, joints), np.float32)
    for parent, child in layout.bones:
        children[child, parent] = 1
    parents = children.T
    return np.concatenate([np.eye(joints), parents, children / np.maximum(children.sum(axis=0), 1)], axis=1).astype(
        np.float32
    )
