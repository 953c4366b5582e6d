from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from trainer_module.model_config import FAMILIES, DdnetConfig, GraphConfig, TcnConfig, read_model_config
from trainer_module.models import BUILDERS


def test_every_family_has_settings_and_a_builder() -> None:
    assert FAMILIES.keys() == BUILDERS.keys()
    assert all(config().family == name for name, config in FAMILIES.items())  # type: ignore[call-arg]


@pytest.mark.parametrize("family", FAMILIES)
def test_settings_survive_json(family: str) -> None:
    config = read_model_config({"family": family})
    assert type(config) is FAMILIES[family]
    assert read_model_config(json.loads(json.dumps(config.model_dump()))) == config


def test_settings_without_a_family_are_of_the_temporal_network() -> None:
    assert read_model_config({"stem": 8}) == TcnConfig(stem=8)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"family": "ddnet", "widths": (8,)}, "widths"),
        ({"family": "graph", "centre_crop": 0.5}, "centre_crop"),
        ({"family": "tcn", "filters": 32}, "filters"),
    ],
)
def test_a_key_that_a_family_does_not_read_is_an_error(values: dict[str, object], key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read_model_config(values)
    (error,) = caught.value.errors()
    assert error["type"] == "extra_forbidden"
    assert error["loc"][-1] == key


@pytest.mark.parametrize("family", [TcnConfig, GraphConfig])
def test_a_block_needs_a_width_and_a_stride(family: type[TcnConfig | GraphConfig]) -> None:
    with pytest.raises(ValidationError, match="2 widths but 3 strides"):
        family(widths=(8, 8))


def test_a_teacher_reads_whole_windows() -> None:
    assert TcnConfig(stem=8, centre_crop=0.5).for_teacher() == TcnConfig(stem=8)
    assert DdnetConfig(stem=8).for_teacher() == DdnetConfig(stem=8)
