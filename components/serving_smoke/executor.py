"""TFX's side of ServingSmoke."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact

from components.artifacts.blessings import parse_thresholds, write_blessing
from components.serving_smoke.judge import judge
from schema.gates import ServingSmokeThresholds

_MARKS = {True: "INFRA_BLESSED", False: "INFRA_NOT_BLESSED"}  # as TFX's InfraValidator names them


class Executor(BaseExecutor):
    """Serves a model and writes down the verdicts."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See BaseExecutor."""
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        judgement = judge(
            Path(artifact_utils.get_single_uri(input_dict["model"])) / "Format-Serving",
            Path(artifact_utils.get_single_uri(input_dict["edge_model"])),
            Path(artifact_utils.get_single_uri(input_dict["examples"])) / "Split-test",
            parse_thresholds(ServingSmokeThresholds, exec_properties["thresholds"], "serving_smoke"),
        )
        write_blessing(blessing, judgement)
        (Path(blessing.uri) / _MARKS[judgement.passed]).touch()
