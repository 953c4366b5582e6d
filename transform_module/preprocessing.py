"""What TFX's Transform runs, and what every exported model has inside.

Here ends what is the same in training and on the device: raw keypoints in, a normalised pose out. The streams that the
network looks at (`streams.py`) are computed behind it, in the model, because augmentation changes the pose in between.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from data.layouts import load_layout
from transform_module.config import TransformConfig
from transform_module.ops import normalise

KEYPOINTS, POSE, LABEL_ID = "keypoints", "pose", "label_id"


def preprocessing_fn(inputs: dict[str, tf.Tensor], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Turns a batch of raw windows into poses.

    Args:
        inputs: the raw features, of which two are read: `keypoints`, float32 `[N, T, J, D+1]`, and `label_id`, int64.
        custom_config: `layout`, name of the joint layout, and `transform`, values of a TransformConfig.

    Returns:
        `pose`, float32 `[N, T, J, D]`, and `label_id` unchanged.
    """
    config = TransformConfig.model_validate(custom_config["transform"])
    layout = load_layout(custom_config["layout"])
    pose = normalise(inputs[KEYPOINTS], layout, config)
    return {POSE: pose, LABEL_ID: inputs[LABEL_ID]}
