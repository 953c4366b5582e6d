"""Compiles a configuration into a plan, in a child process that may import TFX's components."""

from __future__ import annotations

import json
from pathlib import Path

from pipelines.compilation.plan import Plan
from pipelines.config import PipelineConfig


def compile_to(config_json: str, plan_file: str) -> None:
    """Compile a configuration and write the plan.

    Args:
        config_json: a PipelineConfig as JSON.
        plan_file: path of the plan.
    """
    from tfx.dsl.compiler.compiler import Compiler

    from pipelines.graph import create_pipeline

    config = PipelineConfig.model_validate(json.loads(config_json))
    ir = Compiler().compile(create_pipeline(config))
    Plan(config, ir).save(Path(plan_file))
