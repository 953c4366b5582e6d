import pytest

from data.settings.yaml_text import parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("1", 1),
        ("9223372036854775807", 2**63 - 1),
        ("1.5e-3", 0.0015),
        ("{a: [1, x]}", {"a": [1, "x"]}),
        ("[{a: 1}, {a: 2}]", [{"a": 1}, {"a": 2}]),
        ("{a: &x {b: 1}, c: *x}", {"a": {"b": 1}, "c": {"b": 1}}),
        ("[" * 50 + "]" * 50, None),
    ],
)
def test_a_document_becomes_plain_values(text, value):
    assert value is None or parse_yaml(text) == value
    parse_yaml(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "the key 'a' is repeated (line 3, column 1)"),
        ("{x: {a: 1, a: 1}}", "the key 'a' is repeated (line 1, column 12)"),
        ("[" * 300_000, "it is nested more than 50 levels deep (line 1, column 51)"),
        ("a: b: c", "mapping values are not allowed in this context (line 1, column 5)"),
        ("--- a\n--- b", "expected a single document in the stream, but found another document (line 2, column 1)"),
        ("*a", "found undefined alias (line 1, column 1)"),
        ("a\x1bb", "unacceptable character #x001b"),
        ("\udcff", "surrogates not allowed"),
        ("9" * 5000, "a whole number has thousands of digits"),
        ("[1, 9223372036854775808]", "the integer has more than 64 bits (line 1, column 5)"),
        ("0x" + "f" * 9000, "the integer has more than 64 bits (line 1, column 1)"),
        ("2026-13-45", "month must be in 1..12"),
        ("!!bool x", "a value does not fit its tag"),
        ("!!timestamp x", "a value does not fit its tag"),
        ("!!int ''", "a value does not fit its tag"),
        ("!!python/name:os.system", "could not determine a constructor for the tag"),
        ("? [a]\n: 1", "found unhashable key"),
    ],
)
def test_a_wrong_text_is_explained_in_one_line(text, message):
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z") as caught:
        parse_yaml(text)
    assert message in str(caught.value)
