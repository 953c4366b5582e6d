"""Registry of the networks: builds the one that a configuration describes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from trainer_module.model_config import ModelConfig
from trainer_module.models.ddnet import build_ddnet
from trainer_module.models.skeleton_graph import build_graph
from trainer_module.models.tcn import build_tcn

Builder = Callable[[Any, str, tuple[int, int, int], int], keras.Model]

BUILDERS: dict[str, Builder] = {"tcn": build_tcn, "ddnet": build_ddnet, "graph": build_graph}
"""Function that builds the network of each family in `model_config.FAMILIES`."""


def build_model(config: ModelConfig, layout: str, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Build the network that a configuration describes, with fresh weights.

    Args:
        config: settings of the network.
        layout: name of the joint layout.
        shape: frames T, joints J and dimensions D of a pose.
        classes: number of labels.

    Returns:
        Model from poses `[N, T, J, D]` to probabilities `[N, classes]`. All its learned weights are in its submodel
        named `layers.CORE`.
    """
    return BUILDERS[config.family](config, layout, shape, classes)
