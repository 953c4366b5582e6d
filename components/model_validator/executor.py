"""TFX's side of ModelValidator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact

from components.artifacts.blessings import parse_thresholds, write_blessing
from components.model_validator.judge import judge
from schema.gates import ModelValidatorThresholds


class Executor(BaseExecutor):
    """Judges an EdgeModel and writes down the verdicts."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See BaseExecutor."""
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        judgement = judge(
            Path(artifact_utils.get_single_uri(input_dict["edge_model"])),
            parse_thresholds(ModelValidatorThresholds, exec_properties["thresholds"], "model_validator"),
        )
        write_blessing(blessing, judgement)
