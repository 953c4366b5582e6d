"""Input pipeline: reads transformed examples and makes batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from data.errors import InputError
from data.layouts import Layout
from trainer_module.augmentation import augment
from trainer_module.training_config import TrainingConfig
from transform_module.preprocessing import LABEL_ID, POSE

_READ_BATCH = 256

_BATCHES_AHEAD = 2
"""Number of batches that are prepared at the same time, and that wait for the training."""


@dataclass(frozen=True)
class Windows:
    """The labelled windows of a split, in memory.

    Attributes:
        poses: normalised poses, float32 `[N, T, J, D]`.
        label_ids: index of each window's label, int64 `[N]`.
    """

    poses: np.ndarray
    label_ids: np.ndarray


def read_windows(patterns: Sequence[str], feature_spec: dict[str, tf.io.FixedLenFeature]) -> Windows:
    """Read the labelled windows of a split; leave out windows without a label.

    Args:
        patterns: glob patterns of the TFRecord files that Transform wrote.
        feature_spec: feature specification of the transformed examples.

    Raises:
        InputError: no window has a label.
    """
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    spec = {name: feature_spec[name] for name in (POSE, LABEL_ID)}
    records = tf.data.TFRecordDataset(files, compression_type="GZIP").batch(_READ_BATCH)
    batches = list(records.map(lambda batch: tf.io.parse_example(batch, spec)).as_numpy_iterator())
    label_ids = np.concatenate([batch[LABEL_ID].reshape(-1) for batch in batches]) if batches else np.empty(0, np.int64)
    labelled = label_ids >= 0
    if not labelled.any():
        raise InputError(
            "there is no labelled window to train on",
            ", ".join(patterns),
            "check that the split has sequences, and that the schema lists their labels",
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
    """Return shuffled, augmented batches of poses, targets and weights.

    The batches of an epoch depend only on `config.seed` and the number of the epoch, so a resumed training sees the
    same batches as one that was never killed.

    Args:
        windows: labelled windows.
        labels: names of the classes, in the order of their ids.
        layout: joint layout of the poses.
        config: settings of the training; `config.teacher` is the share of a target that is the teachers' mean answer.
        first_epoch: index of the first epoch to return.
        teachers: trained models; they see the same augmented windows as the student.

    Returns:
        `steps_per_epoch` batches for each epoch from `first_epoch` to the last: float32 `[N, T, J, D]`,
        `[N, classes]` and `[N]`.
    """
    count, steps, classes = len(windows.label_ids), steps_per_epoch(windows, config), len(labels)
    weights = class_weights(windows.label_ids, classes) if config.class_weights else np.ones(classes, np.float32)
    poses, targets = tf.constant(windows.poses), tf.one_hot(windows.label_ids, classes)
    targets = targets * (1 - config.label_smoothing) + config.label_smoothing / classes

    # AutoGraph would read and rewrite the source of all augmentation, and find nothing to convert.
    @tf.autograph.experimental.do_not_convert
    def batches(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=tf.stack([config.seed, epoch]))
        # All batches have the same size, so XLA compiles once. Rows left over are shuffled again in the next epoch.
        return tf.data.Dataset.from_tensor_slices(tf.reshape(order[: steps * (count // steps)], (steps, -1)))

    @tf.autograph.experimental.do_not_convert
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
    # The tuning of TensorFlow would hold a training up when it ends, by as long as a minute, to measure once more.
    options = tf.data.Options()
    options.autotune.enabled = False
    return order.map(prepare, num_parallel_calls=_BATCHES_AHEAD).prefetch(_BATCHES_AHEAD).with_options(options)


def steps_per_epoch(windows: Windows, config: TrainingConfig) -> int:
    """Return the number of full batches in an epoch, or 1 if there are fewer windows than a batch holds."""
    return max(1, len(windows.label_ids) // config.batch_size)


def evaluation_batches(windows: Windows, classes: int, config: TrainingConfig) -> tf.data.Dataset:
    """Return all windows once, in batches of poses and one-hot targets."""
    targets = np.eye(classes, dtype=np.float32)[windows.label_ids]
    return tf.data.Dataset.from_tensor_slices((windows.poses, targets)).batch(4 * config.batch_size)


def class_weights(label_ids: np.ndarray, classes: int) -> np.ndarray:
    """Return a weight for each class: its inverse frequency, or 0 if it has no window.

    Args:
        label_ids: index of each window's label, int64 `[N]`.
        classes: number of classes.

    Returns:
        Float32 `[classes]`; the mean weight over the windows is 1.
    """
    counts = np.bincount(label_ids, minlength=classes)
    present = counts > 0
    weights = np.zeros(classes, np.float32)
    weights[present] = len(label_ids) / (present.sum() * counts[present])
    return weights
