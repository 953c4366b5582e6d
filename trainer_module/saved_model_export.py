"""SavedModel with the Transform graph inside."""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf
import tensorflow_transform as tft

from transform_module.preprocessing import KEYPOINTS, POSE

PROBABILITIES = "probabilities"


def export(model: keras.Model, transform: tft.TFTransformOutput, folder: Path) -> None:
    """Writes the SavedModel.

    Endpoints, both to `{"probabilities": float32 [N, classes]}`:
    - `serving_default`: `examples`, serialised tf.Examples `[N]`, of which `keypoints` alone is read;
    - `raw`: `keypoints`, float32 `[N, T, J, D+1]`.
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
