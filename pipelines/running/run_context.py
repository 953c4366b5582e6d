"""The settings and connections that all nodes of one run have in common."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from pipelines.compilation.plan import Plan
from pipelines.processes.children import ChildProcesses
from pipelines.workspace import Workspace


@dataclass(frozen=True)
class RunContext:
    """The settings and connections that all nodes of one run have in common.

    Attributes:
        plan: plan of the run.
        workspace: workspace of the run.
        run_id: name of the run in the metadata store.
        children: child processes for the executors.
        connection: connection of the metadata store; it may hold a password and is never written anywhere.
        span: number of the span to read; None reads the latest.
        use_cache: whether earlier results may be used.
        facts: facts about the code and the machine, recorded with the run.
        marks: custom properties of every execution of this process, such as the orchestrator's number of the attempt.
        cleared: how often the orchestrator's user has cleared the task; successful executions whose mark `cleared` is
            smaller no longer count.
    """

    plan: Plan
    workspace: Workspace
    run_id: str
    children: ChildProcesses
    connection: metadata_store_pb2.ConnectionConfig
    span: int | None = None
    use_cache: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    cleared: int = 0

    @functools.cached_property
    def ir(self) -> pipeline_pb2.Pipeline:
        """The compiled graph with the id of this run and the folder of its payloads filled in."""
        ir = pipeline_pb2.Pipeline()
        ir.CopyFrom(self.plan.ir)
        runtime_parameter_utils.substitute_runtime_parameter(
            ir,
            {
                constants.PIPELINE_RUN_ID_PARAMETER_NAME: self.run_id,
                constants.PIPELINE_ROOT_PARAMETER_NAME: str(self.workspace.artifacts(self.plan.config.name)),
            },
        )
        return ir

    def node(self, node_id: str) -> pipeline_pb2.PipelineNode:
        """Return a node of this run's graph."""
        return next(n.pipeline_node for n in self.ir.nodes if n.pipeline_node.node_info.id == node_id)

    def log_file(self, node_id: str) -> Path:
        """Return the path of the file with the output of a node's executor."""
        return self.workspace.run_folder(self.run_id) / f"{node_id}.log"

    def traceback_file(self, node_id: str) -> Path:
        """Return the path of the file with the traceback of an unexpected error while a node was launched."""
        return self.workspace.run_folder(self.run_id) / f"{node_id}.traceback.txt"
