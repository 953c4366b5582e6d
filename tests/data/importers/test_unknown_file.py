"""What is said about a file of unknown format."""

import json

import numpy as np
import pytest

from data.errors import InputError
from data.importers.discovery import find_sources


def said(path):
    with pytest.raises(InputError) as error:
        find_sources([path], None)
    return f"{error.value.what} | {error.value.remedy}"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "alpha,beta\n1,2\n", ("the columns alpha, beta", "nearest format is csv", "--columns")),
        ("a.csv", "1,2,3\n4,5,6\n", ("no header; its first row has 3 numbers", "nearest format is csv")),
        ("a.json", '{"v": "x", "skeletons": [{"pts": [[1, 2]]}]}', ("skeletons: {pts: [1 x [2 x number]]}", "--from")),
        ("a.json", '[{"joints2d": {"head": [1, 2]}}]', ("a list of {joints2d: {head: [2 x number]}}", "--from")),
        ("a.json", "", ("nothing in it",)),
        ("a.txt", "meeting notes", ("text that begins with 'meeting notes'",)),
        ("a.xml", "<a/>", ("known endings are .bvh, .c3d",)),
        ("a.json", "[" * 100, ("--from",)),
    ],
)  # fmt: skip
def test_the_message_has_what_was_seen_and_what_to_do(dump, name, content, words):
    text = said(dump(name, content))
    assert all(word in text for word in words), text


def test_a_format_that_reads_the_file_is_named(dump):
    frames = [{"joints": [{"name": "nose", "x": 1.5, "y": 9, "score": 1}]} for _ in range(3)]
    assert "--from tfjs reads it" in said(dump("a.json", json.dumps(frames)))


def test_a_name_cannot_control_the_terminal(dump):
    assert "\x1b" not in said(dump("a.json", json.dumps({"\x1b]0;owned\x07": 1, "b": [{"c\x1b": 2}]})))


def test_the_arrays_of_an_archive_are_listed(take, tmp_path):
    np.savez(tmp_path / "a.npz", angles=np.zeros((3, 4)), names=np.array(["a"]))
    _, (refused,) = take(tmp_path / "a.npz")
    assert "angles (float64 [3, 4]), names (<U1 [1])" in refused.detail
