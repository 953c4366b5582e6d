"""Executor of SessionEvaluator."""

from __future__ import annotations

from typing import Any

from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types.artifact import Artifact

from components.artifacts.folders import artifact_folder, only_artifact
from components.artifacts.judging import parse_thresholds, write_blessing
from components.session_evaluator.judge import judge
from schema.gates import SessionEvaluatorThresholds
from serving_targets.manifest import INT8_MODEL


class Executor(BaseExecutor):
    """TFX executor that judges a coach and blesses it or not."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Judge the coach and write the blessing."""
        judgement = judge(
            artifact_folder(input_dict, "edge_model") / INT8_MODEL,
            artifact_folder(input_dict, "references"),
            artifact_folder(input_dict, "settings"),
            artifact_folder(input_dict, "examples"),
            parse_thresholds(SessionEvaluatorThresholds, exec_properties["thresholds"], "session_evaluator"),
            good_quality=exec_properties["good_quality"],
            seconds=exec_properties["seconds"],
        )
        write_blessing(only_artifact(output_dict, "blessing"), judgement)
