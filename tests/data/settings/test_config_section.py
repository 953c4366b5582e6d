import pytest
from pydantic import ValidationError

from data.settings.config_section import ConfigSection


class Section(ConfigSection):
    share: float = 0.5
    count: int | None = None
    switch: bool = False
    either: bool | int = 0


def test_booleans_and_numbers_are_read():
    read = Section.model_validate({"share": 1, "count": 2, "switch": True, "either": True})
    assert (read.share, read.count, read.switch, read.either) == (1.0, 2, True, True)
    assert Section.model_validate({"share": "1e-3"}).share == 0.001


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": False},
        {"share": True},
        {"count": False},
        {"share": float("nan")},
        {"share": float("inf")},
        {"share": "1e999"},
        {"shares": 1},
        {1: 2},
    ],
)
def test_a_value_that_is_not_meant_is_an_error(wrong):
    with pytest.raises(ValidationError) as caught:
        Section.model_validate(wrong)
    assert len(caught.value.errors()) == 1
