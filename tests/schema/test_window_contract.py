"""A schema that cannot be used ends in an error that says what, where and what to do."""

import pytest

from data.errors import InputError
from schema.window_contract import read_window_contract

SHAPE = "feature { name: 'keypoints' shape { dim { size: 24 } dim { size: 17 } dim { size: 3 } } }"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("feature {", "cannot be read"),
        ("nonsense: 3", "cannot be read"),
        ("\x00", "cannot be read"),
        ("", "shape"),
        ("feature { name: 'keypoints' }", "shape"),
        (SHAPE.replace("size: 3", "size: 5"), "shape"),
        (SHAPE.replace("size: 24", "size: 0"), "shape"),
        (SHAPE, "string domain"),
        (SHAPE + "feature { name: 'label' string_domain { value: 'one' } }", "at least two labels"),
        (SHAPE + "feature { name: 'label' domain: 'missing' }", "string domain"),
        (SHAPE + r"feature { name: 'label' string_domain { value: 'a\nb' value: 'c' } }", "control characters"),
    ],
)
def test_a_schema_that_is_none_is_refused(tmp_path, text, fault):
    path = tmp_path / "mine.pbtxt"
    path.write_text(text)
    with pytest.raises(InputError, match=fault) as refused:
        read_window_contract(path)
    assert refused.value.where == str(path)
    assert refused.value.remedy


def test_a_missing_schema_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_window_contract(tmp_path / "none.pbtxt")
