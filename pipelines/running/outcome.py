"""The outcome of a run, read from the payloads of its artifacts: data, verdicts, files, push."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from pydantic import BaseModel

from data.errors import ExitCode, PoselineError
from lineage.marks import SPLITS
from lineage.measures import BLESSINGS, FORMS
from lineage.node_ids import NodeId
from lineage.nodes import GATES
from payloads.claims import HoldsFor
from payloads.data_judgement import DataJudgement, Finding
from payloads.evaluation import Evaluation
from payloads.judgements import EdgeJudgement, ServingJudgement
from payloads.push import PushRecord
from payloads.sequences import count_by_split, read_sequences
from payloads.verdict import Verdict
from pipelines.running.local_runner import RunResult
from pipelines.running.registration import connection_of
from pipelines.tfx_patches.shared_store import shared_store
from pipelines.workspace import Workspace
from serving_targets.releases import rolled_back_to

Outputs = dict[str, metadata_store_pb2.Artifact]
"""Artifacts of an execution by output key."""


@dataclass(frozen=True)
class NodeSummary:
    """What a report says about one node.

    Attributes:
        state: how the node ended.
        seconds: wall time of the node.
    """

    state: str
    seconds: float


@dataclass(frozen=True)
class DataGateSummary:
    """What a report says about DataGate.

    Attributes:
        span: number of the span that the data were compared with; None before the first blessed model.
        findings: findings that did not stop the run, with a `verdict` of `warn` or `pass`.
    """

    span: int | None
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as values for JSON."""
        return {"span": self.span, "findings": [finding.model_dump() for finding in self.findings]}


@dataclass
class Report:
    """The outcome of a run.

    Attributes:
        run_id: name of the run.
        state: `pushed`, `refused` (rejected by a gate), `failed`, or `stopped` (`--until`).
        did_nothing: whether everything was cached.
        seconds: wall time.
        nodes: node to its state and wall time.
        data: split to its number of sequences, windows, subjects and labels.
        data_gate: baseline and findings of DataGate; None if it did not run or rejected the data.
        accuracy: headline figures by name.
        verdicts: verdicts of the gates on the model.
        claims: what the test shows about the model, as a sentence; None if it was not tested.
        holds_for: whom the test stands for; None if that is not known.
        rejected: names of the verdicts that did not pass, without those of gates that only warn.
        warned: names of the verdicts that did not pass, of gates that only warn.
        warned_by: gates that rejected the model which was pushed, because they only warn.
        rejected_since: name and time of the run that found this, if the rejection is taken from the cache.
        files: file or format name to its figures: size, accuracy, differences, times.
        latency_ms: `p50` and `p95` of the int8 file.
        pushed: target to the folder of the published version.
        rolled_back: target to the version that it serves since a rollback, in place of the published one.
        error: why the run failed; None if it did not.
        exit_code: exit code of the command.
    """

    run_id: str
    state: str
    did_nothing: bool
    seconds: float
    nodes: dict[str, NodeSummary] = field(default_factory=dict)
    data: dict[str, dict[str, int]] = field(default_factory=dict)
    data_gate: DataGateSummary | None = None
    accuracy: dict[str, float] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    claims: str | None = None
    holds_for: HoldsFor | None = None
    rejected: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    warned_by: list[str] = field(default_factory=list)
    rejected_since: str | None = None
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    latency_ms: dict[str, float] = field(default_factory=dict)
    pushed: dict[str, str] = field(default_factory=dict)
    rolled_back: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    exit_code: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as values for JSON."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return values | {
            "nodes": {name: asdict(node) for name, node in self.nodes.items()},
            "data_gate": self.data_gate.to_dict() if self.data_gate else {},
            "verdicts": [verdict.model_dump() for verdict in self.verdicts],
        }


def collect(result: RunResult, workspace: Workspace) -> Report:
    """Read what the nodes of a run left behind."""
    failed = result.failed
    report = Report(
        run_id=result.run_id,
        state="failed" if failed else "stopped",
        did_nothing=result.did_nothing,
        seconds=round(result.seconds, 2),
        nodes={n.node: NodeSummary(n.state, round(n.seconds, 2)) for n in result.nodes.values()},
        error=str(failed.error) if failed else None,
        exit_code=failed.error.exit_code if failed and isinstance(failed.error, PoselineError) else 0,
    )
    store = shared_store(connection_of(workspace))
    outputs = {
        node.node: outputs_of(store, node.execution_id)
        for node in result.nodes.values()
        if node.execution_id is not None and node.state in ("done", "cached", "resolved")
    }
    _read_data(report, outputs.get(NodeId.KEYPOINT_EXAMPLE_GEN, {}))
    _read_data_gate(report, outputs.get(NodeId.DATA_GATE, {}))
    only_warn = [GATES[gate] for gate in result.plan.config.only_warn]
    _read_other_gates(report, outputs, only_warn)
    _read_evaluation(report, outputs.get(NodeId.EVALUATOR, {}), only_warn)
    _read_push(report, outputs.get(NodeId.PUSHER, {}))
    pusher = result.nodes.get(NodeId.PUSHER)
    if report.state == "refused" and pusher and pusher.state == "cached" and pusher.execution_id is not None:
        report.rejected_since = _origin(store, pusher.execution_id)
    return report


def _origin(store: MetadataStore, execution_id: int) -> str | None:
    """Return the name and the time of the run that made the outputs of a cached execution."""
    [cached] = store.get_executions_by_id([execution_id])
    found = store.get_executions_by_id([cached.custom_properties["cached_from"].int_value])
    if not found:
        return None
    made = datetime.fromtimestamp(found[0].create_time_since_epoch / 1000, UTC)
    return f"{found[0].custom_properties['run_id'].string_value} of {made:%Y-%m-%d %H:%M} UTC"


def outputs_of(store: MetadataStore, execution_id: int) -> Outputs:
    """Return the artifacts that an execution made, by output key."""
    events = [
        event
        for event in store.get_events_by_execution_ids([execution_id])
        if event.type == metadata_store_pb2.Event.OUTPUT
    ]
    artifacts = {a.id: a for a in store.get_artifacts_by_id([event.artifact_id for event in events])}
    return {event.path.steps[0].key: artifacts[event.artifact_id] for event in events}


def _read_data(report: Report, outputs: Outputs) -> None:
    if "examples" in outputs:
        counts = count_by_split(read_sequences(Path(outputs["examples"].uri)))
        report.data = {split: counts[split] for split in SPLITS if split in counts}


def _read_data_gate(report: Report, outputs: Outputs) -> None:
    if "blessing" in outputs:
        judgement = DataJudgement.read(Path(outputs["blessing"].uri))
        span = judgement.baseline.span if judgement.baseline else None
        report.data_gate = DataGateSummary(span, judgement.findings)


def _add_verdicts(report: Report, gate: str, verdicts: Iterable[Verdict], only_warn: Collection[str]) -> None:
    for verdict in verdicts:
        report.verdicts.append(verdict)
        if not verdict.passed:
            (report.warned if gate in only_warn else report.rejected).append(verdict.gate)


def _read_evaluation(report: Report, outputs: Outputs, only_warn: Collection[str]) -> None:
    if "evaluation" not in outputs:
        return
    evaluation = Evaluation.read(Path(outputs["evaluation"].uri))
    for name in ("accuracy", "macro_f1"):
        value = evaluation.whole.interval(name).value
        if value is not None:
            report.accuracy[f"saved_model_window_{name}"] = value
    _add_verdicts(report, NodeId.EVALUATOR, evaluation.verdicts, only_warn)


def _read_other_gates(report: Report, outputs: Mapping[str, Outputs], only_warn: Collection[str]) -> None:
    for gate in GATES.values():
        blessing = outputs.get(gate, {}).get("blessing")
        if blessing is None or blessing.type not in BLESSINGS:
            continue
        judgement = FORMS[blessing.type].read(Path(blessing.uri))
        _add_verdicts(report, gate, judgement.verdicts, only_warn)
        if isinstance(judgement, EdgeJudgement):
            report.accuracy |= {name: value for name, value in judgement.accuracy.items() if value is not None}
            if judgement.claims:
                report.claims, report.holds_for = judgement.claims.sentence, judgement.claims.holds_for
            _add_files(report, judgement.files)
        elif isinstance(judgement, ServingJudgement):
            report.latency_ms |= {name: value for name, value in judgement.latency_ms.items() if value is not None}
            _add_files(report, judgement.formats)


def _add_files(report: Report, figures: Mapping[str, BaseModel]) -> None:
    for name, found in figures.items():
        report.files[name] = {**report.files.get(name, {}), **found.model_dump()}


def _read_push(report: Report, outputs: Outputs) -> None:
    if "pushed_model" not in outputs:
        return
    properties = outputs["pushed_model"].custom_properties
    if properties["pushed"].int_value:
        report.state = "pushed"
        report.warned_by = list(PushRecord.read(Path(outputs["pushed_model"].uri)).warned_by)
        version = properties["version"].string_value
        targets = json.loads(properties["targets"].string_value)
        report.pushed = {name: str(Path(path) / version) for name, path in targets.items()}
        serving = {name: rolled_back_to(Path(path)) for name, path in targets.items()}
        report.rolled_back = {name: old for name, old in serving.items() if old is not None and str(old) != version}
    else:
        report.state = "refused"
        report.exit_code = ExitCode.REJECTED
