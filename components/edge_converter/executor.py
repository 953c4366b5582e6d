"""Executor of EdgeConverter."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
from pathlib import Path
from typing import Any

from absl import logging
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types.artifact import Artifact

from components.artifacts.folders import artifact_folder, saved_model_folder, schema_file
from components.edge_converter.job import ConversionJob, run_job


class Executor(BaseExecutor):
    """TFX executor that creates a conversion job from artifacts and runs it."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Convert the model in a child process."""
        job = ConversionJob(
            saved_model=str(saved_model_folder(artifact_folder(input_dict, "model"))),
            examples=str(artifact_folder(input_dict, "examples")),
            schema=str(schema_file(artifact_folder(input_dict, "schema"))),
            output=str(artifact_folder(output_dict, "edge_model")),
            representative_windows=exec_properties["representative_windows"],
            golden_windows=exec_properties["golden_windows"],
            evaluation_windows=exec_properties["evaluation_windows"],
            seed=exec_properties["seed"],
            core_scope=exec_properties["core_scope"],
            float16=exec_properties["float16"],
            dynamic_range=exec_properties["dynamic_range"],
            facts=json.loads(exec_properties["facts"]),
        )
        # A process that executors are run in has imported TensorFlow and done nothing with it; any other may have.
        fork = multiprocessing.parent_process() is not None
        if fork:
            # This import lets the executor start from the server that has imported it (`Plan.is_heavy`).
            import tensorflow  # noqa: F401
        with tempfile.TemporaryDirectory(prefix="poseline-convert-") as scratch:
            run_job(job, exec_properties["time_limit_seconds"], Path(scratch), fork=fork)
        for path in sorted(path for path in Path(job.output).rglob("*") if path.is_file()):
            logging.info("wrote %s, %d bytes", path.name, path.stat().st_size)
