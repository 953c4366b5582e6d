"""Executor of ReferenceBuilder."""

from __future__ import annotations

import json
from typing import Any

from absl import logging
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types.artifact import Artifact

from components.artifacts.folders import artifact_folder
from components.reference_builder.build import build
from data.files import write_atomically
from data.text import harmless
from payloads.coach_record import ReferenceRecord
from payloads.recordings import read_recordings
from serving_targets.coach.settings import REFERENCES


class Executor(BaseExecutor):
    """TFX executor that makes references from the training split."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Make the references, and a record of what they were made of."""
        folder = artifact_folder(output_dict, "references")
        built = build(
            read_recordings(artifact_folder(input_dict, "examples"), "train"),
            json.loads(exec_properties["labels"]),
            exec_properties["good_quality"],
        )
        for label, why in built.left_out.items():
            logging.info("no reference of %s: %s", harmless(label), why)
        write_atomically(folder / REFERENCES, built.text)
        ReferenceRecord(movements=built.movements, left_out=built.left_out, bytes=len(built.text)).write(folder)
