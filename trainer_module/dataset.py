"""Input pipeline: transformed examples to batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
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


def training_batches(
    windows: Windows,
    labels: Sequence[str],
    layout: Layout,
    config: TrainingConfig,
    first_epoch: int = 0,
    teachers: Sequence[keras.Model] = (),
) -> tf.data.Dataset:
    """Shuffled, augmented batches: poses, targets, weights; `steps_per_epoch` of them an epoch, from `first_epoch` on.

    What an epoch holds follows from `config.seed` and its number alone, so a training that is resumed sees what it
    would have seen. Labels are smoothed; `config.teacher` is the share of a target that is the teachers' mean answer to
    the same augmented window.
    """
    count, steps, classes = len(windows.label_ids), steps_per_epoch(windows, config), len(labels)
    weights = class_weights(windows.label_ids, classes) if config.class_weights else np.ones(classes, np.float32)
    poses, targets = tf.constant(windows.poses), tf.one_hot(windows.label_ids, classes)
    targets = targets * (1 - config.label_smoothing) + config.label_smoothing / classes

    def batches(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=tf.stack([config.seed, epoch]))
        # Batches of one size: XLA compiles once. What is left over is in the next epoch's shuffle again.
        return tf.data.Dataset.from_tensor_slices(tf.reshape(order[: steps * (count // steps)], (steps, -1)))

    def prepare(step: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        seed = step + (config.seed << 32)
        pose, target = augment(
            tf.gather(poses, rows), tf.gather(targets, rows), seed, layout, labels, config.augmentation
        )
        weight = tf.linalg.matvec(target, weights)
        if teachers:
            answer = tf.add_n([teacher(pose, training=False) for teacher in teachers]) / len(teachers)
            target += config.teacher * (answer - target)
        return pose, target, weight

    order = tf.data.Dataset.range(first_epoch, config.epochs).flat_map(batches).enumerate(first_epoch * steps)
    return order.map(prepare, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)


def steps_per_epoch(windows: Windows, config: TrainingConfig) -> int:
    """Whole batches in an epoch; one smaller one if there are not enough windows for it."""
    return max(1, len(windows.label_ids) // config.batch_size)


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
