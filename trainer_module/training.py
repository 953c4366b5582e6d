"""Fits a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from data.layouts import Layout
from trainer_module.callbacks import BestWeights, Checkpoint, Progress, TensorBoardScalars
from trainer_module.config import TrainingConfig
from trainer_module.dataset import Windows, evaluation_batches, steps_per_epoch, training_batches


def fit(
    model: keras.Model,
    train: Windows,
    evaluation: Windows | None,
    labels: Sequence[str],
    layout: Layout,
    config: TrainingConfig,
    log_dir: Path,
    checkpoint_dir: Path | None = None,
    teachers: Sequence[keras.Model] = (),
) -> dict[str, list[float]]:
    """Trains and leaves the averaged weights in the model: the last ones, or the best on `evaluation`.

    Args:
        model: freshly built or warm.
        train: labelled windows.
        evaluation: labelled windows; without them the schedule runs to its end.
        labels: in the order of their ids.
        layout: of their joints.
        config: how to train.
        log_dir: for TensorBoard.
        checkpoint_dir: where a killed training is resumed from; removed when training ends.
        teachers: trained, of the same inputs and outputs; see `distillation.py`.

    Returns:
        One list of figures, an epoch each, by metric.
    """
    steps = steps_per_epoch(train, config)
    model.compile(
        _optimizer(config, steps),
        cross_entropy,
        weighted_metrics=["accuracy"],
        jit_compile=config.jit_compile,
    )
    model.optimizer.build(model.trainable_variables)
    best = BestWeights(config.target, config.patience) if evaluation else None
    checkpoint = Checkpoint(checkpoint_dir, model, best) if checkpoint_dir else None
    first_epoch = checkpoint.restore() if checkpoint else 0
    callbacks: list[keras.callbacks.Callback] = [Progress(), TensorBoardScalars(log_dir)]
    if best:
        callbacks += [best, keras.callbacks.SwapEMAWeights()]
    if checkpoint:
        callbacks.append(checkpoint)
    history = model.fit(
        training_batches(train, labels, layout, config, first_epoch, teachers),
        validation_data=evaluation_batches(evaluation, len(labels), config) if evaluation else None,
        initial_epoch=first_epoch,
        epochs=config.epochs,
        steps_per_epoch=steps,
        callbacks=callbacks,
        verbose=0,
        shuffle=False,
    )
    return {name: [float(value) for value in values] for name, values in history.history.items()}


@keras.saving.register_keras_serializable("poseline")
def cross_entropy(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Of outputs as they are, one figure a window.

    Keras's own makes outputs sum to 1 first, and members that are fused late would not be judged apart.
    """
    return -tf.reduce_sum(target * tf.math.log(output + keras.config.epsilon()), axis=-1)


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
