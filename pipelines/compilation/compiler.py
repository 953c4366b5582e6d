"""Compiles the graph to TFX's IR, in a child that has TFX's components at hand."""

from __future__ import annotations

import json
from pathlib import Path

from pipelines.compilation.plan import Plan
from pipelines.config import PipelineConfig
from pipelines.processes.executor_main import write_error


def compile_to(config_json: str, pipeline_root: str, plan_file: str) -> None:
    """Compiles a configuration and saves the plan, or leaves a description of the failure beside it.

    Args:
        config_json: a PipelineConfig.
        pipeline_root: folder of the artifacts' payloads.
        plan_file: where the plan goes.
    """
    try:
        from tfx.dsl.compiler.compiler import Compiler

        from pipelines.graph import create_pipeline

        config = PipelineConfig.model_validate(json.loads(config_json))
        ir = Compiler().compile(create_pipeline(config, Path(pipeline_root)))
        Plan(config, ir).save(Path(plan_file))
    except Exception as error:
        write_error(error, Path(plan_file))
        raise
