"""The DAG manifest, from which an orchestrator draws its graph and its form."""

import json

import pytest

from data.errors import InputError
from pipelines.compilation.dag_manifest import ConfigSource, _parameters, check_drawn, read_dag_manifest, with_all_nodes
from pipelines.compilation.plan import Plan, compile_key, read_plan_file
from pipelines.config import PipelineConfig, load_config


def test_parameters_have_the_bounds_and_values_of_the_configuration():
    config = load_config("baduanjin", ["training.epochs=7"])
    epochs = next(entry for entry in _parameters(config) if entry["name"] == "epochs")
    assert epochs["key"] == "training.epochs"
    assert epochs["schema"]["default"] == 7
    assert epochs["schema"]["minimum"] == 1
    assert epochs["schema"]["type"] == "integer"


def test_every_parameter_is_a_key_of_the_configuration():
    for parameter in _parameters(load_config("baduanjin")):
        value = json.dumps(parameter["schema"]["default"])
        assert load_config("baduanjin", [f"{parameter['key']}={value}"]) == load_config("baduanjin")


def test_the_complete_graph_has_the_nodes_of_a_warm_start():
    assert with_all_nodes(ConfigSource("baduanjin")).training.warm_start


def test_the_key_of_a_plan_survives_its_file():
    config = load_config("baduanjin")
    assert compile_key(PipelineConfig.model_validate(json.loads(config.model_dump_json()))) == compile_key(config)


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"format": 1}', "not JSON"])
def test_a_file_that_is_not_a_plan_is_rejected_with_a_remedy(tmp_path, text):
    path = tmp_path / "plan.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match="poseline compile"):
        read_plan_file(path)


def test_a_graph_that_lacks_a_node_or_an_edge_is_stale(tmp_path):
    class Drawn:
        """A plan with two nodes that have no executors."""

        config = load_config("baduanjin")

        class _Node:
            def __init__(self, *upstream_nodes):
                self.upstream_nodes = upstream_nodes

        nodes = {"A": _Node(), "B": _Node("A")}  # noqa: RUF012

        executor_spec = staticmethod(lambda _: None)

    more = [{"id": "A", "upstream": []}, {"id": "W", "upstream": ["A"]}, {"id": "B", "upstream": ["A", "W"]}]
    check_drawn(Drawn, more, tmp_path)
    for other in (more[:2], [more[0], more[1], {"id": "B", "upstream": ["W"]}]):
        with pytest.raises(InputError, match="manifest is stale"):
            check_drawn(Drawn, other, tmp_path)


def test_a_plan_of_other_code_is_stale(tmp_path):
    path = tmp_path / "plan.json"
    config = json.loads(load_config("baduanjin").model_dump_json())
    path.write_text(json.dumps({"format": 2, "compile_key": "of other code", "config": config, "ir": {}}))
    with pytest.raises(InputError, match=r"stale[\s\S]*clear the task `prepare`"):
        Plan.load(path)


def test_a_plan_that_is_not_a_dag_manifest_is_rejected(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text('{"format": 2, "run": {"id": "r"}}')
    with pytest.raises(InputError, match="not a DAG manifest"):
        read_dag_manifest(path)
