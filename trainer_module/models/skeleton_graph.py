"""Spatio-temporal graph convolutions over a learned graph of the joints: the family `graph`.

References: Yan et al., Spatial Temporal Graph Convolutional Networks, AAAI 2018; for the learned graph Shi et al.,
Two-Stream Adaptive Graph Convolutional Networks, CVPR 2019.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from data.layouts import Layout, load_layout
from trainer_module.model_config import GraphConfig
from trainer_module.models.layers import CORE, JointStreams, gate, same_scale, temporal_convolution


def build_graph(config: GraphConfig, layout: str, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Build the network: a stem, residual blocks of graph and temporal convolution, a mean over time and joints.

    All joints share the weights of the stem. The network reads the streams of single joints (`JointStreams`).

    Args:
        config: settings of the network.
        layout: name of the joint layout.
        shape: frames T, joints J and dimensions D of a pose.
        classes: number of labels.

    Returns:
        Model from poses `[N, T, J, D]` to probabilities `[N, classes]`.
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


def _block(x: keras.KerasTensor, layout: str, width: int, stride: int, config: GraphConfig) -> keras.KerasTensor:
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
    """Mixes the features of joints by three learned matrices: `[N, T, J, C]` to `[N, T, J, 3 C]`.

    The matrices are initialised from the skeleton: they give each joint its own features, those of its parent, and the
    mean of its children's. One matrix product, with the joint axis last, applies all three.
    """

    def __init__(self, layout: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layout = layout

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the matrices, initialised from the skeleton."""
        start = _skeleton(load_layout(self.layout))
        self.mix = self.add_weight(shape=start.shape, initializer=lambda *_, **__: tf.constant(start), name="mix")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Return the mixed features, float32 `[N, T, J, 3 C]`."""
        frames, joints, channels = x.shape[1:]
        mixed = tf.reshape(tf.transpose(x, (0, 1, 3, 2)), (-1, joints)) @ self.mix
        mixed = tf.reshape(mixed, (-1, frames, mixed.shape[-1] // joints * channels, joints))
        return tf.transpose(mixed, (0, 1, 3, 2))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, for `from_config`."""
        return {**super().get_config(), "layout": self.layout}


def _skeleton(layout: Layout) -> np.ndarray:
    """Return float32 `[J, 3 J]`: weights of the joint itself, of its parent, and of its children (their mean)."""
    joints = len(layout.joints)
    children = np.zeros((joints, joints), np.float32)
    for parent, child in layout.bones:
        children[child, parent] = 1
    parents = children.T
    return np.concatenate([np.eye(joints), parents, children / np.maximum(children.sum(axis=0), 1)], axis=1).astype(
        np.float32
    )
