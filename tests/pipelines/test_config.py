from pathlib import Path

import pytest
import yaml

from data.errors import InputError
from data.layouts import load_layout
from pipelines.config import config_names, load_config
from schema import read_gates, read_window_contract


@pytest.mark.parametrize("name", config_names())
def test_every_configuration_fits_its_schema_and_gates(name):
    config = load_config(name)
    assert config.name == name
    contract = read_window_contract(config.schema_file)
    assert len(load_layout(config.layout).joints) == contract.joints
    assert {"evaluator", "model_validator", "data_gate"} <= read_gates(config.gates_file, config.gates).keys()


def test_overrides_reach_nested_keys():
    config = load_config("baduanjin", ["training.epochs=3", "windows.fps=12.5", "runner.parallel_nodes=1"])
    assert (config.training.epochs, config.windows.fps, config.runner.parallel_nodes) == (3, 12.5, 1)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("training.epoch=3", "did you mean training.epochs?"),
        ("trainig.epochs=3", "did you mean training?"),
        ("windows.fps=fast", "windows.fps"),
        ("windows.fps=-1", "windows.fps"),
        ("windows.fit=squash", "windows.fit"),
        ("name=No Spaces", "name"),
        ("training", "not of the form key=value"),
        ("training.epochs.deep=1", "epochs"),
        ("shards=[1", "not YAML"),
    ],
)
def test_a_wrong_override_names_the_key(override, expected):
    with pytest.raises(InputError) as caught:
        load_config("baduanjin", [override])
    assert expected in str(caught.value)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(InputError) as caught:
        load_config("baduanjim")
    assert "did you mean 'baduanjin'" in str(caught.value)


def test_a_file_is_read_and_its_unknown_keys_are_named(tmp_path):
    values = yaml.safe_load(Path("pipelines/configs/baduanjin.yaml").read_text())
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values | {"name": "mine"}))
    assert load_config(str(path)).name == "mine"
    path.write_text(yaml.safe_dump(values | {"layuot": "coco17"}))
    with pytest.raises(InputError, match="did you mean layout"):
        load_config(str(path))


@pytest.mark.parametrize("text", ["[1, 2", "- a list", ""])
def test_a_file_that_is_no_configuration_is_refused(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InputError):
        load_config(str(path))


def test_a_threshold_that_no_gate_has_is_refused():
    config = load_config("baduanjin")
    with pytest.raises(ValueError, match="no threshold"):
        read_gates(config.gates_file, {"evaluator": {"minimal_accuracy": 0.5}})
