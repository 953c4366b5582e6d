"""Fits a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from trainer_module.callbacks import BestWeights, Progress, TensorBoardScalars
from trainer_module.config import TrainingConfig


def fit(
    model: keras.Model,
    training: tf.data.Dataset,
    evaluation: tf.data.Dataset | None,
    config: TrainingConfig,
    log_dir: Path,
    checkpoint_dir: Path | None = None,
) -> dict[str, list[float]]:
    """Trains and leaves the averaged weights in the model: the last ones, or the best on `evaluation`.

    Args:
        model: freshly built or warm.
        training: batches of one epoch.
        evaluation: batches of one pass; without it the schedule runs to its end.
        config: how to train.
        log_dir: for TensorBoard.
        checkpoint_dir: where a killed training is resumed from; emptied when training ends.

    Returns:
        One list of figures, an epoch each, by metric.
    """
    model.compile(
        _optimizer(config, len(training)),
        _cross_entropy(config.label_smoothing),
        weighted_metrics=["accuracy"],
        jit_compile=config.jit_compile,
    )
    callbacks: list[keras.callbacks.Callback] = [Progress(), TensorBoardScalars(log_dir)]
    if evaluation is not None:
        callbacks += [BestWeights(config.target, config.patience), keras.callbacks.SwapEMAWeights()]
    if checkpoint_dir is not None:
        callbacks.append(keras.callbacks.BackupAndRestore(str(checkpoint_dir)))
    history = model.fit(
        training, validation_data=evaluation, epochs=config.epochs, callbacks=callbacks, verbose=0, shuffle=False
    )
    return {name: [float(value) for value in values] for name, values in history.history.items()}


def _cross_entropy(label_smoothing: float) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Keras's own would make outputs sum to 1 first, and members that are fused late would not be judged apart."""

    def cross_entropy(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        smooth = target * (1 - label_smoothing) + label_smoothing / target.shape[-1]
        return -tf.reduce_sum(smooth * tf.math.log(output + keras.config.epsilon()), axis=-1)

    return cross_entropy


def _optimizer(config: TrainingConfig, steps: int) -> keras.optimizers.Optimizer:
    """AdamW with a warm-up, a cosine and averaged weights."""
    warmup = round(config.warmup_epochs * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 100,
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, config.epochs * steps - warmup),
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=config.weight_decay, clipnorm=1.0, use_ema=True, ema_momentum=config.ema
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
