from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from data.layouts import layout_names, load_layout
from trainer_module.model_config import TcnConfig
from trainer_module.models.layers import CORE
from trainer_module.models.tcn import build_tcn

SMALL = TcnConfig(stem=8, widths=(16, 24), strides=(1, 2))


@pytest.mark.parametrize("layout", layout_names())
@pytest.mark.parametrize("dimensions", [2, 3])
def test_there_is_a_network_for_every_layout(layout: str, dimensions: int) -> None:
    shape = (16, len(load_layout(layout).joints), dimensions)
    probabilities = build_tcn(SMALL, layout, shape, 4)(np.random.default_rng(0).normal(size=(2, *shape)))
    assert probabilities.shape == (2, 4)
    np.testing.assert_allclose(np.asarray(probabilities).sum(axis=1), 1, atol=1e-5)


def test_the_core_has_all_learned_weights() -> None:
    model = build_tcn(SMALL, "coco17", (16, 17, 2), 4)
    assert model.trainable_weights == model.get_layer(CORE).trainable_weights


def test_the_default_network_fits_a_phone() -> None:
    model = build_tcn(TcnConfig(), "kinect20", (48, 20, 3), 20)
    assert model.count_params() < 220_000


def test_one_stream_is_enough() -> None:
    config = SMALL.model_copy(update={"members": (("joints",),)})
    assert build_tcn(config, "coco17", (16, 17, 2), 3).output_shape == (None, 3)


def test_the_network_survives_saving(tmp_path: Path) -> None:
    model = build_tcn(SMALL, "coco17", (16, 17, 2), 4)
    model.save(tmp_path / "model.keras")
    pose = np.random.default_rng(0).normal(size=(2, 16, 17, 2))
    np.testing.assert_allclose(keras.saving.load_model(tmp_path / "model.keras")(pose), model(pose), atol=1e-6)
