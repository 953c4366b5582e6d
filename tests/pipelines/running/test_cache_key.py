"""The cache key in parts has the digest that TFX computes."""

import hashlib

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import data_types_utils, metadata
from tfx.orchestration.portable import cache_utils, inputs_utils, outputs_utils
from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2
from tfx.types import standard_artifacts

from pipelines.running.cache_key import cache_key, difference


def value(**field):
    return pipeline_pb2.Value(field_value=metadata_store_pb2.Value(**field))


@pytest.fixture
def info():
    return pipeline_pb2.PipelineInfo(id="gymnastics")


@pytest.fixture
def spec():
    made = executable_spec_pb2.BeamExecutableSpec()
    made.python_executor_spec.class_path = "components.reader.Executor"
    made.python_executor_spec.extra_flags.append("--code_version=1")
    made.beam_pipeline_args.append("--runner=FnApiRunner")
    return made


@pytest.fixture
def node():
    made = pipeline_pb2.PipelineNode(node_info=pipeline_pb2.NodeInfo(id="Trainer"))
    made.node_info.type.name = "trainer"
    made.parameters.parameters["epochs"].CopyFrom(value(int_value=3))
    made.parameters.parameters["rate"].CopyFrom(value(double_value=0.25))
    made.parameters.parameters["custom_config"].CopyFrom(value(string_value='{"seed": 1}'))
    for key, kind in (("model", "Model"), ("model_run", "ModelRun")):
        made.outputs.outputs[key].artifact_spec.type.name = kind
    return made


@pytest.fixture
def inputs():
    found = {}
    for key, numbers in (("examples", (3, 1)), ("schema", (2,)), ("base_model", ())):
        found[key] = []
        for number in numbers:
            artifact = standard_artifacts.Examples()
            artifact.id, artifact.uri, artifact.span = number, f"/artifacts/{number}", 7
            artifact.set_string_custom_property("content_digest", f"digest {number}")
            found[key].append(artifact)
    return found


def tfx_digest(folder, node, info, spec, inputs):
    parameters = inputs_utils.resolve_parameters_with_schema(node_parameters=node.parameters)
    with metadata.Metadata(metadata.sqlite_metadata_connection_config(str(folder / "m.sqlite"))) as handle:
        context = cache_utils.get_cache_context(
            metadata_handle=handle,
            pipeline_node=node,
            pipeline_info=info,
            executor_spec=spec,
            input_artifacts=inputs,
            output_artifacts=outputs_utils.generate_output_artifacts(12, node.outputs.outputs, str(folder)),
            parameters=data_types_utils.build_parsed_value_dict(parameters),
        )
    return context.name


def test_the_digest_is_the_one_that_tfx_computes(tmp_path, node, info, spec, inputs):
    key = cache_key(node, info, spec, inputs)
    assert key.digest == tfx_digest(tmp_path, node, info, spec, inputs)
    assert len(key.digest) == len(hashlib.sha256().hexdigest())


def test_without_inputs_outputs_and_parameters_too(tmp_path, info, spec):
    bare = pipeline_pb2.PipelineNode(node_info=pipeline_pb2.NodeInfo(id="ImportSchemaGen"))
    assert cache_key(bare, info, spec, {}).digest == tfx_digest(tmp_path, bare, info, spec, {})


def test_each_change_is_named_and_changes_the_digest(node, info, spec, inputs):
    before = cache_key(node, info, spec, inputs)
    node.parameters.parameters["epochs"].field_value.int_value = 4
    node.parameters.parameters["custom_config"].field_value.string_value = '{"seed": 2}'
    inputs["schema"].clear()
    after = cache_key(node, info, spec, inputs)
    assert after.digest != before.digest
    assert difference(before.parts, after.parts) == [
        "input schema: artifact 2 -> none",
        'parameter custom_config: {"seed": 1} -> {"seed": 2} (keys seed)',
        "parameter epochs: 3 -> 4",
    ]


def test_the_fingerprint_of_the_code_is_in_the_digest_and_shown_elsewhere(node, info, spec, inputs):
    before = cache_key(node, info, spec, inputs)
    spec.python_executor_spec.extra_flags[0] = "--code_version=2"
    after = cache_key(node, info, spec, inputs)
    assert after.digest != before.digest
    assert difference(before.parts, after.parts) == []
