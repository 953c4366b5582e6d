"""KeypointExampleGen: cuts the sequences of a span into windows and writes them as tf.Examples."""

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
    """Channels and parameters of KeypointExampleGen."""

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
    """Reads one span of canonical Parquet and writes its windows as tf.Examples, each person in one split.

    This component replaces TFX's FileBasedExampleGen, for these reasons: its Parquet executor writes exactly one
    example for a row, but a sequence has many windows; it assigns each record to a split by a hash, but a person must
    not be in two splits; it writes one shard for each split; and its driver loads TensorFlow and detects changes by
    the time stamps of files.

    The output is an `Examples` artifact as TFX's components expect it: gzipped TFRecord files, with `span`,
    `split_names` and the payload format set. It also contains a table of the sequences (`payloads.sequences`), in the
    folder `windows` a table of the windows with all features except the keypoints, and in the folder `recordings` the
    sequences of each split (`payloads.recordings`).

    Frames of a session outside its segments are left out, unless the labels include one for the background (`none`,
    `background`, `rest` or `idle`). The windows of a session then slide over all of it, and each has the label of what
    is performed in its middle (`data.sessions.windows`).

    Each example has `keypoints` (floats, `[T, J, C]` flattened), `label`, `label_id` (-1 if the label is not in the
    schema), `subject`, `sequence_id`, `view`, `start_frame`, and the health features of `data.health`.

    Three properties are filled in when the node is launched: `span`, `span_digest` and `data_folder`. The first two are
    part of the cache key, so that the content of the span decides whether a result is reused.

    Args:
        layout: joint layout of the sequences; another layout is an error.
        labels: all labels; the position of a label is its `label_id`.
        windows: length, stride and frame rate of the windows.
        split: policy by which people are divided into splits.
        num_shards: number of files for each split.
        span: number of the span.
        span_digest: `data.store.content_digest` of the span; not checked if empty.
        data_folder: folder with the `span-N` folders.
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
