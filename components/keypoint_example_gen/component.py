"""KeypointExampleGen: canonical sequences in, windows as tf.Examples out."""

import json
from collections.abc import Sequence
from typing import Any

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.keypoint_example_gen.executor import Executor
from data.splits import SplitPolicy
from data.windows import WindowSpec


class KeypointExampleGenSpec(ComponentSpec):
    """What KeypointExampleGen takes and gives."""

    PARAMETERS = {  # noqa: RUF012
        "span": ExecutionParameter(type=int),
        "span_digest": ExecutionParameter(type=str),
        "data_folder": ExecutionParameter(type=str),
        "layout": ExecutionParameter(type=str),
        "labels": ExecutionParameter(type=str),
        "windows": ExecutionParameter(type=str),
        "split": ExecutionParameter(type=str),
        "num_shards": ExecutionParameter(type=int),
    }
    INPUTS: dict[str, Any] = {}  # noqa: RUF012
    OUTPUTS = {"examples": ChannelParameter(type=standard_artifacts.Examples)}  # noqa: RUF012


class KeypointExampleGen(BaseBeamComponent):
    """Reads one span of canonical Parquet and writes its windows, split by subject, as tf.Examples.

    Replaces TFX's FileBasedExampleGen, whose Parquet executor makes exactly one example of a row (a sequence is many
    windows), whose splits hash records one by one (a person must not be on two sides), which writes one shard a split,
    and whose driver loads TensorFlow and takes files' times for their content. Output is what TFX's consumers expect:
    a standard `Examples` artifact of gzipped TFRecords with `span`, `split_names` and payload format set, and next to
    the splits a table of the sequences (`payloads.sequences`). The folder `windows` has a row for each window:
    every feature except the keypoints, of which it has the range.

    Each example has `keypoints` (floats, `[T, J, C]` flattened), `label`, `label_id` (-1 if the schema lacks the
    label), `subject`, `sequence_id`, `view`, `start_frame`, and the health features of `data.health`.

    The three properties that say which data are read are filled in at launch: `span` and `span_digest` are part of the
    cache key, so content decides whether a result is used again; `data_folder` is only a place.

    Args:
        layout: joint layout that the sequences must have.
        labels: all labels; the position of a label is its `label_id`.
        windows: how sequences are cut into windows.
        split: how people are divided into splits.
        num_shards: files of each split.
        span: number of the span.
        span_digest: `data.store.content_digest` of the span; not checked if empty.
        data_folder: folder that holds the `span-N` folders.
    """

    SPEC_CLASS = KeypointExampleGenSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)

    def __init__(
        self,
        layout: str,
        labels: Sequence[str],
        windows: WindowSpec,
        split: SplitPolicy,
        num_shards: int = 2,
        span: int = 0,
        span_digest: str = "",
        data_folder: str = "",
    ) -> None:
        super().__init__(
            KeypointExampleGenSpec(
                span=span,
                span_digest=span_digest,
                data_folder=data_folder,
                layout=layout,
                labels=json.dumps(list(labels)),
                windows=windows.model_dump_json(),
                split=split.model_dump_json(),
                num_shards=num_shards,
                examples=Channel(type=standard_artifacts.Examples),
            )
        )
