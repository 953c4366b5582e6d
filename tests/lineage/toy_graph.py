"""A small graph of fast nodes with the shape, names and artifact types of the real one.

The nodes do in plain Python what the real ones do with TensorFlow and Beam; Pusher is the real one. Everything around
them (launcher, cache, recording, recovery, metadata store) is what `poseline run` uses.
"""

import hashlib
import json
import os
import signal
from pathlib import Path

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.dsl.components.common.resolver import Resolver
from tfx.types import Channel, artifact_utils
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_artifacts import Examples, InfraBlessing, Model, ModelBlessing, ModelEvaluation, Schema

from components.artifacts.types import (
    CoachSettingsArtifact,
    DataBlessing,
    EdgeBlessing,
    EdgeModel,
    ReferencesArtifact,
    SessionBlessing,
)
from components.pusher.component import Pusher
from components.resolvers.last_other_blessed import LastOtherBlessedModel
from data.errors import GateError
from data.windows import WindowSpec
from lineage.node_ids import NodeId
from payloads.data_judgement import DataJudgement
from payloads.evaluation import Evaluation, Slice
from payloads.judgements import EdgeJudgement, ServingJudgement, SessionJudgement
from payloads.sequences import SequenceRow, write_sequences
from payloads.verdict import check_threshold
from serving_targets.contract import make_contract, with_contract

FAILURE_FILE = "TINY_FAILURE_FILE"
"""Environment variable with the path of a file that says which node fails and how: `NODE fail|reject|kill`."""
LABELS = ["bow", "lift"]
CONTRACT = {
    "name": "tiny",
    "labels": LABELS,
    "layout": "coco17",
    "channels": 3,
    "window": WindowSpec(length=24, stride=8, fps=30.0),
    "normalisation": "0" * 12,
    "schema_digest": "0" * 64,
}


def graph(*, span, rows, seed, quality):
    """Return the nodes of the graph; the arguments are parameters of its nodes."""
    schema = _node("ImportSchemaGen", Importing, {}, {"schema": Schema}, text="the schema")
    reader = _node("Reader", Reading, {}, {"examples": Examples}, span=str(span), rows=json.dumps(rows))
    examples = reader.outputs["examples"]
    gate = _node("DataGate", Judging, {"examples": examples}, {"blessing": DataBlessing})
    transform = _node(
        "Transform",
        Transforming,
        {"examples": examples, "schema": schema.outputs["schema"]},
        {"transformed_examples": Examples},
    )
    transform.add_upstream_node(gate)
    trainer = _node(
        "Trainer",
        Training,
        {"examples": transform.outputs["transformed_examples"]},
        {"model": Model},
        custom_config=json.dumps({"seed": seed, "optimiser": {"rate": 0.1}}),
    )
    model = trainer.outputs["model"]
    baseline = Resolver(
        strategy_class=LastOtherBlessedModel,
        candidate=model,
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
    ).with_id("LatestBlessedModel")
    evaluator = _node(
        "Evaluator",
        Evaluating,
        {"examples": examples, "model": model, "baseline_model": baseline.outputs["model"]},
        {"blessing": ModelBlessing, "evaluation": ModelEvaluation},
        quality=str(quality),
    )
    converter = _node("EdgeConverter", Converting, {"model": model}, {"edge_model": EdgeModel})
    validator = _node(
        "ModelValidator", Validating, {"edge_model": converter.outputs["edge_model"]}, {"blessing": EdgeBlessing}
    )
    smoke = _node("ServingSmoke", Serving, {"edge_model": converter.outputs["edge_model"]}, {"blessing": InfraBlessing})
    builder = _node("ReferenceBuilder", Referring, {"examples": examples}, {"references": ReferencesArtifact})
    builder.add_upstream_node(gate)
    calibrator = _node(
        "CoachCalibrator",
        Calibrating,
        {"edge_model": converter.outputs["edge_model"], "examples": examples},
        {"settings": CoachSettingsArtifact},
    )
    coaching = _node(
        "SessionEvaluator",
        Coaching,
        {
            "edge_model": converter.outputs["edge_model"],
            "references": builder.outputs["references"],
            "settings": calibrator.outputs["settings"],
        },
        {"blessing": SessionBlessing},
    )
    pusher = Pusher(
        model=model,
        edge_model=converter.outputs["edge_model"],
        references=builder.outputs["references"],
        settings=calibrator.outputs["settings"],
        blessings={
            NodeId.EVALUATOR: evaluator.outputs["blessing"],
            NodeId.MODEL_VALIDATOR: validator.outputs["blessing"],
            NodeId.SERVING_SMOKE: smoke.outputs["blessing"],
            NodeId.SESSION_EVALUATOR: coaching.outputs["blessing"],
        },
        manifest_facts={"gates": {}},
    )
    training = [schema, reader, gate, transform, trainer, baseline, evaluator, converter, validator, smoke]
    return [*training, builder, calibrator, coaching, pusher]


def _node(name, executor, inputs, outputs, **parameters):
    spec = type(
        f"{name}Spec",
        (ComponentSpec,),
        {
            "PARAMETERS": {key: ExecutionParameter(type=str) for key in parameters},
            "INPUTS": {
                key: ChannelParameter(type=channel.type, optional=key == "baseline_model")
                for key, channel in inputs.items()
            },
            "OUTPUTS": {key: ChannelParameter(type=kind) for key, kind in outputs.items()},
        },
    )
    kind = type(name, (BaseComponent,), {"SPEC_CLASS": spec, "EXECUTOR_SPEC": ExecutorClassSpec(executor)})
    made = {key: Channel(type=kind_) for key, kind_ in outputs.items()}
    return kind(spec(**inputs, **parameters, **made)).with_id(name)


def _fail_if_asked(node):
    """Fail or die if a file names this node; the file is removed first, so that the next attempt succeeds."""
    file = Path(os.environ[FAILURE_FILE])
    if not file.exists() or file.read_text().split()[0] != node:
        return
    how = file.read_text().split()[1]
    file.unlink()
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "reject":
        raise GateError("the data is not fit", "somewhere", "fix it")
    raise ValueError(f"{node} was made to fail")


def _folder(output_dict, key):
    folder = Path(artifact_utils.get_single_uri(output_dict[key]))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _content(input_dict, key):
    folder = Path(artifact_utils.get_single_uri(input_dict[key]))
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


class Importing(BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):
        (_folder(output_dict, "schema") / "schema.pbtxt").write_text(exec_properties["text"])


class Reading(BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):
        _fail_if_asked("Reader")
        folder = _folder(output_dict, "examples")
        rows = json.loads(exec_properties["rows"])
        write_sequences(folder, [SequenceRow(name, subject, "bow", split, windows=3) for name, subject, split in rows])
        [examples] = output_dict["examples"]
        examples.split_names = artifact_utils.encode_split_names(["train", "eval", "test"])
        examples.span = int(exec_properties["span"])


class Judging(BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):
        _fail_if_asked("DataGate")
        DataJudgement().write(_folder(output_dict, "blessing"))
        output_dict["blessing"][0].set_int_custom_property("blessed", 1)


class Transforming(BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):
        content = _content(input_dict, "examples")
        (_folder(output_dict, "transformed_examples") / "windows").write_bytes(hashlib.sha256(content).digest())
        output_dict["transformed_examples"][0].split_names = artifact_utils.encode_split_names(["train", "eval"])


class Training(BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):
        _fail_if_asked("Trainer")
        folder = _folder(output_dict, "model") / "Format-Serving"
        (folder / "variables").mkdir(parents=True)
        seed = json.loads(exec_properties["custom_config"])["seed"]
        weights = hashlib.sha256(_content(input_dict, "examples") + str(seed).encode()).digest() * 100
        (folder / "saved_model.pb").write_bytes(b"graph " + weights[:64])
        (folder / "variables" / "variables.data-00000-of-00001").write_bytes(weights)


class Evaluating(BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):
        _fail_if_asked("Evaluator")
        accuracy = float(exec_properties["quality"])
        passed = accuracy >= 0.5
        verdict = check_threshold("evaluator accuracy", accuracy, 0.5, "min", "share")
        slices = [Slice(metrics={"accuracy": accuracy})]
        slices += [Slice(slice={"label": label}, metrics={"accuracy": accuracy}) for label in LABELS]
        evaluation = Evaluation(slices=tuple(slices), verdicts=(verdict,), blessed=passed)
        evaluation.write(_folder(output_dict, "evaluation"))
        [blessing] = output_dict["blessing"]
        (_folder(output_dict, "blessing") / ("BLESSED" if passed else "NOT_BLESSED")).write_text("")
        blessing.set_int_custom_property("blessed", int(passed))
        blessing.set_int_custom_property("current_model_id", input_dict["model"][0].id)


class Converting(BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):
        folder = _folder(output_dict, "edge_model")
        content = _content(input_dict, "model")
        contract = make_contract(**CONTRACT, saved_model_digest=hashlib.sha256(content).hexdigest())
        (folder / "model_float.tflite").write_bytes(with_contract(b"float" + content, contract))
        (folder / "model_int8.tflite").write_bytes(with_contract(b"int8" + content[::4], contract))


class Validating(BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):
        size = len(_content(input_dict, "edge_model"))
        verdict = check_threshold("max_bytes", size, 1e6, "max", "bytes")
        EdgeJudgement(verdicts=(verdict,), accuracy={"int8_sequence": 0.75}).write(_folder(output_dict, "blessing"))
        output_dict["blessing"][0].set_int_custom_property("blessed", 1)


class Serving(BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):
        verdict = check_threshold("max_latency_p95_ms", 0.1, 0.3, "max", "ms")
        ServingJudgement(verdicts=(verdict,), latency_ms={"p95": 0.1}).write(_folder(output_dict, "blessing"))
        output_dict["blessing"][0].set_int_custom_property("blessed", 1)


class Referring(BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):
        text = json.dumps({"movements": hashlib.sha256(_content(input_dict, "examples")).hexdigest()})
        (_folder(output_dict, "references") / "references.json").write_text(text)


class Calibrating(BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):
        (_folder(output_dict, "settings") / "coach.json").write_text('{"schema_version": 1}')


class Coaching(BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):
        judged = check_threshold("min_count_exact", 1.0, 0.5, "min", "share")
        open_ = check_threshold("min_edit", None, 0.5, "min", "share", "there is no session", lacks_data=True)
        SessionJudgement(verdicts=(judged, open_), figures={"count_exact": 1.0}).write(_folder(output_dict, "blessing"))
        output_dict["blessing"][0].set_int_custom_property("blessed", 1)
