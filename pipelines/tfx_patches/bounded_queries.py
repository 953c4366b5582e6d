"""Replaces three slow metadata queries of TFX with queries that read few rows.

TFX finds the executions of one node in one run by loading all executions of the pipeline and intersecting them, and it
looks for a cached result in all executions under a cache key. In a store with many runs that takes seconds for each
node. Reported as tensorflow/tfx#1053, #3304, #4719 and #5826, and closed without a change that helps here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from ml_metadata.metadata_store import ListOptions, MetadataStore, OrderByField
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.portable import cache_utils
from tfx.orchestration.portable.input_resolution import channel_resolver
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.types.artifact import Artifact

SUPERSEDED = "superseded"
"""Custom property of an execution that another attempt in the same run replaced."""
_CACHED_EXECUTIONS = 50

_original_cached_outputs: Callable[..., Any] = cache_utils.get_cached_outputs
_original_executions: Callable[..., Any] = channel_resolver._get_executions_by_all_contexts


def apply() -> None:
    """Put the bounded queries in the place of TFX's functions."""
    cache_utils.get_cached_outputs = cached_outputs
    channel_resolver._get_executions_by_all_contexts = executions_in_all
    execution_lib.get_executions_associated_with_all_contexts = _executions_associated_with_all_contexts


def executions_in_all(
    store: MetadataStore, contexts: Sequence[metadata_store_pb2.Context]
) -> list[metadata_store_pb2.Execution]:
    """Return the executions that belong to all of these contexts, oldest first.

    If one of the contexts is a run, only the executions of that run are loaded, and superseded ones are left out.
    """
    named = store.get_contexts_by_id([context.id for context in contexts])
    run = next((context for context in named if context.type == constants.PIPELINE_RUN_CONTEXT_TYPE_NAME), None)
    if run is None:
        return _original_executions(store, contexts)
    wanted = {context.id for context in contexts}
    nodes = {c.name.partition(".")[2] for c in named if c.type == constants.NODE_CONTEXT_TYPE_NAME}

    def belongs(execution: metadata_store_pb2.Execution) -> bool:
        if "node_id" in execution.custom_properties:  # saves a query: the contexts of an execution are not indexed
            return nodes <= {execution.custom_properties["node_id"].string_value}
        return wanted <= {context.id for context in store.get_contexts_by_execution(execution.id)}

    return [
        execution
        for execution in sorted(store.get_executions_by_context(run.id), key=lambda e: e.id)
        if SUPERSEDED not in execution.custom_properties and belongs(execution)
    ]


def _executions_associated_with_all_contexts(
    metadata_handle: metadata.Metadata, contexts: Iterable[metadata_store_pb2.Context]
) -> list[metadata_store_pb2.Execution]:
    return executions_in_all(metadata_handle.store, list(contexts))


def cached_outputs(
    metadata_handle: metadata.Metadata, cache_context: metadata_store_pb2.Context
) -> dict[str, list[Artifact]] | None:
    """Return the outputs of the newest execution under a cache key whose files exist; None if there are none.

    Only the newest executions are considered: each run that takes a result from the cache adds one more.
    """
    return _original_cached_outputs(SimpleNamespace(store=_NewestExecutions(metadata_handle.store)), cache_context)


class _NewestExecutions:
    """A metadata store that returns only the newest executions of a context."""

    def __init__(self, store: MetadataStore) -> None:
        self._store = store

    def get_executions_by_context(self, context_id: int) -> list[metadata_store_pb2.Execution]:
        options = ListOptions(limit=_CACHED_EXECUTIONS, order_by=OrderByField.ID, is_asc=False)
        return self._store.get_executions_by_context(context_id, options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
