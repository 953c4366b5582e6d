"""Executor of ModelValidator."""

from __future__ import annotations

from typing import Any

from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types.artifact import Artifact

from components.artifacts.folders import artifact_folder, only_artifact
from components.artifacts.judging import parse_thresholds, write_blessing
from components.model_validator.judge import judge
from payloads.sequences import count_people, read_sequences
from schema.gates import ModelValidatorThresholds


class Executor(BaseExecutor):
    """TFX executor that judges an EdgeModel and blesses it or not."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Judge the files and write the blessing."""
        blessing = only_artifact(output_dict, "blessing")
        judgement = judge(
            artifact_folder(input_dict, "edge_model"),
            parse_thresholds(ModelValidatorThresholds, exec_properties["thresholds"], "model_validator"),
            exec_properties["holds_for"],
            count_people(read_sequences(artifact_folder(input_dict, "examples")), "test"),
        )
        write_blessing(blessing, judgement)
