from pathlib import Path

import pytest
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples, Model

from components.artifacts.folders import (
    artifact_folder,
    only_artifact,
    optional_artifact,
    saved_model_folder,
    schema_file,
    split_folder,
)


def _artifact(kind, uri):
    made = kind()
    made.uri = uri
    return made


def test_paths_are_those_of_tfx():
    from tfx.utils import path_utils

    examples = _artifact(Examples, "/examples")
    examples.split_names = artifact_utils.encode_split_names(["test"])
    assert str(split_folder(Path("/examples"), "test")) == artifact_utils.get_split_uri([examples], "test")
    assert str(saved_model_folder(Path("/model"))) == path_utils.serving_model_dir("/model")


def test_a_channel_has_one_artifact_or_may_have_none():
    model = _artifact(Model, "/model")
    assert only_artifact({"model": [model]}, "model") is model
    assert artifact_folder({"model": [model]}, "model") == Path("/model")
    assert optional_artifact({"model": [model]}, "model") is model
    assert optional_artifact({"model": []}, "model") is None
    assert optional_artifact({}, "model") is None
    with pytest.raises(ValueError, match="expected 1"):
        only_artifact({"model": [model, model]}, "model")


def test_a_schema_is_found_under_any_name(tmp_path):
    (tmp_path / "own.pbtxt").touch()
    assert schema_file(tmp_path) == tmp_path / "own.pbtxt"
