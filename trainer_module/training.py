"""Training of one network: optimiser, loss, callbacks and the fit itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
import tensorflow as tf

from data.layouts import Layout
from data.system.cpu_phases import CpuPhases
from trainer_module.callbacks import AveragedWeights, BestWeights, Checkpoint, FirstStep, Progress, TensorBoardScalars
from trainer_module.dataset import Windows, evaluation_batches, steps_per_epoch, training_batches
from trainer_module.flat_adamw import FlatAdamW
from trainer_module.models.layers import train_fast
from trainer_module.training_config import TrainingConfig


@dataclass(frozen=True)
class TrainingJob:
    """Data, settings and folders of one training.

    Attributes:
        train: labelled windows to learn from.
        evaluation: labelled windows that choose the best weights; None if the last weights are kept.
        labels: names of the classes, in the order of their ids.
        layout: joint layout of the poses.
        config: settings of the training.
        log_dir: folder for TensorBoard logs.
        checkpoint_dir: folder from which a killed training is resumed; None if it starts again.
        network: name of the network for people; empty if there is only one.
        networks_after: number of networks that are trained after this one.
        phases: stopwatch that gets the phases of the training.
    """

    train: Windows
    evaluation: Windows | None
    labels: Sequence[str]
    layout: Layout
    config: TrainingConfig
    log_dir: Path
    checkpoint_dir: Path | None = None
    network: str = ""
    networks_after: int = 0
    phases: CpuPhases = field(default_factory=CpuPhases)

    @property
    def pose_shape(self) -> tuple[int, int, int]:
        """Frames T, joints J and dimensions D of a pose."""
        frames, joints, dimensions = self.train.poses.shape[1:]
        return frames, joints, dimensions


def fit(model: keras.Model, job: TrainingJob, teachers: Sequence[keras.Model] = ()) -> dict[str, list[float]]:
    """Train a model and set its averaged weights: the best on `job.evaluation`, or the last if that is None.

    The checkpoint is removed when the training ends.

    Args:
        model: new model, or one with the weights of an earlier training.
        job: data, settings and folders.
        teachers: trained models with the same inputs and outputs; see `distillation.py`.

    Returns:
        Values of each metric by its name, one per epoch.
    """
    config = job.config
    train_fast(model, not config.jit_compile)
    steps = steps_per_epoch(job.train, config)
    model.compile(
        _optimizer(config, steps),
        cross_entropy,
        weighted_metrics=["accuracy"],
        jit_compile=config.jit_compile,
    )
    model.optimizer.build(model.trainable_variables)
    best = BestWeights(config.target, config.patience) if job.evaluation else None
    checkpoint = Checkpoint(job.checkpoint_dir, model, best) if job.checkpoint_dir else None
    first_epoch = checkpoint.restore() if checkpoint else 0
    callbacks: list[keras.callbacks.Callback] = [
        Progress(job.network, job.networks_after),
        FirstStep(job.phases),
        TensorBoardScalars(job.log_dir),
    ]
    if best:
        callbacks += [best, AveragedWeights()]
    if checkpoint:
        callbacks.append(checkpoint)
    history = model.fit(
        training_batches(job.train, job.labels, job.layout, config, first_epoch, teachers),
        validation_data=evaluation_batches(job.evaluation, len(job.labels), config) if job.evaluation else None,
        initial_epoch=first_epoch,
        epochs=config.epochs,
        steps_per_epoch=steps,
        callbacks=callbacks,
        verbose=0,
        shuffle=False,
    )
    job.phases.end("training")
    return {name: [float(value) for value in values] for name, values in history.history.items()}


@keras.saving.register_keras_serializable("poseline")
def cross_entropy(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Return the cross entropy of each window, float32 `[N]`, without normalising the outputs.

    The loss of Keras first makes the outputs sum to 1; the members of `LateFusion` would then not learn independently.
    """
    return -tf.reduce_sum(target * tf.math.log(output + keras.config.epsilon()), axis=-1)


def learning_rate(config: TrainingConfig, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return the learning rate over all steps: a warm-up, then a cosine.

    Args:
        config: settings of the training.
        steps: number of steps in an epoch.
    """
    warmup = round(config.warmup_epochs * steps)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 100,
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, config.epochs * steps - warmup),
    )


def _optimizer(config: TrainingConfig, steps: int) -> keras.optimizers.Optimizer:
    """Return AdamW with an exponential moving average of the weights."""
    optimizer = FlatAdamW(
        learning_rate(config, steps), weight_decay=config.weight_decay, clipnorm=1.0, ema_momentum=config.ema
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
