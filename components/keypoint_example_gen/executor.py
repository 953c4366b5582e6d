"""Adapter between TFX and the Beam pipeline of KeypointExampleGen."""

import json
from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import Artifact, artifact_utils

from components.keypoint_example_gen.beam import Plan, build
from components.keypoint_example_gen.sorted_runs import remove_runs
from data.errors import InputError
from data.splits import SplitPolicy, assign_splits
from data.store import content_digest, read_index, row_groups, span_folder
from data.windows import WindowSpec

# Names and values that tfx.components.util.examples_utils reads; importing it would import every TFX component.
_PAYLOAD_FORMAT = ("payload_format", "FORMAT_TF_EXAMPLE")
_FILE_FORMAT = ("file_format", "tfrecords_gzip")


class Executor(BaseBeamExecutor):
    """Runs KeypointExampleGen; see the component."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Read the span, write the examples.

        Raises:
            InputError: if the span is not the one that the digest was taken of, has another layout, or cannot be
                divided into the splits that the policy promises.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        span_dir = span_folder(Path(exec_properties["data_folder"]), exec_properties["span"])
        _check_digest(span_dir, exec_properties["span_digest"])
        policy = SplitPolicy.model_validate_json(exec_properties["split"])
        plan = Plan(
            layout=exec_properties["layout"],
            labels=tuple(json.loads(exec_properties["labels"])),
            windows=WindowSpec.model_validate_json(exec_properties["windows"]),
            splits=_assign(span_dir, exec_properties["layout"], policy),
            allow_subject_overlap=policy.allow_subject_overlap,
            num_shards=exec_properties["num_shards"],
            folder=Path(examples.uri),
        )
        with self._make_beam_pipeline() as pipeline:
            build(pipeline, row_groups(span_dir), plan)
        remove_runs(plan.folder)
        examples.split_names = artifact_utils.encode_split_names(list(policy.split_names()))
        examples.span = exec_properties["span"]
        for name, value in (_PAYLOAD_FORMAT, _FILE_FORMAT):
            examples.set_string_custom_property(name, value)


def _check_digest(span_dir: Path, expected: str) -> None:
    if expected and content_digest(span_dir) != expected:
        raise InputError(
            "the span changed while the pipeline was running", str(span_dir), "leave spans as they are and run again"
        )


def _assign(span_dir: Path, layout: str, policy: SplitPolicy) -> dict[str, str]:
    index = read_index(span_dir)
    if other := next((key for key in index if key.layout != layout), None):
        raise InputError(
            f"the layout is {other.layout}, not {layout}",
            f"{span_dir}, sequence {other.sequence_id!r}",
            "choose a configuration for this layout, or import data of the other",
        )
    return assign_splits(index, policy)
