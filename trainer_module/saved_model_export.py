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

    # A function of its own, so that both endpoints use one trace.
    @tf.function(input_signature=[tf.TensorSpec([None, *feature.shape], tf.float32, KEYPOINTS)], autograph=False)
    def raw(keypoints: tf.Tensor) -> dict[str, tf.Tensor]:
        return {PROBABILITIES: model(layer({KEYPOINTS: keypoints})[POSE], training=False)}

    def serving_default(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        endpoint: dict[str, tf.Tensor] = raw(tf.io.parse_example(examples, {KEYPOINTS: feature})[KEYPOINTS])
        return endpoint

    # The archive finds all variables in the endpoints. It would need to track model and layer only for lookup tables,
    # and would then trace each of them twice more.
    archive = keras.export.ExportArchive()
    archive.add_endpoint("serving_default", serving_default, [tf.TensorSpec([None], tf.string, name="examples")])
    archive.add_endpoint("raw", raw)
    archive.write_out(str(folder), verbose=False)
