"""Runs a plan on this machine: nodes in dependency order, independent nodes at the same time."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tfx.orchestration.portable import partial_run_utils

from data.errors import InputError
from lineage.store.locking import using_root
from lineage.store.reader import LineageStore
from pipelines.compilation.plan import Plan, ancestors, descendants
from pipelines.processes.children import ChildProcesses
from pipelines.processes.interruption import ending_children
from pipelines.running import recording
from pipelines.running.forecast import Forecast
from pipelines.running.node_launch import CACHED, FAILED, RESOLVED, SKIPPED, NodeResult, launch_node
from pipelines.running.recovery import recover
from pipelines.running.registration import (
    connection_of,
    new_run_id,
    refuse_payloads_of_another_store,
    register,
    run_facts,
)
from pipelines.running.run_context import RunContext
from pipelines.tfx_patches.shared_store import SharedMetadata
from pipelines.workspace import Workspace


class Progress(Protocol):
    """A display of a run; its methods are called while the run goes on."""

    def plan(self, nodes: Sequence[str]) -> None:
        """Show the nodes that the run consists of, in order."""

    def running(self, node: str, log: Path, reason: str) -> None:
        """Show that a node's executor starts, and why; its log says how far it is."""

    def ended(self, result: NodeResult) -> None:
        """Show how a node ended."""

    def say(self, line: str) -> None:
        """Show a message."""


@dataclass
class RunResult:
    """The results of a run's nodes.

    Attributes:
        run_id: name of the run in the metadata store.
        plan: plan that was run.
        nodes: node id to the node's result, in the order of the plan.
        seconds: wall time of the run.
    """

    run_id: str
    plan: Plan
    nodes: dict[str, NodeResult] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def failed(self) -> NodeResult | None:
        """The first failed node; None if no node failed."""
        return next((result for result in self.nodes.values() if result.state == FAILED), None)

    @property
    def did_nothing(self) -> bool:
        """Whether no executor ran."""
        return all(result.state in (CACHED, RESOLVED) for result in self.nodes.values())


def run_plan(
    plan: Plan,
    workspace: Workspace,
    children: ChildProcesses,
    progress: Progress,
    *,
    span: int | None = None,
    from_node: str | None = None,
    until_node: str | None = None,
    use_cache: bool = True,
) -> RunResult:
    """Run the nodes of a plan.

    Args:
        plan: plan to run.
        workspace: workspace of the run.
        children: child processes for the executors.
        progress: display of the run.
        span: number of the span to read; None reads the latest.
        from_node: first node to run; the results of the nodes before it are taken from an earlier run.
        until_node: last node to run; nodes that it does not need are left out.
        use_cache: whether earlier results may be used.

    Returns:
        The result of each node. After a failed node no other node is started; its error is in its result, not raised.

    Raises:
        InputError: there is no such node, or no earlier run has the results that `from_node` needs.
    """
    connection = connection_of(workspace)
    refuse_payloads_of_another_store(workspace, connection)
    with using_root(workspace.root):
        for name in recover(workspace, connection):
            progress.say(f"removed what {name} left behind, which was killed or could not record its end")
        run_id = new_run_id(plan.config.name)
        run = RunContext(plan, workspace, run_id, children, connection, span, use_cache, run_facts())
        register(run)
        chosen = _choose(plan, from_node, until_node)
        if from_node:
            _take_from_earlier_run(run, chosen, from_node, until_node)
        result = RunResult(run.run_id, plan)
        begin = time.monotonic()
        progress.plan([node for node in plan.nodes if node in chosen])
        with ending_children(children):
            _run_nodes(run, chosen, progress, result)
    result.seconds = time.monotonic() - begin
    return result


def start_fork_server_if_needed(forecasts: Sequence[Forecast], plan: Plan, children: ChildProcesses) -> None:
    """Start the heavy imports early if a node that needs them is going to run."""
    if any(node.refused for node in forecasts):
        return
    if any(node.runs and plan.is_heavy(node.node) for node in forecasts if plan.executor_spec(node.node) is not None):
        children.start_fork_server()


def _choose(plan: Plan, from_node: str | None, until_node: str | None) -> set[str]:
    for name in (from_node, until_node):
        if name is not None and name not in plan.nodes:
            raise InputError(f"no node {name!r}", "--from, --until", f"the nodes are: {', '.join(plan.nodes)}")
    chosen = set(plan.nodes)
    if from_node:
        chosen &= descendants(plan.nodes, from_node)
    if until_node:
        chosen &= ancestors(plan.nodes, until_node)
    if not chosen:
        raise InputError(f"no node lies between {from_node} and {until_node}", "--from, --until", "swap the two nodes")
    return chosen


def _run_nodes(run: RunContext, chosen: set[str], progress: Progress, result: RunResult) -> None:
    nodes = run.plan.nodes
    waiting = [node for node in nodes if node in chosen]
    running: dict[Future[NodeResult], str] = {}
    with ThreadPoolExecutor(run.plan.config.runner.parallel_nodes, "node") as pool:
        while waiting or running:
            busy = {*waiting, *running.values()}
            ready = [node for node in waiting if not busy.intersection(nodes[node].upstream_nodes)]
            if result.failed:
                ready, waiting = [], []
            for node in ready[: run.plan.config.runner.parallel_nodes - len(running)]:
                waiting.remove(node)
                started = functools.partial(progress.running, node, run.log_file(node))
                running[pool.submit(launch_node, run, node, started)] = node
            for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                ended = future.result()
                result.nodes[running.pop(future)] = ended
                progress.ended(ended)
    for node in nodes:
        if node in chosen and node not in result.nodes:
            result.nodes[node] = NodeResult(node, SKIPPED, reason="a node before it failed")
    result.nodes = {node: result.nodes[node] for node in nodes if node in result.nodes}


def _take_from_earlier_run(run: RunContext, chosen: set[str], from_node: str, until_node: str | None) -> None:
    """Record the outputs of an earlier run as the results of the nodes before `from_node`."""
    needed = {a for node in chosen for a in ancestors(run.plan.nodes, node)} - chosen
    if not needed:
        return
    with SharedMetadata(run.connection) as handle:
        settings = partial_run_utils.pipeline_pb2.SnapshotSettings()
        partial_run_utils.set_base_pipeline_run_strategy(settings, _last_run_with(run, needed))
        partial_run_utils.mark_pipeline(run.ir, [from_node], [until_node] if until_node else None, None, None, settings)
        partial_run_utils.snapshot(handle, run.ir)
        recording.record_snapshot(handle.store, run)


def _last_run_with(run: RunContext, needed: set[str]) -> str:
    """Return the newest run in which all these nodes succeeded."""
    store = LineageStore(run.connection)
    for earlier in store.runs_before(store.run(run.run_id)):
        if needed <= {execution.node for execution in store.executions_of(earlier) if execution.succeeded}:
            return earlier.name
    raise InputError(
        f"no earlier run of {run.plan.config.name!r} has the results of {', '.join(sorted(needed))}",
        "--from",
        "leave --from out: results that exist are taken from the cache",
    )
