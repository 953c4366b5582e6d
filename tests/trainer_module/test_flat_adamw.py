"""The optimiser, compared with Keras' own."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer_module.flat_adamw import FlatAdamW

SHAPES = {"kernel": (3, 1, 4, 5), "bias": (5,), "gamma": (7,), "scalar": (), "unused": (6,)}
SETTINGS = {
    "learning_rate": keras.optimizers.schedules.CosineDecay(1e-5, 30, warmup_target=1e-2, warmup_steps=10),
    "weight_decay": 0.1,
    "clipnorm": 1.0,
    "ema_momentum": 0.9,
}


def train(optimizer: keras.optimizers.Optimizer) -> Iterator[tuple[list[np.ndarray], list[np.ndarray]]]:
    """Yield all weights and their averages after each of 40 steps."""
    random = np.random.default_rng(0)
    weights = [
        keras.Variable(random.normal(size=shape).astype(np.float32), name=name) for name, shape in SHAPES.items()
    ]
    averages = [keras.Variable(weight) for weight in weights]
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma"])
    optimizer.build(weights)
    step = tf.function(lambda gradients: optimizer.apply([*gradients, None], weights), autograph=False)
    for number in range(40):
        # Gradients of all sizes: shorter than the norm they are clipped to, longer, and zero.
        size = 10.0 ** random.integers(-4, 3) if number % 10 else 0
        step([tf.constant(random.normal(size=weight.shape) * size, tf.float32) for weight in weights[:-1]])
        optimizer.finalize_variable_values(averages)
        yield [weight.numpy() for weight in weights], [average.numpy() for average in averages]


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_weights_and_averages_after_each_step_are_those_of_keras() -> None:
    flat = list(train(FlatAdamW(**SETTINGS)))
    reference = list(train(keras.optimizers.AdamW(**SETTINGS, use_ema=True)))
    for step, same in zip(flat, reference, strict=True):
        for values, others in zip(step, same, strict=True):
            for value, other in zip(values, others, strict=True):
                np.testing.assert_allclose(value, other, rtol=0, atol=1e-6)
    first, last = flat[0][0], flat[-1][0]
    assert all(np.abs(now - before).max() > 0.01 for now, before in zip(last[:-1], first[:-1], strict=True))
    np.testing.assert_array_equal(last[-1], first[-1], "a variable without a gradient has changed")
