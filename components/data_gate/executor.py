"""Executor of DataGate."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError, Message
from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList as Statistics
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import Artifact, artifact_utils

from components.artifacts.folders import (
    ANOMALIES_FILE,
    STATISTICS_FILE,
    only_artifact,
    optional_artifact,
    split_folder,
)
from components.data_gate.findings_table import format_findings
from components.data_gate.judge import Evidence, judge
from components.data_gate.window_evidence import WindowEvidence
from data.errors import GateError
from data.text import say
from payloads.data_judgement import Baseline, Comparison, DataJudgement, Finding
from schema.gates import DataPolicy


class Executor(BaseExecutor):
    """TFX executor that judges a span and blesses it or stops the run."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Judge the span; bless it if nothing stops the run.

        Raises:
            GateError: a finding stops the run; the message contains the table of findings.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        anomalies = only_artifact(input_dict, "anomalies")
        statistics = only_artifact(input_dict, "statistics")
        blessing = only_artifact(output_dict, "blessing")
        baseline = optional_artifact(input_dict, "baseline")
        examples = optional_artifact(input_dict, "examples")
        policy = DataPolicy.model_validate_json(exec_properties["policy"])
        evidence = Evidence(
            anomalies=_read_splits(anomalies, ANOMALIES_FILE, Anomalies),
            statistics=_read_splits(statistics, STATISTICS_FILE, Statistics),
            baseline=_read_splits(baseline, STATISTICS_FILE, Statistics) if baseline else {},
            baseline_name=f"span {baseline.span}" if baseline else "",
            windows=WindowEvidence(Path(examples.uri) if examples else None),
        )
        findings = judge(evidence, policy)
        if stopping := sum(finding.stops for finding in findings):
            faults = "fault" if stopping == 1 else "faults"
            raise GateError(
                f"DataGate found {stopping} {faults} in the data\n{format_findings(findings)}",
                f"anomalies {anomalies.uri}, statistics {statistics.uri}",
                "fix the data and run again, or allow the anomaly in the gate's policy (data_gate.anomalies)",
            )
        judgement = DataJudgement(
            policy=policy.model_dump(),
            baseline=Baseline(statistics=baseline.id, span=baseline.span) if baseline else None,
            findings=tuple(findings),
            compared=tuple(_compared(evidence)),
        )
        judgement.write(Path(blessing.uri))
        blessing.set_int_custom_property("blessed", 1)
        _print_findings(findings, evidence)


def _print_findings(findings: list[Finding], evidence: Evidence) -> None:
    """Print the findings to the log of the node."""
    if not evidence.baseline:
        say("there is no span to compare with: no model that was trained on other data has been blessed")
    say(format_findings(findings))


def _compared(evidence: Evidence) -> Iterator[Comparison]:
    """Yield every measured distance, within its bound or not."""
    for split, anomalies in evidence.anomalies.items():
        for info in anomalies.drift_skew_info:
            for kind, measured in (("drift", info.drift_measurements), ("skew", info.skew_measurements)):
                for measurement in measured:
                    yield Comparison(
                        split=split,
                        feature=".".join(info.path.step),
                        comparison=kind,
                        measure=type(measurement).Type.Name(measurement.type).lower(),
                        figure=measurement.value,
                        threshold=measurement.threshold,
                    )


def _read_splits[MessageT: Message](artifact: Artifact, name: str, kind: type[MessageT]) -> dict[str, MessageT]:
    messages = {}
    for split in artifact_utils.decode_split_names(artifact.split_names):
        path = split_folder(Path(artifact.uri), split) / name
        try:
            messages[split] = kind.FromString(path.read_bytes())
        except (OSError, DecodeError) as error:
            raise GateError(
                f"the anomalies or statistics of split {split!r} cannot be read: {error}",
                str(path),
                "run with --no-cache",
            ) from error
    if not messages:
        raise GateError("the data have no splits", artifact.uri, "check the split policy")
    return messages
