"""Runs that an orchestrator drives: prepared once, then one node after the other, each in its own process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from ml_metadata.metadata_store import MetadataStore

from data.errors import ExitCode, GateError, InputError, PoselineError
from lineage.node_ids import NodeId
from lineage.store.locking import using_root
from lineage.unfinished import NODES
from payloads.push import PushRecord
from pipelines.compilation.dag_manifest import check_drawn, read_dag_manifest
from pipelines.compilation.plan import Plan, read_plan_file
from pipelines.config import load_config
from pipelines.processes.children import ChildProcesses
from pipelines.processes.interruption import ending_children
from pipelines.processes.log_tail import following
from pipelines.running import late_binding, outcome
from pipelines.running.attempts import CLEARED
from pipelines.running.local_runner import RunResult
from pipelines.running.node_launch import SKIPPED, NodeResult, launch_node
from pipelines.running.plan_cache import obtain_plan
from pipelines.running.recovery import recover
from pipelines.running.registration import connection_of, refuse_payloads_of_another_store, register, run_facts
from pipelines.running.run_context import RunContext
from pipelines.tfx_patches.shared_store import shared_store
from pipelines.workspace import Workspace

_FIGURES = (
    *("data", "accuracy", "verdicts", "rejected", "warned", "files", "latency_ms"),
    *("pushed", "warned_by", "rolled_back"),
)


@dataclass(frozen=True)
class OutputArtifact:
    """An artifact that a node made.

    Attributes:
        key: name of the output channel.
        id: artifact id.
        type: name of the artifact type.
        uri: folder of the payload.
        properties: its custom properties among `blessed`, `pushed`, `version` and `digest`.
    """

    key: str
    id: int
    type: str
    uri: str
    properties: dict[str, int | str]


@dataclass(frozen=True)
class Step:
    """The outcome of one node of a run, small enough for an orchestrator's own store.

    Attributes:
        result: result of the node.
        run_id: name of the run in the metadata store.
        outputs: artifacts that the node made.
        figures: counts, measurements and verdicts of the node, by name.
        error: cause of the failure or the rejection; None if there is none.
    """

    result: NodeResult
    run_id: str
    outputs: list[OutputArtifact] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    error: PoselineError | None = None

    @property
    def exit_code(self) -> int:
        """The command's exit code: 0 done, 1 rejected by a gate, 2 wrong input, 3 failed, 99 skipped."""
        if self.error:
            return self.error.exit_code
        return ExitCode.SKIPPED if self.result.state == SKIPPED else ExitCode.DONE

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as values for JSON."""
        result = self.result
        return {
            "node": result.node,
            "run_id": self.run_id,
            "state": result.state,
            "seconds": round(result.seconds, 2),
            "execution_id": result.execution_id,
            "reason": result.reason,
            "outputs": [asdict(output) for output in self.outputs],
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
    say: Callable[[str], object],
) -> dict[str, Any]:
    """Compile the plan of one run, write it to a file with the run's span and settings, and record the run.

    Args:
        manifest: DAG manifest that `poseline compile` wrote.
        workspace: workspace of the run.
        run_id: name of the run in the metadata store.
        span: number of the span to read; None reads the latest.
        overrides: overrides `key=value`, applied after those of the manifest.
        use_cache: whether earlier results may be used.
        facts: custom properties of the run, in addition to the facts about code and machine.
        say: function that is called with each message.

    Returns:
        The `run_id`, the `plan_file` for `step`, the `span`, and the `overrides` of this run.

    Raises:
        InputError: the manifest is stale, an override is not valid, or the span does not exist.
    """
    content = read_dag_manifest(manifest)
    source = content["source"]
    config = load_config(source["config"], [*source["overrides"], *overrides])
    connection = connection_of(workspace)
    refuse_payloads_of_another_store(workspace, connection)
    with using_root(workspace.root):
        for name in recover(workspace, connection):
            say(f"removed what {name} left behind, which was killed or could not record its end")
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
            NODES: {name: list(node.upstream_nodes) for name, node in plan.nodes.items()},
        }
        path = workspace.plan_file_of_run(run_id)
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
    log_to: TextIO | None = None,
) -> Step:
    """Run one node of a run whose earlier nodes have succeeded, as a task of an orchestrator does.

    Args:
        plan_file: file that `prepare_run` wrote, or a DAG manifest for a run that was not prepared.
        workspace: workspace of the run.
        node: id of the node.
        run_id: name of the run in the metadata store.
        span: number of the span to read if the file names none; None reads the latest.
        use_cache: whether earlier results may be used.
        try_number: the orchestrator's number of the attempt, which is recorded with the execution.
        cleared: how often the orchestrator's user has cleared the task; see `RunContext`.
        log_to: stream to which the executor's output is copied; None copies nothing.

    Returns:
        The outcome of the node.

    Raises:
        InputError: there is no such node, or the file is stale or belongs to another run.
    """
    content = read_plan_file(plan_file)
    pinned = content.get("run", {})
    if pinned and pinned["id"] != run_id:
        raise InputError(
            f"the file belongs to run {pinned['id']}, not to {run_id}", str(plan_file), "run `poseline prepare` first"
        )
    plan = Plan.load(plan_file)
    if node not in plan.nodes and node in pinned.get("drawn", ()):
        return Step(NodeResult(node, SKIPPED, reason="the settings of this run do not need it"), run_id)
    if node not in plan.nodes:
        raise InputError(f"no node {node!r}", "the plan", f"the nodes are: {', '.join(plan.nodes)}")
    run = RunContext(
        plan=plan,
        workspace=workspace,
        run_id=run_id,
        children=ChildProcesses(),
        connection=connection_of(workspace),
        span=pinned.get("span", span),
        use_cache=use_cache and pinned.get("use_cache", True),
        facts=pinned.get("facts") or run_facts(),
        marks={"try": str(try_number), CLEARED: str(cleared)} if try_number or cleared else {},
        cleared=cleared,
    )
    if not pinned:
        register(run)
    with using_root(workspace.root):
        return _describe(run, _launch_in_thread(run, node, log_to))


def _launch_in_thread(run: RunContext, node: str, log_to: TextIO | None) -> NodeResult:
    """Launch a node so that its failure is recorded even after an interrupt, which ends the executor."""
    with ThreadPoolExecutor(1) as pool, following(run.log_file(node), log_to), ending_children(run.children):
        return pool.submit(launch_node, run, node).result()


def _describe(run: RunContext, result: NodeResult) -> Step:
    if result.error or result.execution_id is None:
        return Step(result, run.run_id, error=result.error)
    report = outcome.collect(RunResult(run.run_id, run.plan, {result.node: result}), run.workspace)
    values = report.to_dict()
    figures = {name: values[name] for name in _FIGURES if values[name]}
    outputs = _outputs(shared_store(run.connection), result.execution_id)
    return Step(result, run.run_id, outputs, figures, _rejection(result.node, outputs))


def _outputs(store: MetadataStore, execution_id: int) -> list[OutputArtifact]:
    kinds = {kind.id: kind.name for kind in store.get_artifact_types()}
    return [
        OutputArtifact(
            key=key,
            id=artifact.id,
            type=kinds[artifact.type_id],
            uri=artifact.uri,
            properties={
                name: value.int_value if value.HasField("int_value") else value.string_value
                for name, value in artifact.custom_properties.items()
                if name in ("blessed", "pushed", "version", "digest")
            },
        )
        for key, artifact in outcome.outputs_of(store, execution_id).items()
    ]


def _rejection(node: str, outputs: Sequence[OutputArtifact]) -> GateError | None:
    """Return the error of a Pusher that did not push, because a gate rejected the model."""
    for output in outputs:
        if node == NodeId.PUSHER and not output.properties.get("pushed"):
            record = PushRecord.read(Path(output.uri))
            reasons = "".join(f"; {reason}" for reason in record.reasons)
            return GateError(
                f"not pushed: {' and '.join(record.refused_by)} rejected the model{reasons};"
                " the published version is unchanged",
                output.uri,
                "see the verdicts of that gate; train longer or on more data, or change its threshold in schema/",
            )
    return None
