"""Registry of the networks: builds the one that a configuration describes."""

from __future__ import annotations

from typing import Any, Protocol

import keras

from trainer_module.model_config import FamilyConfig, ModelConfig
from trainer_module.models.ddnet import build_ddnet
from trainer_module.models.skeleton_graph import build_graph
from trainer_module.models.tcn import build_tcn


class Builder[Config: FamilyConfig](Protocol):
    """Function that builds the network of one family from the settings of that family."""

    def __call__(self, config: Config, layout: str, shape: tuple[int, int, int], classes: int) -> keras.Model:
        """Build the network; see `build_model`."""


BUILDERS: dict[str, Builder[Any]] = {"tcn": build_tcn, "ddnet": build_ddnet, "graph": build_graph}
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
