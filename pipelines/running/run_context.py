"""What the nodes of one run share."""

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
    """What the nodes of one run share.

    Attributes:
        plan: compiled graph; `ir` below is its copy with the run id filled in.
        workspace: where everything is kept.
        run_id: name of the run in the metadata store.
        children: starts executors.
        connection: of the metadata store; never written anywhere.
        span: span of the data, None for the latest.
        use_cache: whether earlier results may be used.
        facts: of the code and the machine, recorded with the run.
        marks: recorded with every execution that this process makes, such as an orchestrator's count of attempts.
        cleared: how far an orchestrator's user has taken results of this run back: what ended well with a smaller
            number (mark `cleared` of its execution) is run again.
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
        """The graph of this run."""
        ir = pipeline_pb2.Pipeline()
        ir.CopyFrom(self.plan.ir)
        runtime_parameter_utils.substitute_runtime_parameter(
            ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: self.run_id}
        )
        return ir

    def node(self, node_id: str) -> pipeline_pb2.PipelineNode:
        """The node of this run's graph, to be changed freely by its launch."""
        return next(n.pipeline_node for n in self.ir.nodes if n.pipeline_node.node_info.id == node_id)

    def log_file(self, node_id: str) -> Path:
        """What the node's executor prints."""
        return self.workspace.run_folder(self.run_id) / f"{node_id}.log"

    def record_file(self, node_id: str) -> Path:
        """What became of the node, with the parts of its cache key."""
        return self.workspace.run_folder(self.run_id) / f"{node_id}.json"
