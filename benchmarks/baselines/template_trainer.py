"""Trainer that plain TFX's own template would have for Poseline's network: Keras' `compile` and `fit`, and its AdamW.

It reads, augments and batches the same windows with the same seed, so that only the training itself and the export
differ: Keras' operators in each layer, its optimiser with clipped gradients and averaged weights, and a SavedModel that
is traced for each endpoint.
"""

from __future__ import annotations

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from trainer_module.dataset import evaluation_batches, read_windows, steps_per_epoch, training_batches
from trainer_module.models import build_model
from trainer_module.models.layers import train_fast
from trainer_module.run import TrainerSettings
from trainer_module.saved_model_export import PROBABILITIES
from trainer_module.training import cross_entropy, learning_rate
from transform_module.preprocessing import KEYPOINTS, POSE


def run_fn(fn_args: FnArgs) -> None:
    """Train on transformed examples, keep the averaged weights, and export the model."""
    settings = TrainerSettings.from_custom_config(fn_args.custom_config)
    config, classes = settings.training, len(settings.labels)
    keras.utils.set_random_seed(config.seed)
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    spec = transform.transformed_feature_spec()
    train, evaluation = read_windows(fn_args.train_files, spec), read_windows(fn_args.eval_files, spec)
    model = build_model(settings.model, settings.layout.reference, train.poses.shape[1:], classes)
    train_fast(model, False)
    steps = steps_per_epoch(train, config)
    optimizer = keras.optimizers.AdamW(
        learning_rate(config, steps),
        weight_decay=config.weight_decay,
        clipnorm=1.0,
        use_ema=True,
        ema_momentum=config.ema,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(optimizer, cross_entropy, weighted_metrics=["accuracy"], jit_compile=config.jit_compile)
    model.fit(
        training_batches(train, settings.labels, settings.layout, config),
        validation_data=evaluation_batches(evaluation, classes, config),
        epochs=config.epochs,
        steps_per_epoch=steps,
        callbacks=[keras.callbacks.SwapEMAWeights()],
        verbose=2,
    )
    _export(model, transform, fn_args.serving_model_dir)


def _export(model: keras.Model, transform: tft.TFTransformOutput, folder: str) -> None:
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
    archive.write_out(folder)
