"""Input pipeline: transformed examples to batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from data.errors import InputError
from data.layouts import Layout
from trainer_module.augmentation import augment
from trainer_module.config import TrainingConfig
from transform_module.preprocessing import LABEL_ID, POSE

_READ_BATCH = 256


@dataclass(frozen=True)
class Windows:
    """The labelled windows of a split, in memory.

    Attributes:
        poses: float32 `[N, T, J, D]`.
        label_ids: int64 `[N]`.
    """

    poses: np.ndarray
    label_ids: np.ndarray


def read_windows(patterns: Sequence[str], feature_spec: dict[str, tf.io.FixedLenFeature]) -> Windows:
    """Reads what Transform wrote; windows without a label are left out.

    Raises:
        InputError: there is no labelled window.
    """
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    spec = {name: feature_spec[name] for name in (POSE, LABEL_ID)}
    records = tf.data.TFRecordDataset(files, compression_type="GZIP").batch(_READ_BATCH)
    batches = list(records.map(lambda batch: tf.io.parse_example(batch, spec)).as_numpy_iterator())
    label_ids = np.concatenate([batch[LABEL_ID].reshape(-1) for batch in batches]) if batches else np.empty(0, np.int64)
    labelled = label_ids >= 0
    if not labelled.any():
        raise InputError(
            "there is no labelled window to train on", ", ".join(patterns), "check labels, splits and schema"
        )
    poses = np.concatenate([batch[POSE] for batch in batches])
    return Windows(poses[labelled], label_ids[labelled])


def training_batches(windows: Windows, classes: int, layout: Layout, config: TrainingConfig) -> tf.data.Dataset:
    """Shuffled, augmented batches of one epoch: poses, targets, weights. Repeatable under `config.seed`."""
    count = len(windows.label_ids)
    weights = class_weights(windows.label_ids, classes) if config.class_weights else np.ones(classes, np.float32)

    def prepare(example: tuple[tf.Tensor, tf.Tensor], seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        pose, label_id = example
        pose, target = augment(pose, tf.one_hot(label_id, classes), seed, layout, config.augmentation)
        return pose, target, tf.linalg.matvec(target, weights)

    examples = tf.data.Dataset.from_tensor_slices((windows.poses, windows.label_ids))
    # Batches of one size: XLA compiles once. What is left over is in the next epoch's shuffle again.
    batches = examples.shuffle(count, seed=config.seed).batch(min(config.batch_size, count), drop_remainder=True)
    seeds = tf.data.Dataset.random(seed=config.seed, rerandomize_each_iteration=True)
    return tf.data.Dataset.zip(batches, seeds).map(prepare, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)


def evaluation_batches(windows: Windows, classes: int, config: TrainingConfig) -> tf.data.Dataset:
    """Batches of one pass: poses, targets."""
    targets = np.eye(classes, dtype=np.float32)[windows.label_ids]
    return tf.data.Dataset.from_tensor_slices((windows.poses, targets)).batch(4 * config.batch_size)


def class_weights(label_ids: np.ndarray, classes: int) -> np.ndarray:
    """Float32 `[classes]`: inverse frequencies, 1 on average over the examples; 0 for a class without any."""
    counts = np.bincount(label_ids, minlength=classes)
    present = counts > 0
    weights = np.zeros(classes, np.float32)
    weights[present] = len(label_ids) / (present.sum() * counts[present])
    return weights
