"""Plain TFX pipeline that does the work of Poseline's graph with `tfx.v1`, LocalDagRunner and default settings.

benchmarks/pipeline.py starts it as a process of its own for each run. ImportExampleGen reads the TFRecords that
Poseline's KeypointExampleGen made, because TFX has no component that reads keypoint sequences. TFX has no DataGate,
EdgeConverter or ModelValidator either, so plain TFX does less work. Its TFLite rewriter is not used.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import tfx.v1 as tfx

from pipelines.compilation.plan import Plan
from pipelines.evaluation import eval_config

MODULE = """from {module} import {name}
"""


def build(plan: Plan, examples: Path, module_folder: Path, root: Path) -> tfx.dsl.Pipeline:
    """Build the plain pipeline with the settings of a Poseline plan.

    Args:
        plan: compiled graph of Poseline, whose configuration is taken over.
        examples: folder of the examples that KeypointExampleGen made.
        module_folder: folder of the module files that `write_modules` wrote.
        root: folder for everything that the pipeline writes.
    """
    config = plan.config
    has_eval = "eval" in config.split.split_names()
    splits = [tfx.proto.Input.Split(name=name, pattern=f"Split-{name}/*") for name in config.split.split_names()]
    example_gen = tfx.components.ImportExampleGen(input_base=str(examples), input_config=tfx.proto.Input(splits=splits))
    statistics = tfx.components.StatisticsGen(examples=example_gen.outputs["examples"])
    schema = tfx.components.ImportSchemaGen(schema_file=str(config.schema_file))
    validator = tfx.components.ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    transform = tfx.components.Transform(
        examples=example_gen.outputs["examples"],
        schema=schema.outputs["schema"],
        module_file=str(module_folder / "preprocessing_module.py"),
        splits_config=tfx.proto.SplitsConfig(analyze=["train"], transform=["train", "eval"] if has_eval else ["train"]),
        custom_config=_custom_config(plan, "Transform"),
    )
    trainer = tfx.components.Trainer(
        module_file=str(module_folder / "trainer_module_file.py"),
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema.outputs["schema"],
        train_args=tfx.proto.TrainArgs(splits=["train"]),
        eval_args=tfx.proto.EvalArgs(splits=["eval" if has_eval else "train"]),
        custom_config=_custom_config(plan, "Trainer"),
    )
    resolver, evaluator, pusher = _judge_and_push(plan, example_gen, schema, trainer, root)
    return tfx.dsl.Pipeline(
        pipeline_name=f"plain_{config.name}",
        pipeline_root=str(root / "artifacts"),
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(root / "metadata.sqlite")
        ),
        components=[
            *(example_gen, statistics, schema, validator, transform),
            *(trainer, resolver, evaluator, pusher),
        ],
        enable_cache=True,
    )


def _judge_and_push(plan: Plan, example_gen: Any, schema: Any, trainer: Any, root: Path) -> tuple[Any, Any, Any]:
    """Return the resolver of the last blessed model, the evaluator and the pusher."""
    resolver = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("latest_blessed_model")
    evaluator = tfx.components.Evaluator(
        examples=example_gen.outputs["examples"],
        model=trainer.outputs["model"],
        baseline_model=resolver.outputs["model"],
        example_splits=["test"],
        eval_config=eval_config(plan.config.evaluation, plan.config.read_gates().evaluator),
        schema=schema.outputs["schema"],
    )
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(root / "pushed"))
        ),
    )
    return resolver, evaluator, pusher


def _custom_config(plan: Plan, node: str) -> dict[str, object]:
    return json.loads(plan.nodes[node].parameters.parameters["custom_config"].field_value.string_value)


def write_modules(folder: Path, trainer: str) -> None:
    """Write the module files that plain TFX takes; an edit to one of them invalidates the cache of its node.

    Args:
        folder: folder of the files.
        trainer: module of the trainer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file, module, name in (
        ("preprocessing_module.py", "transform_module.preprocessing", "preprocessing_fn"),
        ("trainer_module_file.py", trainer, "run_fn"),
    ):
        path = folder / file
        if not path.exists():
            path.write_text(MODULE.format(module=module, name=name), encoding="utf-8")


def main() -> None:
    """Run the pipeline once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--examples", type=Path, required=True)
    parser.add_argument("--modules", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--trainer", required=True, metavar="MODULE", help="module of the trainer")
    arguments = parser.parse_args()
    arguments.root.mkdir(parents=True, exist_ok=True)
    write_modules(arguments.modules, arguments.trainer)
    pipeline = build(Plan.load(arguments.plan), arguments.examples, arguments.modules, arguments.root)
    tfx.orchestration.LocalDagRunner().run(pipeline)


if __name__ == "__main__":
    main()
