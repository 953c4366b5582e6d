"""The reasons of failures: no advice for programmers, no number of a file descriptor, no link to a library's pages."""

import io
import os
from zipfile import ZipFile

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from data.errors import InputError
from data.importers.readers.npz_archive import NpzArchive
from data.settings.json_text import read_bytes
from data.settings.yaml_text import parse_yaml
from data.text import plain_reason


class Sizes(BaseModel):
    """A model of one key."""

    width: int


def test_an_integer_of_thousands_of_digits_is_named_as_such():
    with pytest.raises(ValueError, match=r"^a whole number has thousands of digits$"):
        parse_yaml("a: " + "9" * 5000)


def test_a_folder_in_place_of_a_file_is_named_without_its_descriptor(tmp_path):
    with pytest.raises(ValueError, match=r"^it is a folder, not a file$"):
        read_bytes(tmp_path, 10)
    with pytest.raises(OSError, match="none") as raised:
        os.open(tmp_path / "none", os.O_RDONLY)
    assert plain_reason(raised.value) == "No such file or directory"


def test_an_array_whose_header_is_too_long_is_named_without_advice_for_programmers(tmp_path):
    content = io.BytesIO()
    np.save(content, np.zeros(1, np.dtype([(f"field_{i:05}", "f4") for i in range(2000)])))
    with ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", content.getvalue())
    with NpzArchive(tmp_path / "a.npz") as archive, pytest.raises(InputError) as raised:
        archive.read("a")
    assert raised.value.what == "the array cannot be read: the header of the array is longer than any that NumPy writes"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1], "the whole: it is no JSON object"),
        ({"width": "x"}, "width: Input should be a valid integer, unable to parse string as an integer"),
        ({}, "width: Field required"),
    ],
)
def test_a_validation_is_told_by_place_and_problem(value, reason):
    with pytest.raises(ValidationError) as raised:
        Sizes.model_validate(value)
    assert plain_reason(raised.value) == reason
