from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError
from trainer_module.model_config import TcnConfig
from trainer_module.models import build_model
from trainer_module.warm_start import warm_up

SMALL = TcnConfig(stem=4, widths=(8,), strides=(1,))
SHAPE = (8, 17, 2)


def test_a_warm_started_model_answers_as_the_earlier_model(tmp_path: Path) -> None:
    pose = np.random.default_rng(0).normal(size=(2, *SHAPE))
    earlier, model = (build_model(SMALL, "coco17", SHAPE, 3) for _ in range(2))
    earlier.save(tmp_path / "model.keras")
    assert np.abs(model(pose) - earlier(pose)).max() > 1e-3
    warm_up(model, tmp_path / "model.keras")
    np.testing.assert_array_equal(model(pose), earlier(pose))


@pytest.mark.parametrize(
    ("config", "classes", "expected"),
    [
        (SMALL.model_copy(update={"stem": 6}), 3, r"conv2d.*\[1, 1, \d+, 6\], was \[1, 1, \d+, 4\]"),
        (SMALL, 5, r"kernel_0 is \[8, 5\], was \[8, 3\]"),
        (SMALL.model_copy(update={"widths": (8, 8), "strides": (1, 1)}), 3, "do not fit"),
    ],
)
def test_weights_that_do_not_fit_are_an_error_that_names_them(
    tmp_path: Path, config: TcnConfig, classes: int, expected: str
) -> None:
    build_model(SMALL, "coco17", SHAPE, 3).save(tmp_path / "model.keras")
    with pytest.raises(InputError, match=expected) as caught:
        warm_up(build_model(config, "coco17", SHAPE, classes), tmp_path / "model.keras")
    assert "warm_start=false" in str(caught.value.remedy)


def test_a_model_without_keras_weights_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no Keras weights"):
        warm_up(build_model(SMALL, "coco17", SHAPE, 3), tmp_path / "model.keras")
