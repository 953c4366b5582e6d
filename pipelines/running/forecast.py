"""What a run would do, and why, without doing it: for `--dry-run`, `explain-cache` and early imports."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.artifact import Artifact

from lineage.nodes import NodeId
from lineage.store import backend
from pipelines.compilation.plan import Plan
from pipelines.running import cache_key, late_binding
from pipelines.tfx_patches.bounded_queries import resolve
from pipelines.tfx_patches.shared_store import SharedMetadata
from pipelines.workspace import Workspace

Outputs = dict[str, list[Artifact]]


@dataclass(frozen=True)
class Forecast:
    """What would become of a node.

    Attributes:
        node: its id.
        runs: whether its executor would run.
        reason: why.
        key: parts of its cache key; empty where it depends on what does not exist yet.
        changes: how the key differs from the last execution's, a line a part.
    """

    node: str
    runs: bool
    reason: str
    key: dict[str, str] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)


def forecast(
    plan: Plan,
    workspace: Workspace,
    connection: metadata_store_pb2.ConnectionConfig,
    span: int | None,
    use_cache: bool = True,
    nodes: Sequence[str] | None = None,
) -> list[Forecast]:
    """Foretells every node of a run, in order.

    Raises:
        InputError: the data cannot be trained on.
    """
    if not backend.exists(connection):
        first = plan.nodes[NodeId.KEYPOINT_EXAMPLE_GEN]
        late_binding.bind_before_cache(
            plan.config, span, pipeline_pb2.PipelineNode.FromString(first.SerializeToString())
        )
        return [Forecast(node, True, "nothing was run in this root yet") for node in nodes or plan.nodes]
    outputs: dict[str, Outputs | None] = {}
    result = []
    with SharedMetadata(connection) as handle:
        for node_id in nodes or plan.nodes:
            node = pipeline_pb2.PipelineNode()
            node.CopyFrom(plan.nodes[node_id])
            foretold, outputs[node_id] = _node(plan, handle, node, span, outputs, use_cache, workspace)
            result.append(foretold)
    return result


def _node(
    plan: Plan,
    handle: metadata.Metadata,
    node: pipeline_pb2.PipelineNode,
    span: int | None,
    outputs: Mapping[str, Outputs | None],
    use_cache: bool,
    workspace: Workspace,
) -> tuple[Forecast, Outputs | None]:
    node_id = node.node_info.id
    missing = [producer for producer in node.upstream_nodes if outputs.get(producer) is None]
    if missing:
        return Forecast(node_id, True, f"follows {', '.join(missing)}"), None
    spec = plan.executor_spec(node_id)
    if spec is None:
        chosen = resolve(handle.store, plan.config.name, node, lambda spec_: _input(spec_, outputs))
        return Forecast(node_id, False, "resolves what was blessed last"), chosen
    late_binding.bind_before_cache(plan.config, span, node)
    inputs = {key: _input(spec_, outputs) for key, spec_ in node.inputs.inputs.items()}
    key = cache_key.cache_key(node, plan.ir.pipeline_info, spec, inputs)
    found = cache_key.cached_outputs(handle, key)
    if found is not None and use_cache:
        stale = late_binding.why_stale(plan.config, found)
        return Forecast(node_id, stale is not None, stale or "cached", key.parts), found
    changes = changes_since_last(plan, workspace, node_id, key.parts)
    reason = "the cache is off" if found is not None else changes[0] if changes else "no earlier result"
    return Forecast(node_id, True, reason, key.parts, changes), None


def changes_since_last(plan: Plan, workspace: Workspace, node_id: str, key: Mapping[str, str]) -> list[str]:
    """How a node's code and key differ from those of its last execution in this root; empty if there is none."""
    last = last_record(workspace, plan.config.name, node_id)
    if last is None:
        return []
    code = cache_key.difference(last["code"], plan.code[node_id].short_digests())
    return [f"code {line}" for line in code] + cache_key.difference(last["key"], key)


def last_record(workspace: Workspace, pipeline: str, node_id: str) -> dict[str, Any] | None:
    """The newest record of a node that ended well in a run of this pipeline."""
    records = (workspace.root / "runs").glob(f"{pipeline}-*/{node_id}.json")
    for path in sorted(records, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        record = read_record(path)
        if record and record["state"] in ("done", "cached"):
            return record
    return None


def read_record(path: Path) -> dict[str, Any] | None:
    """A node's record, if there is one."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _input(spec: pipeline_pb2.InputSpec, outputs: Mapping[str, Outputs | None]) -> list[Artifact]:
    artifacts: list[Artifact] = []
    for channel in spec.channels:
        artifacts += (outputs[channel.producer_node_query.id] or {}).get(channel.output_key, [])
    return artifacts
