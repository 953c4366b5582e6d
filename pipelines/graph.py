"""The one graph. Everything that Poseline does to keypoints on their way to a phone is wired up here."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tfx.components import StatisticsGen, Trainer, Transform
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import trainer_pb2, transform_pb2
from tfx.types import Channel
from tfx.types.standard_artifacts import ExampleStatistics, Model, ModelBlessing

import schema as schemas
from components.data_gate.component import DataGate
from components.edge_converter.component import EdgeConverter
from components.evaluator.component import Evaluator
from components.example_validator.component import ExampleValidator
from components.keypoint_example_gen.component import KeypointExampleGen
from components.model_validator.component import ModelValidator
from components.pusher.component import Pusher
from components.resolvers.last_blessed_before import LastBlessedBefore
from components.resolvers.last_other_blessed import LastOtherBlessedModel, LastOtherBlessedStatistics
from components.serving_smoke.component import ServingSmoke
from data.project import PROJECT_ROOT
from data.windows import WindowSpec
from pipelines.config import PipelineConfig
from pipelines.evaluation import eval_config

PREPROCESSING_FN = "transform_module.preprocessing.preprocessing_fn"
RUN_FN = "trainer_module.run.run_fn"
_MODEL_GATES = {"evaluator": "Evaluator", "model_validator": "ModelValidator", "serving_smoke": "ServingSmoke"}


def create_pipeline(config: PipelineConfig, pipeline_root: Path) -> Pipeline:
    """Builds the graph that a configuration describes; nothing is run."""
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=str(pipeline_root),
        components=list(_nodes(config)),
        enable_cache=True,
        beam_pipeline_args=_beam_args(config),
    )


def _beam_args(config: PipelineConfig) -> list[str]:
    """Without a word on dependencies TFX packs itself into an archive before each Beam executor, for 2 s each."""
    told = any(
        arg.startswith(("--setup_file", "--extra_package", "--requirements_file")) for arg in config.runner.beam_args
    )
    return [*config.runner.beam_args, *([] if told else [f"--setup_file={PROJECT_ROOT / 'setup.py'}"])]


def _nodes(config: PipelineConfig) -> Iterable[BaseNode]:
    contract = schemas.read_window_contract(config.schema_file)
    gates = schemas.read_gates(config.gates_file, config.gates)
    window = WindowSpec(length=contract.length, **config.windows.model_dump())
    has_eval = "eval" in config.split.split_names()

    example_gen = KeypointExampleGen(
        layout=config.layout,
        windows=window.model_dump_json(),
        split=config.split.model_dump_json(),
        labels=json.dumps(contract.labels),
        num_shards=config.shards,
    )
    examples = example_gen.outputs["examples"]
    statistics = StatisticsGen(examples=examples)
    imported_schema = ImportSchemaGen(schema_file=str(config.schema_file))
    schema = imported_schema.outputs["schema"]
    other_span = Resolver(
        strategy_class=LastOtherBlessedStatistics,
        candidate=statistics.outputs["statistics"],
        baseline=Channel(type=ExampleStatistics),
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
    ).with_id("LastBlessedStatistics")
    validator = ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema, baseline=other_span.outputs["baseline"]
    )
    gate = DataGate(
        anomalies=validator.outputs["anomalies"],
        statistics=statistics.outputs["statistics"],
        baseline=other_span.outputs["baseline"],
        examples=examples,
        policy=json.dumps(_data_policy(config, gates["data_gate"])),
    )
    common = {
        "layout": config.layout,
        "channels": contract.channels,
        "labels": list(contract.labels),
        "window": window.model_dump(),
        "transform": config.transform.model_dump(),
    }
    transform = Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn=PREPROCESSING_FN,
        splits_config=_transform_splits(has_eval),
        custom_config=common,
        disable_statistics=True,
    )
    transform.add_upstream_node(gate)
    warm = []
    if config.training.warm_start:
        warm = [
            Resolver(
                strategy_class=LastBlessedBefore,
                examples=examples,
                model=Channel(type=Model),
                model_blessing=Channel(type=ModelBlessing),
            ).with_id("WarmStartModel")
        ]
    trainer = Trainer(
        run_fn=RUN_FN,
        base_model=warm[0].outputs["model"] if warm else None,
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["eval" if has_eval else "train"]),
        custom_config={
            **common,
            "has_eval": has_eval,
            "model": config.model.model_dump(),
            "training": config.training.model_dump(),
        },
    )
    model = trainer.outputs["model"]
    baseline = Resolver(
        strategy_class=LastOtherBlessedModel,
        candidate=model,
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
    ).with_id("LatestBlessedModel")
    evaluator = Evaluator(
        examples=examples,
        model=model,
        baseline_model=baseline.outputs["model"],
        example_splits=["test"],
        eval_config=eval_config(config.evaluation, gates["evaluator"]),
        schema=schema,
    )
    converter = EdgeConverter(
        model=model,
        examples=examples,
        schema=schema,
        facts=json.dumps({**common, "name": config.name}),
        **config.edge.model_dump(),
    )
    model_validator = ModelValidator(
        edge_model=converter.outputs["edge_model"], thresholds=json.dumps(gates["model_validator"])
    )
    smoke = ServingSmoke(
        model=model,
        edge_model=converter.outputs["edge_model"],
        examples=examples,
        thresholds=json.dumps(gates["serving_smoke"]),
    )
    pusher = Pusher(
        model=model,
        edge_model=converter.outputs["edge_model"],
        model_blessing=evaluator.outputs["blessing"],
        edge_blessing=model_validator.outputs["blessing"],
        infra_blessing=smoke.outputs["blessing"],
        manifest_facts=json.dumps({"gates": gates, "transform": common["transform"]}),
        only_warn=json.dumps([gate for name, gate in _MODEL_GATES.items() if name in config.only_warn]),
    )
    return [
        *(example_gen, statistics, imported_schema, other_span, validator, gate, transform, *warm, trainer),
        *(baseline, evaluator, converter, model_validator, smoke, pusher),
    ]


def _data_policy(config: PipelineConfig, policy: dict[str, Any]) -> dict[str, Any]:
    """The data gate's policy; where it may only warn, what would stop is told."""
    if "data_gate" not in config.only_warn:
        return policy
    known = {pattern: "warn" if verdict == "stop" else verdict for pattern, verdict in policy["anomalies"].items()}
    return policy | {"anomalies": known | {"*": "warn"}}


def _transform_splits(has_eval: bool) -> transform_pb2.SplitsConfig:
    return transform_pb2.SplitsConfig(analyze=["train"], transform=["train", "eval"] if has_eval else ["train"])
