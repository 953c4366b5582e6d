"""Predicts which nodes a run will run, and why, without changing anything."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.artifact import Artifact

from data.errors import NodeError
from lineage.comparison import refuse_altered
from lineage.node_ids import NodeId
from lineage.store import backend
from payloads.node_record import NodeRecord
from pipelines.compilation.plan import Plan
from pipelines.running import cache_key, late_binding
from pipelines.tfx_patches.bounded_resolver import resolve
from pipelines.tfx_patches.shared_store import SharedMetadata
from pipelines.workspace import Workspace

Outputs = dict[str, list[Artifact]]


@dataclass(frozen=True)
class Forecast:
    """The predicted outcome of a node.

    Attributes:
        node: id of the node.
        runs: whether the node's executor will run.
        reason: why the executor will or will not run.
        refused: whether the run will stop at this node, because a payload was altered or cannot be read.
        key: parts of the cache key; empty if the key depends on results that do not exist yet.
        changes: differences from the cache key of the last execution, one line for each part.
    """

    node: str
    runs: bool
    reason: str
    key: dict[str, str] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    refused: bool = False


def forecast(
    plan: Plan,
    workspace: Workspace,
    connection: metadata_store_pb2.ConnectionConfig,
    span: int | None,
    use_cache: bool = True,
) -> list[Forecast]:
    """Predict the outcome of every node of a run, in the order of the plan.

    Args:
        plan: plan of the run.
        workspace: workspace of the run.
        connection: connection of the metadata store.
        span: number of the span to read; None reads the latest.
        use_cache: whether earlier results may be used.

    Raises:
        InputError: the data cannot be trained on.
    """
    if not backend.exists(connection):
        first = plan.nodes[NodeId.KEYPOINT_EXAMPLE_GEN]
        late_binding.bind_before_cache(
            plan.config, workspace.root, span, pipeline_pb2.PipelineNode.FromString(first.SerializeToString())
        )
        return [Forecast(node, True, "nothing has been run in this root yet") for node in plan.nodes]
    outputs: dict[str, Outputs | None] = {}
    result = []
    with SharedMetadata(connection) as handle:
        for node_id in plan.nodes:
            node = pipeline_pb2.PipelineNode()
            node.CopyFrom(plan.nodes[node_id])
            predicted, outputs[node_id] = _predict(plan, handle, node, span, outputs, use_cache, workspace)
            result.append(predicted)
    return result


def _predict(
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
        return Forecast(node_id, False, "resolves the last blessed results"), chosen
    late_binding.bind_before_cache(plan.config, workspace.root, span, node)
    inputs = {key: _input(spec_, outputs) for key, spec_ in node.inputs.inputs.items()}
    key = cache_key.cache_key(node, plan.ir.pipeline_info, spec, inputs)
    found = cache_key.cached_outputs(handle, key)
    needed = (inputs, found) if found is not None and use_cache else (inputs,)
    try:
        refuse_altered(workspace.root, (a for part in needed for artifacts in part.values() for a in artifacts))
    except NodeError as error:
        return Forecast(node_id, False, str(error), key.parts, refused=True), None
    if found is not None and use_cache:
        stale = late_binding.why_stale(plan.config, workspace, node_id, found)
        return Forecast(node_id, stale is not None, stale or "cached", key.parts), found
    changes = changes_since_last(plan, workspace, node_id, key.parts)
    reason = "the cache is off" if found is not None else changes[0] if changes else "no earlier result"
    return Forecast(node_id, True, reason, key.parts, changes), None


def changes_since_last(plan: Plan, workspace: Workspace, node_id: str, key: Mapping[str, str]) -> list[str]:
    """Return how a node's code and key differ from those of its last execution in this root, one line for each part."""
    last = _last_record(workspace, plan.config.name, node_id)
    if last is None:
        return []
    code = cache_key.difference(last.code, plan.code[node_id].short_digests())
    return [f"code {line}" for line in code] + cache_key.difference(last.key, key)


def _last_record(workspace: Workspace, pipeline: str, node_id: str) -> NodeRecord | None:
    """Return the newest record of a node that succeeded in a run of this pipeline; None if there is none."""
    written = {}
    for folder in workspace.runs.glob(f"{pipeline}-*"):
        with contextlib.suppress(OSError):
            written[folder] = NodeRecord.file(folder, node_id).stat().st_mtime_ns
    for folder in sorted(written, key=lambda folder: written[folder], reverse=True):
        record = NodeRecord.read(folder, node_id)
        if record.state in ("done", "cached"):
            return record
    return None


def _input(spec: pipeline_pb2.InputSpec, outputs: Mapping[str, Outputs | None]) -> list[Artifact]:
    artifacts: list[Artifact] = []
    for channel in spec.channels:
        artifacts += (outputs[channel.producer_node_query.id] or {}).get(channel.output_key, [])
    return artifacts
