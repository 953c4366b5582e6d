"""Preprocessing function that TFX's Transform runs, and that every exported model contains.

It turns raw keypoints into a normalised pose, the same way in training and on the device. The streams that the network
reads (`streams.py`) are computed later, in the model, because augmentation changes the pose in between.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from data.layouts import load_layout
from transform_module.config import TransformConfig
from transform_module.ops import normalise

KEYPOINTS, POSE, LABEL_ID = "keypoints", "pose", "label_id"


def preprocessing_fn(inputs: dict[str, tf.Tensor], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Turn a batch of raw windows into normalised poses.

    Args:
        inputs: raw features; only `keypoints`, float32 `[N, T, J, D+1]`, and `label_id`, int64 `[N, 1]`, are read.
        custom_config: `layout`, name of the joint layout, and `transform`, values of a `TransformConfig`.

    Returns:
        `pose`, float32 `[N, T, J, D]`, and `label_id`, unchanged.
    """
    config = TransformConfig.model_validate(custom_config["transform"])
    layout = load_layout(custom_config["layout"])
    pose = normalise(inputs[KEYPOINTS], layout, config)
    return {POSE: pose, LABEL_ID: inputs[LABEL_ID]}
