"""Runs a plan on this machine: nodes in dependency order, independent ones side by side."""

from __future__ import annotations

import datetime
import functools
import hashlib
import platform
import secrets
import signal
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Protocol

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration.portable import partial_run_utils
from tfx.orchestration.portable.mlmd import context_lib

from data.errors import InputError, PoselineError
from data.project import PROJECT_ROOT
from lineage.store import backend
from lineage.store.reader import LineageStore
from pipelines.compilation.compiler import compile_to
from pipelines.compilation.lint import lint
from pipelines.compilation.plan import Plan, ancestors, compile_key, descendants
from pipelines.config import PipelineConfig
from pipelines.processes.children import ChildProcesses
from pipelines.processes.executor_main import read_error
from pipelines.running import recording
from pipelines.running.forecast import Forecast
from pipelines.running.node_launch import CACHED, FAILED, RESOLVED, SKIPPED, NodeResult, launch_node
from pipelines.running.recovery import recover
from pipelines.running.run_context import RunContext
from pipelines.tfx_patches.shared_store import SharedMetadata
from pipelines.workspace import Workspace


class Progress(Protocol):
    """Told what happens while it happens."""

    def plan(self, nodes: Sequence[str]) -> None:
        """The nodes that will be gone through, in order."""

    def running(self, node: str, reason: str) -> None:
        """A node's executor starts."""

    def ended(self, result: NodeResult) -> None:
        """A node ended."""

    def say(self, line: str) -> None:
        """Anything else worth knowing."""


@dataclass
class RunResult:
    """What became of a run.

    Attributes:
        run_id: its name in the metadata store.
        plan: what was run.
        nodes: result of each node, in order.
        seconds: wall time of all.
    """

    run_id: str
    plan: Plan
    nodes: dict[str, NodeResult] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def failed(self) -> NodeResult | None:
        """The first node that failed."""
        return next((result for result in self.nodes.values() if result.state == FAILED), None)

    @property
    def did_nothing(self) -> bool:
        """Whether no executor ran."""
        return all(result.state in (CACHED, RESOLVED) for result in self.nodes.values())


def connection_of(workspace: Workspace) -> metadata_store_pb2.ConnectionConfig:
    """Connection of the workspace's metadata store; the environment may name another, see `lineage.store.backend`."""
    return backend.connection(workspace.root)


def obtain_plan(config: PipelineConfig, workspace: Workspace, children: ChildProcesses, say: Any = None) -> Plan:
    """The compiled graph of a configuration, from the workspace if nothing that it depends on changed.

    Raises:
        InputError: the configuration, schema or gates do not fit together.
    """
    path = workspace.ir / f"{config.name}-{compile_key(config)[:16]}.json"
    if not path.exists():
        if say:
            say("compiling the graph")
        path.parent.mkdir(parents=True, exist_ok=True)
        log = workspace.ir / f"{config.name}.log"
        children.run(
            compile_to,
            (config.model_dump_json(), str(workspace.artifacts(config.name)), str(path)),
            log,
            heavy=True,
        )
        error = read_error(path)
        if error is not None:
            raise error
        if not path.exists():
            raise PoselineError("the graph could not be compiled", str(log), "see the log")
    plan = Plan(config, Plan.load(path).ir)
    lint(plan)
    return plan


def new_run_id(name: str) -> str:
    """A name that sorts by time and is unique."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3]
    return f"{name}-{now}-{secrets.token_hex(2)}"


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
    base_run: str | None = None,
) -> RunResult:
    """Runs the plan's nodes.

    Args:
        plan: what to run.
        workspace: where to keep it.
        children: starts executors.
        progress: told what happens.
        span: span of the data, None for the latest.
        from_node: nodes that do not follow this one are taken from `base_run`.
        until_node: nodes that this one does not need are left out.
        use_cache: whether earlier results may be used.
        base_run: run that stands in for what lies before `from_node`.

    Returns:
        What became of each node. A failed node ends the run; nothing is raised for it.
    """
    connection = connection_of(workspace)
    for name in recover(workspace, connection):
        progress.say(f"cleared up after {name}, whose process was killed")
    run = RunContext(plan, workspace, new_run_id(plan.config.name), children, connection, span, use_cache, run_facts())
    register(run)
    chosen = _choose(plan, from_node, until_node)
    if from_node:
        _take_from(run, chosen, from_node, until_node, base_run)
    result = RunResult(run.run_id, plan)
    begin = time.monotonic()
    progress.plan([node for node in plan.nodes if node in chosen])
    with interruptible(children):
        _run_nodes(run, chosen, progress, result)
    result.seconds = time.monotonic() - begin
    return result


def warm_up_if_needed(foretold: Sequence[Forecast], plan: Plan, children: ChildProcesses) -> None:
    """Starts the heavy imports early if a heavy node is going to run."""
    if any(node.runs and plan.is_heavy(node.node) for node in foretold if plan.executor_spec(node.node) is not None):
        children.warm_up()


def _choose(plan: Plan, from_node: str | None, until_node: str | None) -> set[str]:
    for name in (from_node, until_node):
        if name is not None and name not in plan.nodes:
            raise InputError(f"no node {name!r}", "--from, --until", f"there are: {', '.join(plan.nodes)}")
    chosen = set(plan.nodes)
    if from_node:
        chosen &= descendants(plan.nodes, from_node)
    if until_node:
        chosen &= ancestors(plan.nodes, until_node)
    if not chosen:
        raise InputError(f"nothing lies between {from_node} and {until_node}", "--from, --until", "swap them?")
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
                started = functools.partial(progress.running, node)
                running[pool.submit(launch_node, run, node, started)] = node
            for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                ended = future.result()
                result.nodes[running.pop(future)] = ended
                progress.ended(ended)
    for node in nodes:
        if node in chosen and node not in result.nodes:
            result.nodes[node] = NodeResult(node, SKIPPED, reason="a node before it failed")
    result.nodes = {node: result.nodes[node] for node in nodes if node in result.nodes}


class interruptible:  # noqa: N801
    """Turns SIGTERM into KeyboardInterrupt, and ends the executors on either."""

    def __init__(self, children: ChildProcesses) -> None:
        self._children = children

    def __enter__(self) -> None:
        self._previous = signal.signal(signal.SIGTERM, self._interrupt)
        self._previous_int = signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, *_: object) -> None:
        self._children.terminate()
        raise KeyboardInterrupt

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._previous)
        signal.signal(signal.SIGINT, self._previous_int)


def _take_from(run: RunContext, chosen: set[str], from_node: str, until_node: str | None, base_run: str | None) -> None:
    """Lets the nodes before `from_node` stand with the outputs of an earlier run."""
    needed = {a for node in chosen for a in ancestors(run.plan.nodes, node)} - chosen
    if not needed:
        return
    with SharedMetadata(run.connection) as handle:
        base = base_run or _last_run_with(run, needed)
        settings = partial_run_utils.pipeline_pb2.SnapshotSettings()
        partial_run_utils.set_base_pipeline_run_strategy(settings, base)
        partial_run_utils.mark_pipeline(run.ir, [from_node], [until_node] if until_node else None, None, None, settings)
        partial_run_utils.snapshot(handle, run.ir)
        recording.record_snapshot(handle.store, run)


def _last_run_with(run: RunContext, needed: set[str]) -> str:
    """The newest run in which all these nodes ended well."""
    store = LineageStore(run.connection)
    for earlier in store.runs_before(store.run(run.run_id)):
        if needed <= {execution.node for execution in store.executions_of(earlier) if execution.succeeded}:
            return earlier.name
    raise InputError(
        f"no earlier run of {run.plan.config.name!r} has the results of {', '.join(sorted(needed))}",
        "--from",
        "leave --from out: what is there already is found in the cache",
    )


def register(run: RunContext) -> None:
    """Puts the run into the metadata store with what is known about its code and environment."""
    first = next(iter(run.ir.nodes)).pipeline_node
    with SharedMetadata(run.connection) as handle:
        context_lib.prepare_contexts(metadata_handle=handle, node_contexts=first.contexts)
        context = handle.store.get_context_by_type_and_name(constants.PIPELINE_RUN_CONTEXT_TYPE_NAME, run.run_id)
        for key, value in run.facts.items():
            context.custom_properties[key].string_value = str(value)
        handle.store.put_contexts([context])


def run_facts() -> dict[str, str]:
    """Code and environment of a run: git commit, uncommitted changes, digest of the lock file, Python."""

    def git(*arguments: str) -> str:
        try:
            command = ["git", "-C", str(PROJECT_ROOT), *arguments]
            return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            return ""

    lock = hashlib.sha256((PROJECT_ROOT / "uv.lock").read_bytes()).hexdigest()
    return {
        "git_commit": git("rev-parse", "HEAD") or "unknown",
        "git_dirty": str(bool(git("status", "--porcelain", "--untracked-files=no"))).lower(),
        "lock_digest": lock,
        "python": platform.python_version(),
    }
