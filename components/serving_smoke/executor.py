"""Executor of ServingSmoke."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types.artifact import Artifact

from components.artifacts.folders import artifact_folder, only_artifact, saved_model_folder, split_folder
from components.artifacts.judging import parse_thresholds, write_blessing
from components.serving_smoke.judge import judge
from schema.gates import ServingSmokeThresholds

_MARKER_FILES = {True: "INFRA_BLESSED", False: "INFRA_NOT_BLESSED"}  # the names that TFX's InfraValidator uses


class Executor(BaseExecutor):
    """TFX executor that serves every format of a model and blesses the model or not."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Serve the formats and write the blessing."""
        blessing = only_artifact(output_dict, "blessing")
        judgement = judge(
            saved_model_folder(artifact_folder(input_dict, "model")),
            artifact_folder(input_dict, "edge_model"),
            split_folder(artifact_folder(input_dict, "examples"), "test"),
            parse_thresholds(ServingSmokeThresholds, exec_properties["thresholds"], "serving_smoke"),
        )
        write_blessing(blessing, judgement)
        (Path(blessing.uri) / _MARKER_FILES[judgement.passed]).touch()
