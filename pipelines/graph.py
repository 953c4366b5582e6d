"""The graph: every node from canonical keypoints to a pushed bundle, and how they are connected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tfx.components import StatisticsGen, Trainer, Transform
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import trainer_pb2, transform_pb2
from tfx.types import BaseChannel, Channel
from tfx.types.standard_artifacts import ExampleStatistics, Model, ModelBlessing

from components.coach_calibrator.component import CoachCalibrator
from components.data_gate.component import DataGate
from components.edge_converter.component import EdgeConverter
from components.evaluator.component import Evaluator
from components.example_validator.component import ExampleValidator
from components.keypoint_example_gen.component import KeypointExampleGen
from components.model_validator.component import ModelValidator
from components.pusher.component import Pusher
from components.reference_builder.component import ReferenceBuilder
from components.resolvers.last_blessed_before import LastBlessedBefore
from components.resolvers.last_other_blessed import LastOtherBlessedModel, LastOtherBlessedStatistics
from components.serving_smoke.component import ServingSmoke
from components.session_evaluator.component import SessionEvaluator
from data.windows import WindowSpec
from lineage.node_ids import NodeId
from lineage.nodes import GATES, MODEL_GATES
from payloads.claims import HoldsFor
from pipelines.config import PipelineConfig
from pipelines.evaluation import eval_config
from pipelines.processes.executor_main import SETUP_FILE
from schema.gates import GatesConfig
from schema.window_contract import WindowContract, read_window_contract

PREPROCESSING_FN = "transform_module.preprocessing.preprocessing_fn"
RUN_FN = "trainer_module.run.run_fn"

_HOLDS_FOR: dict[str, HoldsFor] = {
    "people": "other people",
    "recordings": "the same people",
    "parts": "the same recordings",
}


@dataclass(frozen=True)
class _Settings:
    """The settings that several groups of nodes need.

    Attributes:
        config: configuration of the pipeline.
        contract: window shape and labels of the curated schema.
        gates: thresholds of all gates.
    """

    config: PipelineConfig
    contract: WindowContract
    gates: GatesConfig

    @property
    def window(self) -> WindowSpec:
        """The settings by which sequences are cut into windows."""
        return WindowSpec(length=self.contract.length, **self.config.windows.model_dump())

    @property
    def has_eval(self) -> bool:
        """Whether there is an eval split."""
        return "eval" in self.config.split.split_names()

    @property
    def facts(self) -> dict[str, Any]:
        """Facts about windows and preprocessing for Transform, Trainer and EdgeConverter, as values for JSON."""
        return {
            "layout": self.config.layout,
            "channels": self.contract.channels,
            "labels": list(self.contract.labels),
            "window": self.window.model_dump(),
            "transform": self.config.transform.model_dump(),
        }


@dataclass(frozen=True)
class _Data:
    """The outputs of the first group that other groups need.

    Attributes:
        examples: windows of every split.
        schema: curated schema.
        gate: node that must pass before the data are used.
    """

    examples: BaseChannel
    schema: BaseChannel
    gate: BaseNode


@dataclass(frozen=True)
class _Judged:
    """What is shipped if the gates accept it.

    Attributes:
        edge_model: TFLite files.
        references: references of the coach.
        settings: settings of the coach.
        blessings: gate to its blessing.
    """

    edge_model: BaseChannel
    references: BaseChannel
    settings: BaseChannel
    blessings: dict[NodeId, BaseChannel]


def create_pipeline(config: PipelineConfig) -> Pipeline:
    """Build the graph that a configuration describes; nothing is run.

    Raises:
        InputError: if the schema or the gates file is not valid.
    """
    settings = _Settings(config, read_window_contract(config.schema_file), config.read_gates())
    data, guarding = _ingest_and_guard(settings)
    model, training = _train(settings, data)
    judged, gating = _gates(settings, data, model, trainer=training[-1])
    pusher = _ship(settings, model, judged)
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root="",  # filled in at launch, so that the root can be moved
        components=[*guarding, *training, *gating, pusher],
        enable_cache=True,
        beam_pipeline_args=_beam_args(config),
    )


def _beam_args(config: PipelineConfig) -> list[str]:
    """Return the arguments of every Beam pipeline.

    If no dependency option is given, TFX builds a source archive before each Beam executor, which takes 2 s.
    """
    options = ("--setup_file", "--extra_package", "--requirements_file")
    if any(arg.startswith(options) for arg in config.runner.beam_args):
        return list(config.runner.beam_args)
    return [*config.runner.beam_args, SETUP_FILE]


def _ingest_and_guard(settings: _Settings) -> tuple[_Data, Sequence[BaseNode]]:
    """Return the nodes that read a span and decide whether it may be used."""
    config = settings.config
    example_gen = KeypointExampleGen(
        layout=config.layout,
        windows=settings.window,
        split=config.split,
        labels=settings.contract.labels,
        num_shards=config.shards,
    )
    examples = example_gen.outputs["examples"]
    statistics = StatisticsGen(examples=examples)
    imported_schema = ImportSchemaGen(schema_file=config.schema_file.name)  # its folder is filled in at launch
    schema = imported_schema.outputs["schema"]
    last_blessed = Resolver(
        strategy_class=LastOtherBlessedStatistics,
        candidate=statistics.outputs["statistics"],
        baseline=Channel(type=ExampleStatistics),
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
    ).with_id(NodeId.LAST_BLESSED_STATISTICS.value)
    validator = ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema, baseline=last_blessed.outputs["baseline"]
    )
    policy = settings.gates.data_gate
    gate = DataGate(
        anomalies=validator.outputs["anomalies"],
        statistics=statistics.outputs["statistics"],
        baseline=last_blessed.outputs["baseline"],
        examples=examples,
        policy=policy.only_warning() if "data_gate" in config.only_warn else policy,
    )
    nodes = (example_gen, statistics, imported_schema, last_blessed, validator, gate)
    return _Data(examples, schema, gate), nodes


def _train(settings: _Settings, data: _Data) -> tuple[BaseChannel, Sequence[BaseNode]]:
    """Return the model and the nodes that preprocess and train."""
    config = settings.config
    transform = Transform(
        examples=data.examples,
        schema=data.schema,
        preprocessing_fn=PREPROCESSING_FN,
        splits_config=transform_pb2.SplitsConfig(
            analyze=["train"], transform=["train", "eval"] if settings.has_eval else ["train"]
        ),
        custom_config=settings.facts,
        disable_statistics=True,
    )
    transform.add_upstream_node(data.gate)
    warm_start = _warm_start(data) if config.training.warm_start else None
    trainer = Trainer(
        run_fn=RUN_FN,
        base_model=warm_start.outputs["model"] if warm_start else None,
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=data.schema,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["eval" if settings.has_eval else "train"]),
        custom_config={
            **settings.facts,
            "has_eval": settings.has_eval,
            "model": config.model.model_dump(),
            "training": config.training.model_dump(),
        },
    )
    nodes = (transform, warm_start, trainer) if warm_start else (transform, trainer)
    return trainer.outputs["model"], nodes


def _warm_start(data: _Data) -> BaseNode:
    return Resolver(
        strategy_class=LastBlessedBefore,
        examples=data.examples,
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
    ).with_id(NodeId.WARM_START_MODEL.value)


def _gates(
    settings: _Settings, data: _Data, model: BaseChannel, trainer: BaseNode
) -> tuple[_Judged, Sequence[BaseNode]]:
    """Return what is shipped, the blessing of each gate, and the nodes that convert and judge."""
    config, gates = settings.config, settings.gates
    baseline = Resolver(
        strategy_class=LastOtherBlessedModel,
        candidate=model,
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
    ).with_id(NodeId.LATEST_BLESSED_MODEL.value)
    evaluator = Evaluator(
        examples=data.examples,
        model=model,
        baseline_model=baseline.outputs["model"],
        example_splits=["test"],
        eval_config=eval_config(config.evaluation, gates.evaluator),
        schema=data.schema,
    )
    converter = EdgeConverter(
        model=model,
        examples=data.examples,
        schema=data.schema,
        facts={**settings.facts, "name": config.name},
        **config.edge.model_dump(),
    )
    edge_model = converter.outputs["edge_model"]
    model_validator = ModelValidator(
        edge_model=edge_model,
        examples=data.examples,
        thresholds=gates.model_validator,
        holds_for=_HOLDS_FOR[config.split.tested_on],
    )
    smoke = ServingSmoke(model=model, edge_model=edge_model, examples=data.examples, thresholds=gates.serving_smoke)
    blessings = {
        NodeId.EVALUATOR: evaluator.outputs["blessing"],
        NodeId.MODEL_VALIDATOR: model_validator.outputs["blessing"],
        NodeId.SERVING_SMOKE: smoke.outputs["blessing"],
    }
    judged, coaching = _coach(settings, data, edge_model, blessings, trainer)
    return judged, (baseline, evaluator, converter, model_validator, smoke, *coaching)


def _coach(
    settings: _Settings,
    data: _Data,
    edge_model: BaseChannel,
    blessings: dict[NodeId, BaseChannel],
    trainer: BaseNode,
) -> tuple[_Judged, Sequence[BaseNode]]:
    """Return what is shipped, the coach included, and the nodes that make and judge the coach."""
    config = settings.config
    builder = ReferenceBuilder(data.examples, settings.contract.labels, config.coach.good_quality)
    # References are made of the data alone. If they did not wait, `--until Transform` would leave them out, and
    # `--from Trainer` would look for them in an earlier run.
    builder.add_upstream_node(trainer)
    calibrator = CoachCalibrator(edge_model, data.examples, config.coach.calibrated_seconds)
    references, coach_settings = builder.outputs["references"], calibrator.outputs["settings"]
    session_evaluator = SessionEvaluator(
        edge_model=edge_model,
        references=references,
        settings=coach_settings,
        examples=data.examples,
        thresholds=settings.gates.session_evaluator,
        good_quality=config.coach.good_quality,
        seconds=config.coach.judged_seconds,
    )
    judged = _Judged(
        edge_model,
        references,
        coach_settings,
        {**blessings, NodeId.SESSION_EVALUATOR: session_evaluator.outputs["blessing"]},
    )
    return judged, (builder, calibrator, session_evaluator)


def _ship(settings: _Settings, model: BaseChannel, judged: _Judged) -> BaseNode:
    """Return the node that publishes; its targets are filled in when it is launched."""
    config = settings.config
    return Pusher(
        model=model,
        edge_model=judged.edge_model,
        references=judged.references,
        settings=judged.settings,
        blessings=judged.blessings,
        manifest_facts={"gates": settings.gates.model_dump(), "transform": config.transform.model_dump()},
        only_warn=[node for gate, node in GATES.items() if node in MODEL_GATES and gate in config.only_warn],
    )
