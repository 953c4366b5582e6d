"""TFX's cache key, taken apart: what a node's result depends on, whether it is there already, and what changed.

The key itself is TFX's (tfx.orchestration.portable.cache_utils.get_cache_context); `CacheKey.digest` repeats its
hash over named parts, so that a hit can be foretold and a miss explained without writing to the metadata store.
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
from tfx.orchestration.portable import cache_utils, inputs_utils, outputs_utils
from tfx.orchestration.portable.mlmd import context_lib
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.artifact import Artifact

Artifacts = Mapping[str, Sequence[Artifact]]


@dataclass(frozen=True)
class CacheKey:
    """The parts of a node's cache key, in TFX's order.

    Attributes:
        digest: TFX's key, the name of the cache context in the metadata store.
        parts: part to a short digest or a readable value; what `explain-cache` compares.
    """

    digest: str
    parts: dict[str, str] = field(default_factory=dict)


def cache_key(
    node: pipeline_pb2.PipelineNode,
    info: pipeline_pb2.PipelineInfo,
    executor_spec: Message,
    inputs: Artifacts,
) -> CacheKey:
    """Computes the key of a node whose parameters are filled in and that is about to run with these inputs."""
    state = hashlib.sha256()
    parts: dict[str, str] = {}

    def add(part: str, *chunks: bytes, shown: str | None = None) -> None:
        for chunk in chunks:
            state.update(chunk)
        parts[part] = shown or hashlib.sha256(b"".join(chunks)).hexdigest()[:16]

    add("pipeline", _serialised(info), shown=info.id)
    add("node", _serialised(node.node_info))
    add("executor", _serialised(executor_spec), shown=_without_code_version(executor_spec))
    for key in sorted(inputs):
        chunks = [_serialised(artifact.mlmd_artifact) for artifact in inputs[key]]
        ids = ", ".join(f"artifact {artifact.id}" for artifact in inputs[key]) or "none"
        add(f"input {key}", key.encode(), *chunks, shown=ids)
    outputs = outputs_utils.generate_output_artifacts(0, node.outputs.outputs, "")
    for key in sorted(outputs):
        chunks = [_serialised(_bare(artifact).mlmd_artifact) for artifact in outputs[key]]
        add(f"output {key}", key.encode(), *chunks)
    parameters = data_types_utils.build_parsed_value_dict(
        inputs_utils.resolve_parameters_with_schema(node_parameters=node.parameters)
    )
    for key, value in sorted(parameters.items()):
        text = str(value)
        add(f"parameter {key}", key.encode(), text.encode(), shown=text if len(text) <= 60 else None)
    return CacheKey(state.hexdigest(), parts)


def cached_outputs(handle: Metadata, key: CacheKey) -> dict[str, list[Artifact]] | None:
    """Outputs of the newest successful execution under this key whose payloads still exist; None if there is none."""
    context = handle.store.get_context_by_type_and_name(context_lib.CONTEXT_TYPE_EXECUTION_CACHE, key.digest)
    return cache_utils.get_cached_outputs(handle, context) if context else None


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Says which parts differ, a line each; empty if none does."""
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
            lines.append(f"{part}: {before} -> {after}{_inner(before, after)}")
    return lines


def _inner(before: str, after: str) -> str:
    try:
        old, new = json.loads(before), json.loads(after)
    except ValueError:
        return ""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return ""
    return f" (keys {', '.join(sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k)))})"


def _serialised(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)


def _bare(artifact: Artifact) -> Artifact:
    bare = copy.deepcopy(artifact)
    bare.uri = bare.name = ""
    return bare


def _without_code_version(spec: Message) -> str:
    """The executor's class and a digest of its settings; the code's fingerprint is shown file by file instead."""
    bare = copy.deepcopy(spec)
    python = getattr(bare, "python_executor_spec", bare)
    del python.extra_flags[:]
    return f"{python.class_path} {hashlib.sha256(_serialised(bare)).hexdigest()[:8]}"
