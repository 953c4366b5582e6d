"""Answers to what TFX asks the metadata store at each launch, from the few rows that they need.

Without ZetaSQL, TFX finds the executions of one node of one run by loading all of the pipeline's and intersecting, and
the candidates of a resolver by loading every artifact of the pipeline: seconds a node once a store is grown. Importing
this module puts bounded readings in place of three functions of TFX 1.21, and gives resolvers a handler of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from ml_metadata.metadata_store import ListOptions, MetadataStore, OrderByField
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.portable import (
    cache_utils,
    data_types,
    execution_publish_utils,
    system_node_handler,
)
from tfx.orchestration.portable.input_resolution import channel_resolver
from tfx.orchestration.portable.mlmd import context_lib, execution_lib
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.utils import import_utils

from lineage.nodes import NodeId

SUPERSEDED = "superseded"
_CACHED_LOOKED_AT = 50

_all_cached_outputs: Callable[..., Any] = cache_utils.get_cached_outputs
_intersect_everything: Callable[..., Any] = channel_resolver._get_executions_by_all_contexts


def executions_in_all(
    store: MetadataStore, contexts: Sequence[metadata_store_pb2.Context]
) -> list[metadata_store_pb2.Execution]:
    """Executions that stand in all of these contexts, oldest first; found among the few of the run, if one is given.

    In a run, those that were superseded by another attempt are left out.
    """
    named = store.get_contexts_by_id([context.id for context in contexts])
    run = next((context for context in named if context.type == constants.PIPELINE_RUN_CONTEXT_TYPE_NAME), None)
    if run is None:
        return _intersect_everything(store, contexts)
    wanted = {context.id for context in contexts}
    nodes = {c.name.partition(".")[2] for c in named if c.type == constants.NODE_CONTEXT_TYPE_NAME}

    def belongs(execution: metadata_store_pb2.Execution) -> bool:
        if "node_id" in execution.custom_properties:  # the contexts of an execution are not indexed
            return nodes <= {execution.custom_properties["node_id"].string_value}
        return wanted <= {context.id for context in store.get_contexts_by_execution(execution.id)}

    return [
        execution
        for execution in sorted(store.get_executions_by_context(run.id), key=lambda e: e.id)
        if SUPERSEDED not in execution.custom_properties and belongs(execution)
    ]


class _NewestExecutions:
    """A metadata store of which only the newest executions of a context are seen."""

    def __init__(self, store: MetadataStore) -> None:
        self._store = store

    def get_executions_by_context(self, context_id: int) -> list[metadata_store_pb2.Execution]:
        options = ListOptions(limit=_CACHED_LOOKED_AT, order_by=OrderByField.ID, is_asc=False)
        return self._store.get_executions_by_context(context_id, options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def cached_outputs(
    metadata_handle: metadata.Metadata, cache_context: metadata_store_pb2.Context
) -> dict[str, list[Artifact]] | None:
    """TFX's look into the cache, at the newest executions under a key; each that was cached is one more of them."""
    return _all_cached_outputs(SimpleNamespace(store=_NewestExecutions(metadata_handle.store)), cache_context)


cache_utils.get_cached_outputs = cached_outputs
channel_resolver._get_executions_by_all_contexts = executions_in_all
execution_lib.get_executions_associated_with_all_contexts = lambda handle, contexts: executions_in_all(
    handle.store, list(contexts)
)


def resolve(
    store: MetadataStore,
    pipeline: str,
    node: pipeline_pb2.PipelineNode,
    produced: Callable[[pipeline_pb2.InputSpec], list[Artifact]],
) -> dict[str, list[Artifact]]:
    """What a Resolver of the graph chooses: its strategy is shown the newest verdicts, and more if it finds none there.

    Args:
        store: metadata store.
        pipeline: name of the pipeline.
        node: the Resolver; its strategy chooses among what was judged in this pipeline.
        produced: artifacts of an input that another node of the run makes.
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
    for limit in (100, 1000, None):
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
    """Runs a Resolver; in place of TFX's handler, which loads every artifact of the pipeline."""

    NODE_TYPE = "tfx.dsl.components.common.resolver.Resolver"

    def run(
        self,
        mlmd_connection: metadata.Metadata,
        pipeline_node: pipeline_pb2.PipelineNode,
        pipeline_info: pipeline_pb2.PipelineInfo,
        pipeline_runtime_spec: pipeline_pb2.PipelineRuntimeSpec,
    ) -> data_types.ExecutionInfo:
        """See SystemNodeHandler."""
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
