"""Executor of CoachCalibrator."""

from __future__ import annotations

from typing import Any

from absl import logging
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types.artifact import Artifact

from components.artifacts.folders import artifact_folder
from components.coach_calibrator.calibrate import calibrate
from data.files import write_atomically
from serving_targets.coach.settings import SETTINGS
from serving_targets.manifest import INT8_MODEL


class Executor(BaseExecutor):
    """TFX executor that chooses the coach's settings."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Choose the settings, and record how they were chosen."""
        folder = artifact_folder(output_dict, "settings")
        settings, record = calibrate(
            artifact_folder(input_dict, "edge_model") / INT8_MODEL,
            artifact_folder(input_dict, "examples"),
            exec_properties["seconds"],
        )
        for name, why in record.reasons.items():
            logging.info("%s is not calibrated: %s", name, why)
        write_atomically(folder / SETTINGS, settings.model_dump_json(indent=1) + "\n")
        record.write(folder)
