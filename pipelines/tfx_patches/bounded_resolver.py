"""Replaces TFX's handler of Resolver nodes, which loads every artifact of the pipeline.

The strategies of this project choose among what the Evaluator judged, so it is enough to load the newest verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ml_metadata.metadata_store import ListOptions, MetadataStore, OrderByField
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.portable import data_types, execution_publish_utils, system_node_handler
from tfx.orchestration.portable.input_resolution import channel_resolver
from tfx.orchestration.portable.mlmd import context_lib
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.utils import import_utils

from lineage.node_ids import NodeId

_PAGE_SIZES = (100, 1000, None)
"""Numbers of artifacts that are loaded, one after the other, until the strategy finds something; None is all."""


def resolve(
    store: MetadataStore,
    pipeline: str,
    node: pipeline_pb2.PipelineNode,
    produced: Callable[[pipeline_pb2.InputSpec], list[Artifact]],
) -> dict[str, list[Artifact]]:
    """Return the artifacts that a Resolver of the graph chooses, by input key.

    Args:
        store: metadata store.
        pipeline: name of the pipeline.
        node: the Resolver.
        produced: function that returns the artifacts of an input that another node of the run makes.
    """
    [graph] = node.inputs.input_graphs.values()
    choice = graph.nodes[graph.result_node].op_node
    names = graph.nodes[choice.args[0].node_id].dict_node.node_ids
    specs = {key: node.inputs.inputs[graph.nodes[name].input_node.input_key] for key, name in names.items()}
    strategy = import_utils.import_class_by_path(choice.op_type)()
    made = {key: spec for key, spec in specs.items() if spec.channels[0].HasField("producer_node_query")}
    given = {key: produced(spec) for key, spec in made.items()}
    kinds = {kind.name: kind for kind in store.get_artifact_types()}
    sought = {key: kinds.get(specs[key].channels[0].artifact_query.type.name) for key in specs.keys() - made.keys()}
    context = store.get_context_by_type_and_name(constants.NODE_CONTEXT_TYPE_NAME, f"{pipeline}.{NodeId.EVALUATOR}")
    for limit in _PAGE_SIZES:
        options = ListOptions(limit=limit, order_by=OrderByField.ID, is_asc=False)
        judged = store.get_artifacts_by_context(context.id, options) if context else []
        found = strategy.resolve_artifacts(store, given | {key: _live(kind, judged) for key, kind in sought.items()})
        if limit is None or len(judged) < limit or any(found[key] for key in sought):
            break
    return found


def _live(
    kind: metadata_store_pb2.ArtifactType | None, artifacts: Sequence[metadata_store_pb2.Artifact]
) -> list[Artifact]:
    return [
        artifact_utils.deserialize_artifact(kind, artifact)
        for artifact in artifacts
        if kind and artifact.type_id == kind.id and artifact.state == metadata_store_pb2.Artifact.LIVE
    ]


class ResolverHandler(system_node_handler.SystemNodeHandler):
    """The handler of Resolver nodes that `AttemptLauncher` uses."""

    NODE_TYPE = "tfx.dsl.components.common.resolver.Resolver"

    def run(
        self,
        mlmd_connection: metadata.Metadata,
        pipeline_node: pipeline_pb2.PipelineNode,
        pipeline_info: pipeline_pb2.PipelineInfo,
        pipeline_runtime_spec: pipeline_pb2.PipelineRuntimeSpec,
    ) -> data_types.ExecutionInfo:
        """Resolve the node's inputs and publish them as its outputs; see `SystemNodeHandler`."""
        del pipeline_runtime_spec
        with mlmd_connection as handle:
            contexts = context_lib.prepare_contexts(metadata_handle=handle, node_contexts=pipeline_node.contexts)
            resolved = resolve(
                handle.store,
                pipeline_info.id,
                pipeline_node,
                lambda spec: channel_resolver.resolve_union_channels(handle, spec.channels),
            )
            execution = execution_publish_utils.register_execution(
                metadata_handle=handle, execution_type=pipeline_node.node_info.type, contexts=contexts
            )
            execution_publish_utils.publish_internal_execution(
                metadata_handle=handle, contexts=contexts, execution_id=execution.id, output_artifacts=resolved
            )
        return data_types.ExecutionInfo(
            execution_id=execution.id,
            input_dict=resolved,
            output_dict=resolved,
            pipeline_node=pipeline_node,
            pipeline_info=pipeline_info,
        )
