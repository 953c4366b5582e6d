"""TFX's cache key in named parts, so that a cache hit can be predicted and a miss explained.

`cache_key` computes the same digest as `tfx.orchestration.portable.cache_utils.get_cache_context`, which would write to
the metadata store. A test compares the two.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from google.protobuf.message import Message
from tfx.orchestration import data_types_utils
from tfx.orchestration.metadata import Metadata
from tfx.orchestration.portable import inputs_utils, outputs_utils
from tfx.orchestration.portable.mlmd import context_lib
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.artifact import Artifact

from pipelines.tfx_patches import bounded_queries
from pipelines.tfx_patches.portable_keys import portable

Artifacts = Mapping[str, Sequence[Artifact]]


@dataclass(frozen=True)
class CacheKey:
    """The parts of a node's cache key, in TFX's order.

    Attributes:
        digest: TFX's cache key, which is the name of the cache context in the metadata store.
        parts: name of each part to a short digest or a readable value, for `explain-cache`.
    """

    digest: str
    parts: dict[str, str] = field(default_factory=dict)


def cache_key(
    node: pipeline_pb2.PipelineNode,
    info: pipeline_pb2.PipelineInfo,
    executor_spec: Message,
    inputs: Artifacts,
) -> CacheKey:
    """Compute the cache key of a node.

    Args:
        node: node with all parameters filled in.
        info: pipeline that the node belongs to.
        executor_spec: spec of the executor, with the fingerprint of its code.
        inputs: input key to the resolved artifacts.
    """
    state = hashlib.sha256()
    parts: dict[str, str] = {}

    def add(part: str, *chunks: bytes, shown: str | None = None) -> None:
        for chunk in chunks:
            state.update(chunk)
        parts[part] = shown or hashlib.sha256(b"".join(chunks)).hexdigest()[:16]

    add("pipeline", _serialized(info), shown=info.id)
    add("node", _serialized(node.node_info))
    add("executor", _serialized(executor_spec), shown=_without_code_version(executor_spec))
    for key in sorted(inputs):
        chunks = [_serialized(portable(artifact).mlmd_artifact) for artifact in inputs[key]]
        ids = ", ".join(f"artifact {artifact.id}" for artifact in inputs[key]) or "none"
        add(f"input {key}", key.encode(), *chunks, shown=ids)
    outputs = outputs_utils.generate_output_artifacts(0, node.outputs.outputs, "")
    for key in sorted(outputs):
        chunks = [_serialized(_bare(artifact).mlmd_artifact) for artifact in outputs[key]]
        add(f"output {key}", key.encode(), *chunks)
    parameters = data_types_utils.build_parsed_value_dict(
        inputs_utils.resolve_parameters_with_schema(node_parameters=node.parameters)
    )
    for key, value in sorted(parameters.items()):
        text = str(value)
        add(f"parameter {key}", key.encode(), text.encode(), shown=text if len(text) <= 60 else None)
    return CacheKey(state.hexdigest(), parts)


def cached_outputs(handle: Metadata, key: CacheKey) -> dict[str, list[Artifact]] | None:
    """Return the outputs of the newest execution under a key whose payloads exist; None if there are none."""
    context = handle.store.get_context_by_type_and_name(context_lib.CONTEXT_TYPE_EXECUTION_CACHE, key.digest)
    return bounded_queries.cached_outputs(handle, context) if context else None


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return a line of text for each part that differs between two keys."""
    lines = []
    for part in sorted(old.keys() | new.keys()):
        before, after = old.get(part), new.get(part)
        if before == after:
            continue
        if before is None:
            lines.append(f"{part}: new ({after})")
        elif after is None:
            lines.append(f"{part}: gone (was {before})")
        else:
            lines.append(f"{part}: {before} -> {after}{_changed_keys(before, after)}")
    return lines


def _changed_keys(before: str, after: str) -> str:
    try:
        old, new = json.loads(before), json.loads(after)
    except ValueError:
        return ""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return ""
    return f" (keys {', '.join(sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k)))})"


def _serialized(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)


def _bare(artifact: Artifact) -> Artifact:
    bare = copy.deepcopy(artifact)
    bare.uri = bare.name = ""
    return bare


def _without_code_version(spec: Message) -> str:
    """Return the executor's class and a digest of its settings, without the code's fingerprint."""
    bare = copy.deepcopy(spec)
    python = getattr(bare, "python_executor_spec", bare)
    del python.extra_flags[:]
    return f"{python.class_path} {hashlib.sha256(_serialized(bare)).hexdigest()[:8]}"
