"""Compiles the graph to TFX's IR. Heavy: run in a warm child."""

from __future__ import annotations

import json
from pathlib import Path

from pipelines.config import PipelineConfig
from pipelines.graph import create_pipeline
from pipelines.plan import Plan
from tfx.dsl.compiler.compiler import Compiler


def compile_to(config_json: str, pipeline_root: str, plan_file: str) -> None:
    """Compiles a configuration and saves the plan, or an `.error` file that says why not."""
    from pipelines.executor_process import write_error

    try:
        config = PipelineConfig.model_validate(json.loads(config_json))
        ir = Compiler().compile(create_pipeline(config, Path(pipeline_root)))
        Plan(config, ir).save(Path(plan_file))
    except Exception as error:
        write_error(error, Path(plan_file))
        raise
