"""TFX's launcher, changed so that each attempt at a node is an execution of its own.

TFX reuses the failed execution of a node that is retried: the attempts share a folder, and the input events of the
second attempt are never written. Related reports: tensorflow/tfx#1754 and #2805.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.orchestration.portable import execution_publish_utils, launcher

from pipelines.tfx_patches import activation
from pipelines.tfx_patches.bounded_resolver import ResolverHandler


class AttemptLauncher(launcher.Launcher):
    """A launcher that registers a new execution for each attempt, and records more with it than TFX does.

    Args:
        facts: custom properties to register the execution with.
        output_contexts: function that returns contexts to publish the outputs with, besides those of TFX.
        arguments: arguments of TFX's launcher.
    """

    def __init__(
        self,
        facts: Mapping[str, str | int],
        output_contexts: Callable[[MetadataStore], list[metadata_store_pb2.Context]],
        **arguments: Any,
    ) -> None:
        if not activation.is_applied():
            raise RuntimeError("a process that launches nodes must call prepare_driver() first")
        super().__init__(**arguments)
        self._facts, self._output_contexts = facts, output_contexts
        if self._pipeline_node.node_info.type.name == ResolverHandler.NODE_TYPE:
            self._system_node_handler: Any = ResolverHandler()

    @property
    def executor_error(self) -> Exception | None:
        """The failure that the executor's operator kept; None if there is none."""
        return getattr(self._executor_operator, "error", None)

    def _register_or_reuse_execution(
        self,
        metadata_handle: metadata.Metadata,
        contexts: list[metadata_store_pb2.Context],
        input_artifacts: Any = None,
        exec_properties: Any = None,
    ) -> metadata_store_pb2.Execution:
        while True:
            execution = execution_publish_utils.register_execution(
                metadata_handle=metadata_handle,
                execution_type=self._pipeline_node.node_info.type,
                contexts=contexts,
                input_artifacts=input_artifacts,
                exec_properties={**(exec_properties or {}), **self._facts},
            )
            if not self._folder_exists(execution.id):
                return execution
            execution.last_known_state = metadata_store_pb2.Execution.CANCELED
            execution.custom_properties["passed_over"].string_value = "its folder holds files of another metadata store"
            metadata_handle.store.put_executions([execution])

    def _folder_exists(self, execution_id: int) -> bool:
        """Return whether the folder of an output exists: another store with this root used the same execution id.

        TFX would write into it, and remove it if the executor fails.
        """
        outputs = self._output_resolver.generate_output_artifacts(execution_id).values()
        return any(os.path.lexists(artifact.uri) for artifacts in outputs for artifact in artifacts)

    def _publish_successful_execution(
        self, execution_id: int, contexts: list[metadata_store_pb2.Context], output_dict: Any, executor_output: Any
    ) -> None:
        with self._mlmd_connection as handle:
            more = self._output_contexts(handle.store)
        super()._publish_successful_execution(execution_id, [*contexts, *more], output_dict, executor_output)
