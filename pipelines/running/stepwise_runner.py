"""Runs that an orchestrator steps through: prepared once, then node by node, each in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store import MetadataStore

from data.errors import ExitCode, GateError, InputError, PoselineError
from lineage.nodes import NodeId
from payloads.push import PushRecord
from pipelines.compilation.dag_manifest import check_drawn
from pipelines.compilation.plan import Plan, read_plan_file
from pipelines.config import load_config
from pipelines.processes.children import ChildProcesses
from pipelines.processes.log_tail import following
from pipelines.running import late_binding, outcome
from pipelines.running.attempts import CLEARED
from pipelines.running.local_runner import RunResult, connection_of, interruptible, obtain_plan, register, run_facts
from pipelines.running.node_launch import SKIPPED, NodeResult, launch_node
from pipelines.running.recovery import recover
from pipelines.running.run_context import RunContext
from pipelines.tfx_patches.shared_store import shared_store
from pipelines.workspace import Workspace

_FIGURES = ("data", "accuracy", "verdicts", "files", "latency_ms", "pushed")


@dataclass(frozen=True)
class Step:
    """How one node of a prepared run came out, small enough for an orchestrator's own store.

    Attributes:
        result: of the node.
        run_id: its run.
        outputs: per artifact `key`, `id`, `type`, `uri`, and the `properties` that say what it is worth.
        figures: what the node counted, measured or judged.
        error: why it did not end well.
    """

    result: NodeResult
    run_id: str
    outputs: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    error: PoselineError | None = None

    @property
    def exit_code(self) -> int:
        """Of the command: 0 done, 1 a gate said no, 2 wrong input, 3 failed, 99 skipped."""
        if self.error:
            return self.error.exit_code
        return ExitCode.SKIPPED if self.result.state == SKIPPED else ExitCode.DONE

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        result = self.result
        return {
            "node": result.node,
            "run_id": self.run_id,
            "state": result.state,
            "seconds": round(result.seconds, 2),
            "execution_id": result.execution_id,
            "reason": result.reason,
            "outputs": self.outputs,
            "figures": self.figures,
            "error": str(self.error) if self.error else None,
        }


def prepare_run(
    manifest: Path,
    workspace: Workspace,
    run_id: str,
    *,
    span: int | None,
    overrides: Sequence[str],
    use_cache: bool,
    facts: Mapping[str, str],
    say: Any,
) -> dict[str, Any]:
    """Compiles the graph for one run, pins the run's data and settings in a file, and registers the run.

    Args:
        manifest: what `poseline compile` wrote.
        workspace: where to keep everything.
        run_id: name of the run in the metadata store.
        span: span of the data, None for the latest.
        overrides: `key=value`, on top of those that the manifest was compiled with.
        use_cache: whether earlier results may be used.
        facts: custom properties of the run, beside those of code and machine.
        say: told what happens, a line a call.

    Returns:
        `run_id`, `plan_file` that `step` needs, `span`, and the `overrides` in force.

    Raises:
        InputError: the manifest does not fit the code any more, an override is not valid, or there is no such data.
    """
    content = read_plan_file(manifest)
    source = content["source"]
    config = load_config(source["config"], [*source["overrides"], *overrides])
    connection = connection_of(workspace)
    for name in recover(workspace, connection):
        say(f"cleared up after {name}, whose process was killed")
    plan = obtain_plan(config, workspace, ChildProcesses(), say)
    check_drawn(plan, content["nodes"], manifest)
    folder = late_binding.chosen_span(config, span)
    facts = run_facts() | dict(facts)
    pinned: dict[str, Any] = {
        "id": run_id,
        "span": int(folder.name.rpartition("-")[2]),
        "use_cache": use_cache,
        "facts": facts,
        "drawn": [node["id"] for node in content["nodes"]],
    }
    path = workspace.run_plan(run_id)
    plan.save(path, run=pinned)
    register(RunContext(plan, workspace, run_id, ChildProcesses(), connection, facts=facts))
    say(f"run {run_id}: data {folder}")
    return {"run_id": run_id, "plan_file": str(path), "span": pinned["span"], "overrides": list(overrides)}


def step(
    plan_file: Path,
    workspace: Workspace,
    node: str,
    run_id: str,
    *,
    span: int | None = None,
    use_cache: bool = True,
    try_number: int = 0,
    cleared: int = 0,
    log_to: Any = None,
) -> Step:
    """Runs one node of a run whose earlier nodes have ended well; what an orchestrator's task calls.

    Args:
        plan_file: of `prepare_run`, or of `poseline compile` for a run that was not prepared.
        workspace: where everything is kept.
        node: its id.
        run_id: the run.
        span: span of the data where the file pins none, None for the latest.
        use_cache: whether earlier results may be used.
        try_number: the orchestrator's count of attempts, recorded with the execution.
        cleared: see RunContext.
        log_to: text stream that gets what the executor prints, while it prints it.

    Raises:
        InputError: no such node, or the file is stale or of another run.
    """
    content = read_plan_file(plan_file)
    pinned = content.get("run", {})
    if pinned and pinned["id"] != run_id:
        raise InputError(f"the file is of run {pinned['id']}, not {run_id}", str(plan_file), "prepare the run first")
    plan = Plan.load(plan_file)
    if node not in plan.nodes and node in pinned.get("drawn", ()):
        return Step(NodeResult(node, SKIPPED, reason="this run's settings need no such node"), run_id)
    if node not in plan.nodes:
        raise InputError(f"no node {node!r}", "the compiled graph", f"there are: {', '.join(plan.nodes)}")
    children = ChildProcesses()
    run = RunContext(
        plan=plan,
        workspace=workspace,
        run_id=run_id,
        children=children,
        connection=connection_of(workspace),
        span=pinned.get("span", span),
        use_cache=use_cache and pinned.get("use_cache", True),
        facts=pinned.get("facts") or run_facts(),
        marks={"try": str(try_number), CLEARED: str(cleared)} if try_number or cleared else {},
        cleared=cleared,
    )
    if not pinned:
        register(run)
    # In a thread: an interrupt then ends the executor, and the launch records the failure and clears up.
    with ThreadPoolExecutor(1) as pool, following(run.log_file(node), log_to), interruptible(children):
        result = pool.submit(launch_node, run, node).result()
    return _described(run, result)


def _described(run: RunContext, result: NodeResult) -> Step:
    if result.error or result.execution_id is None:
        return Step(result, run.run_id, error=result.error)
    report = outcome.collect(RunResult(run.run_id, run.plan, {result.node: result}), run.workspace)
    values = report.to_dict()
    figures = {name: values[name] for name in _FIGURES if values[name]}
    outputs = _outputs(shared_store(run.connection), result.execution_id)
    return Step(result, run.run_id, outputs, figures, _rejection(result.node, outputs))


def _outputs(store: MetadataStore, execution_id: int) -> list[dict[str, Any]]:
    kinds = {kind.id: kind.name for kind in store.get_artifact_types()}
    return [
        {
            "key": key,
            "id": artifact.id,
            "type": kinds[artifact.type_id],
            "uri": artifact.uri,
            "properties": {
                name: value.int_value if value.HasField("int_value") else value.string_value
                for name, value in artifact.custom_properties.items()
                if name in ("blessed", "pushed", "version", "digest")
            },
        }
        for key, artifact in outcome.outputs_of(store, execution_id).items()
    ]


def _rejection(node: str, outputs: Sequence[Mapping[str, Any]]) -> GateError | None:
    """Return the error of a Pusher that did not push, because a gate rejected the model."""
    for output in outputs:
        if node == NodeId.PUSHER and not output["properties"].get("pushed"):
            record = PushRecord.read(Path(output["uri"]))
            reasons = "".join(f"; {reason}" for reason in record.reasons)
            return GateError(
                f"not pushed: {' and '.join(record.refused_by)} rejected the model{reasons};"
                " the version that is served stays",
                output["uri"],
                "see the verdicts of that gate; train longer or on more data, or change its threshold in schema/",
            )
    return None
