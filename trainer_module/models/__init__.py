"""Model families, by name: one module each."""

from __future__ import annotations

from collections.abc import Callable

import keras

from trainer_module.config import ModelConfig
from trainer_module.models.ddnet import build_ddnet
from trainer_module.models.skeleton_graph import build_graph
from trainer_module.models.tcn import build_tcn

Builder = Callable[[ModelConfig, str, tuple[int, int, int], int], keras.Model]

FAMILIES: dict[str, Builder] = {"tcn": build_tcn, "ddnet": build_ddnet, "graph": build_graph}


def build_model(config: ModelConfig, layout: str, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Builds the network that a configuration describes, with fresh weights.

    Args:
        config: family, widths and depths.
        layout: name of the joint layout.
        shape: T, J and D of a pose.
        classes: how many labels there are.

    Returns:
        A model from poses `[N, T, J, D]` to probabilities `[N, classes]`, whose learned part is named `layers.CORE`.
    """
    return FAMILIES[config.family](config, layout, shape, classes)
