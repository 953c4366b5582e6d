"""Executor of KeypointExampleGen."""

import json
from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import Artifact, artifact_utils

from components.artifacts.folders import only_artifact
from components.keypoint_example_gen.beam import ExamplesJob, add_steps
from components.keypoint_example_gen.sorted_runs import remove_runs
from data.errors import InputError
from data.layouts import layout_label
from data.splits import SplitPolicy, assign_splits
from data.store import content_digest, read_index, row_groups, span_folder
from data.windows import WindowSpec

# Names and values that tfx.components.util.examples_utils reads; importing it would import all TFX components.
_PAYLOAD_FORMAT = ("payload_format", "FORMAT_TF_EXAMPLE")
_FILE_FORMAT = ("file_format", "tfrecords_gzip")


class Executor(BaseBeamExecutor):
    """TFX executor that reads a span and writes its windows as examples."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Read the span and write the examples.

        Raises:
            InputError: the content of the span has changed, its layout is not the expected one, or it cannot be divided
                into the splits of the policy.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = only_artifact(output_dict, "examples")
        span_dir = span_folder(Path(exec_properties["data_folder"]), exec_properties["span"])
        _check_digest(span_dir, exec_properties["span_digest"])
        policy = SplitPolicy.model_validate_json(exec_properties["split"])
        job = ExamplesJob(
            layout=exec_properties["layout"],
            labels=tuple(json.loads(exec_properties["labels"])),
            windows=WindowSpec.model_validate_json(exec_properties["windows"]),
            splits=_assign(span_dir, exec_properties["layout"], policy),
            policy=policy,
            num_shards=exec_properties["num_shards"],
            folder=Path(examples.uri),
        )
        with self._make_beam_pipeline() as pipeline:
            add_steps(pipeline, row_groups(span_dir), job)
        remove_runs(job.folder)
        examples.split_names = artifact_utils.encode_split_names(list(policy.split_names()))
        examples.span = exec_properties["span"]
        for name, value in (_PAYLOAD_FORMAT, _FILE_FORMAT):
            examples.set_string_custom_property(name, value)


def _check_digest(span_dir: Path, expected: str) -> None:
    if expected and content_digest(span_dir) != expected:
        raise InputError(
            "the span changed while the pipeline was running", str(span_dir), "do not change spans; run again"
        )


def _assign(span_dir: Path, layout: str, policy: SplitPolicy) -> dict[str, str]:
    index = read_index(span_dir)
    if other := next((key for key in index if key.layout != layout), None):
        raise InputError(
            f"the layout is {layout_label(other.layout)}, not {layout_label(layout)}",
            f"{span_dir}, sequence {other.sequence_id!r}",
            "choose a configuration for this layout, or import data with the other layout",
        )
    return assign_splits(index, policy)
