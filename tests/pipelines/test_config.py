import json
import os
import typing
from pathlib import Path

import pytest
import yaml

from data.errors import InputError
from data.layouts import load_layout
from data.project import PROJECT_ROOT
from lineage.nodes import GATES
from pipelines.config import PipelineConfig, config_names, load_config
from schema.gates import read_gates
from schema.window_contract import read_window_contract
from trainer_module.model_config import FAMILIES, DdnetConfig, TcnConfig


@pytest.mark.parametrize("name", config_names())
def test_every_configuration_fits_its_schema_and_gates(name):
    config = load_config(name)
    assert config.name == name
    contract = read_window_contract(config.schema_file)
    assert len(load_layout(config.layout).joints) == contract.joints
    gates = config.read_gates()
    assert gates.data_gate.means
    assert gates.data_gate.anomalies
    assert 0 < gates.evaluator.min_accuracy < 1
    assert 0 < gates.model_validator.min_sequence_accuracy < 1


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
        ("name=2020-13-45", "not YAML"),
        ("name=" + "[" * 3000, "not YAML"),
        ('data="a\\0b"', "data: "),
        ('targets={a: "\\0"}', "null character"),
        ("edge.seed=9223372036854775808", "edge.seed"),
    ],
)
def test_a_wrong_override_names_the_key(override, expected):
    with pytest.raises(InputError) as caught:
        load_config("baduanjin", [override])
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("model.width=[8]", "unknown key model.width; did you mean model.widths?"),
        ("model.stem=wide", "model.stem: Input should be a valid integer"),
        ("model.members=[[jonts]]", "model.members.0.0: Input should be 'joints'"),
        ("model.family=tnc", "model.family: 'tnc' does not exist; did you mean 'tcn'? There are: tcn, ddnet, graph"),
        ("model={family: graph, kernal: 3}", "unknown key model.kernal; did you mean model.kernel?"),
        ("model={family: ddnet, stem: 32, dropout: 0.1}", "family ddnet does not have the key model.dropout"),
        ("model=3", "model: Input should be a valid dictionary"),
    ],
)
def test_a_wrong_key_of_the_model_is_named_as_the_user_writes_it(override, expected):
    with pytest.raises(InputError) as caught:
        load_config("baduanjin", [override])
    assert expected in caught.value.what


def test_a_family_that_does_not_have_the_keys_of_the_file_names_them_and_says_how_to_replace_them():
    with pytest.raises(InputError) as caught:
        load_config("baduanjin", ["model.family=ddnet"])
    assert "family ddnet does not have the key model.members, which belongs to tcn" in caught.value.what
    assert "family ddnet does not have the key model.widths, which belongs to tcn, graph" in caught.value.what
    assert "--set 'model={family: ddnet}'" in caught.value.remedy
    assert load_config("baduanjin", ["model={family: ddnet}"]).model == DdnetConfig()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_configuration_holds_only_the_keys_of_its_family_and_survives_json(family):
    config = load_config("baduanjin", [f"model={{family: {family}}}"])
    written = config.model_dump(mode="json")
    assert written["model"].keys() == FAMILIES[family].model_fields.keys()
    assert PipelineConfig.model_validate(json.loads(json.dumps(written))) == config


def test_without_a_family_the_model_is_the_temporal_network():
    assert isinstance(load_config("baduanjin", ["model={stem: 8}"]).model, TcnConfig)


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
def test_a_file_that_is_not_a_configuration_is_rejected(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"the configuration (cannot be read|is not a mapping of keys to values)"):
        load_config(str(path))


def test_an_unknown_threshold_is_rejected():
    config = load_config("baduanjin")
    with pytest.raises(InputError, match=r"unknown key gates\.evaluator\.minimal_accuracy; did you mean gates\."):
        read_gates(config.gates_file, {"evaluator": {"minimal_accuracy": 0.5}})


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("gates.serving_smoke.min_agreement=2", r"gates\.serving_smoke\.min_agreement: .* less than or equal to 1"),
        ("gates.evaluator.min_acuracy=0.8", r"did you mean gates\.evaluator\.min_accuracy\?"),
        ("gates.evaluatr.min_accuracy=0.8", r"did you mean gates\.evaluator\?"),
        ("gates.data_gate.anomalies={'*': ignore}", r"gates\.data_gate\.anomalies\.\*: .* 'pass', 'warn' or 'stop'"),
        ("gates.data_gate.means={fps: 3}", r"gates\.data_gate\.means\.fps"),
        ("gates.evaluator=3", r"gates\.evaluator"),
        ("gates.model_validator.max_bytes=.nan", r"gates\.model_validator\.max_bytes"),
    ],
)
def test_a_wrong_threshold_is_rejected_when_the_configuration_is_read(override, fault):
    with pytest.raises(InputError, match=fault):
        load_config("baduanjin", [override])


@pytest.mark.parametrize("text", ["[1, 2", "- a list", "", "evaluator: {min_accuracy: 0.5}", "\x00"])
def test_a_file_that_is_not_a_gates_file_is_rejected(tmp_path, text):
    (tmp_path / "gates.yaml").write_text(text)
    with pytest.raises(InputError, match="gates"):
        load_config("baduanjin", [f"gates_file={tmp_path / 'gates.yaml'}"])


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("layout=coco18", r"layout: there is no such layout; there are: .*coco17.* \(got 'coco18'\)"),
        ("schema_file=schema/nowhere.pbtxt", r"the schema cannot be read: No such file or directory"),
        ("schema_file=/dev/zero", r"the schema cannot be read: it is not a regular file"),
        ("gates_file=/dev/zero", r"the gates file cannot be read: it is not a regular file"),
        ("gates.evaluator.min_accuracy=no", r"gates\.evaluator\.min_accuracy: .* number"),
        ("training.learning_rate=true", r"training\.learning_rate: .* number"),
        ("training.warmup_epochs=1e999", r"training\.warmup_epochs: .* finite"),
        ("gates.serving_smoke.max_latency_p95_ms=.inf", r"max_latency_p95_ms: .* finite"),
        ("training={epochs: 3, epochs: 4}", r"the value is not YAML: the key 'epochs' is repeated"),
        ("training.epochs=!!bool x", r"the value is not YAML: a value does not fit its tag"),
        ("name=" + "x" * 100_000, r"name: .* \(got 'x{30,40}\.\.\.x{30,40}'\)"),
        ("x" * 100_000, r"the setting is not of the form key=value"),
        ("schema_file=" + "x" * 100_000, r"the schema cannot be read: File name too long"),
        ("evaluation.slices=[" + "1, " * 5000 + "]", r"slices\.19: Input should be a valid string .*; and 4980 more"),
    ],
)
def test_a_wrong_setting_is_explained_with_place_and_remedy_in_few_words(override, fault):
    with pytest.raises(InputError, match=fault) as caught:
        load_config("baduanjin", [override])
    assert caught.value.where
    assert caught.value.remedy
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("section", ["data_gate", "evaluator", "model_validator", "serving_smoke"])
def test_a_gates_file_without_a_gate_is_rejected(tmp_path, section):
    gates = yaml.safe_load((PROJECT_ROOT / "schema" / "gates.yaml").read_text())
    del gates[section]
    (tmp_path / "gates.yaml").write_text(yaml.safe_dump(gates))
    with pytest.raises(InputError, match=section):
        load_config("baduanjin", [f"gates_file={tmp_path / 'gates.yaml'}"])


def test_every_gate_that_may_only_warn_is_a_node():
    annotation = PipelineConfig.model_fields["only_warn"].annotation
    assert set(typing.get_args(typing.get_args(annotation)[0])) == GATES.keys()


def test_a_configuration_that_is_no_file_is_called_what_it_is(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    for place, message in (
        (tmp_path, "the configuration is a folder"),
        (tmp_path / "pipe.yaml", "is a pipe or device"),
    ):
        with pytest.raises(InputError, match=message):
            load_config(str(place))
