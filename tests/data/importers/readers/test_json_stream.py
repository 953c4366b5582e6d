"""JSON is decoded as by the standard library, wherever the text is cut into windows."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InputError
from data.importers.readers import json_stream

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text('x",\\{[é', max_size=6)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner), max_leaves=12
)
ENTRIES = st.lists(VALUES, max_size=12) | st.builds(
    lambda value, count: [{"a": value, "b": n} for n in range(count)], VALUES, st.integers(0, 30)
)


@pytest.fixture(params=[(0, 64), (0, 700), (1 << 20, 64)], ids=["narrow", "wide", "whole"])
def windows(request, monkeypatch):
    monkeypatch.setattr(json_stream, "_WHOLE_CHARS", request.param[0] or 1)
    monkeypatch.setattr(json_stream, "_CHUNK", request.param[1])


@pytest.mark.usefixtures("windows")
@settings(max_examples=60, deadline=None, derandomize=True)
@given(entries=ENTRIES, indent=st.sampled_from([None, 2]), kind=st.sampled_from(["list", "member", "lines"]))
def test_windows_change_nothing(tmp_path_factory, entries, indent, kind):
    path = tmp_path_factory.getbasetemp() / ("x.jsonl" if kind == "lines" else "x.json")
    match kind:
        case "list":
            content, expected = json.dumps(entries, indent=indent), [("", entry) for entry in entries]
        case "member":
            content = json.dumps({"fps": 30, "frames": entries, "last": {"a": 1}}, indent=indent)
            expected = [("fps", 30), *(("frames", entry) for entry in entries), ("last", {"a": 1})]
        case "lines":
            content, expected = "\n".join(map(json.dumps, entries)), [("", entry) for entry in entries]
    path.write_text(content)
    assert list(json_stream.stream_json(path)) == expected


def read_into(found, path):
    for _, value in json_stream.stream_json(path):
        found.append(value)


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize("fault", ["NaN, oops", "[1, 2", '{"a": "', "1]], ["])
def test_entries_before_a_fault_are_read(tmp_path, fault):
    path = tmp_path / "x.json"
    entries = [{"a": n, "b": [n, n]} for n in range(100)]
    path.write_text(json.dumps(entries)[:-1] + ", " + fault)
    found = []
    with pytest.raises(InputError, match="the file is not complete JSON"):
        read_into(found, path)
    assert found[:100] == entries
