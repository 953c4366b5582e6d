"""Warm start: a model takes over the weights of an earlier training."""

from __future__ import annotations

from pathlib import Path

import keras

from data.errors import InputError


def warm_up(model: keras.Model, base: Path) -> None:
    """Replace the weights of a model by those of an earlier model with the same structure.

    Args:
        model: new model.
        base: `.keras` file of the earlier model.

    Raises:
        InputError: the file is missing, or its weights do not fit; the error names the first weight that does not.
    """
    if not base.is_file():
        raise InputError(
            "the model to start from has no Keras weights",
            str(base),
            "train the earlier model again, or set training.warm_start=false",
        )
    earlier = keras.saving.load_model(base, compile=False).weights
    pairs = zip(model.weights, earlier, strict=False)
    misfits = [
        f"{new.path} is {list(new.shape)}, was {list(old.shape)}" for new, old in pairs if new.shape != old.shape
    ]
    if len(earlier) != len(model.weights):
        misfits.append(f"there are {len(model.weights)} weights, there were {len(earlier)}")
    if misfits:
        raise InputError(
            f"the weights of the last blessed model do not fit: {misfits[0]}",
            str(base),
            "keep model, layout, labels and window as they were, or set training.warm_start=false",
        )
    model.set_weights([weight.numpy() for weight in earlier])
