"""Compiles a configuration into a plan, in a child process that may import TFX's components."""

from __future__ import annotations

import json
from pathlib import Path

from pipelines.compilation.plan import Plan
from pipelines.config import PipelineConfig
from pipelines.processes.executor_main import write_error


def compile_to(config_json: str, pipeline_root: str, plan_file: str) -> None:
    """Compile a configuration and write the plan, or write the failure to `<plan_file>.error`.

    Args:
        config_json: a PipelineConfig as JSON.
        pipeline_root: folder of the artifacts' payloads.
        plan_file: path of the plan.
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
