"""Export of a trained network as a SavedModel that contains the Transform graph."""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf
import tensorflow_transform as tft

from transform_module.preprocessing import KEYPOINTS, POSE

PROBABILITIES = "probabilities"


def export(model: keras.Model, transform: tft.TFTransformOutput, folder: Path) -> None:
    """Write the SavedModel.

    It has two endpoints, which both return `{"probabilities": float32 [N, classes]}`:
    - `serving_default` takes `examples`, serialised tf.Examples `[N]`, and reads only their feature `keypoints`;
    - `raw` takes `keypoints`, float32 `[N, T, J, D+1]`.

    Args:
        model: trained network, from poses to probabilities.
        transform: output of the Transform node.
        folder: folder to write to.
    """
    layer = transform.transform_features_layer()
    feature = transform.raw_feature_spec()[KEYPOINTS]

    def raw(keypoints: tf.Tensor) -> dict[str, tf.Tensor]:
        return {PROBABILITIES: model(layer({KEYPOINTS: keypoints})[POSE], training=False)}

    def serving_default(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return raw(tf.io.parse_example(examples, {KEYPOINTS: feature})[KEYPOINTS])

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.track(layer)
    archive.add_endpoint("serving_default", serving_default, [tf.TensorSpec([None], tf.string, name="examples")])
    archive.add_endpoint("raw", raw, [tf.TensorSpec([None, *feature.shape], tf.float32, name=KEYPOINTS)])
    archive.write_out(str(folder), verbose=False)
