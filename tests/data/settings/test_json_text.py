import os

import pytest

from data.settings.json_text import parse_json, read_json


def test_sound_json_is_read_as_ever(tmp_path):
    (tmp_path / "a.json").write_text('{"a": [1, -2.5, "\\ud83e\\uddd8", null, true], "b": 9223372036854775807}')
    assert read_json(tmp_path / "a.json", 100) == {"a": [1, -2.5, "🧘", None, True], "b": 2**63 - 1}
    assert parse_json(b"[" * 50 + b"]" * 50, 100)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "Expecting value"),
        (b"\xff", "utf-8"),
        (b"[" * 51 + b"]" * 51, "nested more than 50"),
        (b"[" * 200_000, "nested more than 50"),
        (b'{"a":' * 51 + b"1" + b"}" * 51, "nested more than 50"),
        (b"[NaN]", "not finite"),
        (b"-Infinity", "not finite"),
        (b"1e999", "not finite"),
        (b"9" * 5000, "64 bits"),
        (b"-" + b"9" * 19, "64 bits"),
        (b'{"a": 1, "a": 1}', "repeated"),
        (b'["\\ud800"]', "surrogates"),
        (b'{"\\udfff": 1}', "surrogates"),
        (b" " * 1_000_001, "more than 1000000 bytes"),
    ],
)
def test_json_out_of_bounds_is_an_error(content, expected):
    with pytest.raises(ValueError, match=expected) as caught:
        parse_json(content, 1_000_000)
    assert len(str(caught.value)) < 200


def test_only_regular_files_of_bounded_size_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ValueError, match="not a regular file"):
            read_json(path, 10)
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 2**40)
    with pytest.raises(ValueError, match="more than 10 bytes"):
        read_json(tmp_path / "large", 10)
