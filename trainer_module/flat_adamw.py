"""AdamW with clipped gradients and averaged weights that computes on one vector of all weights.

For each trainable variable with weights w and gradient g, at step t = 1, 2, ... with learning rate r:

    g = g * c / max(|g|, c)                               clip the norm of each variable's gradient to c
    w = w - r * d * w                                     decay, except of excluded variables
    m = m + (1 - b1) * (g - m)
    v = v + (1 - b2) * (g^2 - v)
    w = w - r * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + e)
    a = w at the first step, then k * a + (1 - k) * w     exponential moving average

`keras.optimizers.AdamW` with `clipnorm` and `use_ema` does the same, with its own operators for each variable. They are
nine tenths of the time until the first step of our networks has run: these have many small variables.

Reference: Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7


@keras.saving.register_keras_serializable("poseline")
class FlatAdamW(keras.optimizers.Optimizer):
    """AdamW whose state is three vectors; see the module for the formulas.

    Args:
        learning_rate: schedule of the learning rate r.
        weight_decay: decay d; `exclude_from_weight_decay` excludes variables.
        clipnorm: largest norm c of the gradient of a variable.
        ema_momentum: momentum k of the averaged weights.
        kwargs: other arguments of `keras.optimizers.Optimizer`, at their default; `from_config` passes them.
    """

    def __init__(
        self,
        learning_rate: keras.optimizers.schedules.LearningRateSchedule,
        weight_decay: float,
        clipnorm: float,
        ema_momentum: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate, weight_decay=weight_decay, clipnorm=clipnorm, ema_momentum=ema_momentum, **kwargs
        )

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create the state for the variables to train."""
        super().build(variables)
        self._sizes = [int(np.prod(variable.shape)) for variable in variables]
        # The number of the variable that each element of the vectors belongs to.
        self._owners = tf.constant(np.repeat(np.arange(len(self._sizes), dtype=np.int32), self._sizes))
        self._momentum, self._velocity, self._average = (
            self.add_variable([sum(self._sizes)], name=name) for name in ("momentum", "velocity", "average")
        )

    def apply(
        self, gradients: Sequence[tf.Tensor | None], trainable_variables: Sequence[keras.Variable] | None = None
    ) -> None:
        """Do one step.

        Args:
            gradients: gradient of each variable that the state was built for; a variable whose gradient is always None
                is left as it is.
            trainable_variables: these variables; given when the state is to be built.
        """
        if not self.built:
            self.build(list(trainable_variables or ()))
        variables, pairs = self._trainable_variables, list(zip(gradients, self._trainable_variables, strict=True))
        decays = [self.weight_decay * (g is not None and self._use_weight_decay(w)) for g, w in pairs]
        gradients = [tf.zeros(w.shape) if g is None else tf.convert_to_tensor(g) for g, w in pairs]
        norms = tf.sqrt(2 * tf.stack([tf.nn.l2_loss(gradient) for gradient in gradients]))
        step, rate = tf.cast(self.iterations, tf.float32), tf.cast(self.learning_rate, tf.float32)

        gradient = _join(gradients) * self._spread(self.clipnorm / tf.maximum(norms, self.clipnorm))
        weights = _join(variables)
        weights -= weights * self._spread(rate * tf.constant(decays))
        momentum, velocity, average = (v.value for v in (self._momentum, self._velocity, self._average))
        m = momentum.assign_add((gradient - momentum) * (1 - _BETA_1))
        v = velocity.assign_add((tf.square(gradient) - velocity) * (1 - _BETA_2))
        rate *= tf.sqrt(1 - _BETA_2 ** (step + 1)) / (1 - _BETA_1 ** (step + 1))
        weights -= m * rate / (tf.sqrt(v) + _EPSILON)
        keep = tf.where(step > 0, self.ema_momentum, 0.0)
        average.assign(keep * average + (1 - keep) * weights, read_value=False)
        self._write(weights, variables)
        self.iterations.assign_add(1)

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        """Set the trained variables to their averages; Keras calls it when a training ends."""
        self._write(self._average.value, var_list)

    def _spread(self, values: tf.Tensor) -> tf.Tensor:
        """Repeat the value of each variable for each of its weights."""
        return tf.gather(values, self._owners)

    def _write(self, vector: tf.Tensor, variables: Sequence[keras.Variable]) -> None:
        for variable, part in zip(variables, tf.split(vector, self._sizes), strict=True):
            variable.value.assign(tf.reshape(part, variable.shape), read_value=False)


def _join(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return the elements of all tensors as one vector."""
    everything = tf.constant([-1])
    return tf.concat([tf.reshape(tensor, everything) for tensor in tensors], axis=0)
