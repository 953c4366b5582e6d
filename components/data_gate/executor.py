"""Adapter between TFX and the judgement of DataGate."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError, Message
from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList as Statistics
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import Artifact, artifact_utils

from components.data_gate.findings_table import as_table
from components.data_gate.judge import Evidence, judge
from components.data_gate.window_evidence import Witnesses
from data.errors import GateError
from lineage.payloads.data_judgement import Baseline, Comparison, DataJudgement, Finding
from schema.gates import DataPolicy

_ANOMALIES_FILE = "SchemaDiff.pb"
_STATISTICS_FILE = "FeatureStats.pb"


class Executor(BaseExecutor):
    """Runs DataGate; see the component."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Judge, and bless or raise.

        Raises:
            GateError: if anything stops the run; holds the table of all that was found.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        anomalies = artifact_utils.get_single_instance(input_dict["anomalies"])
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        baseline = next(iter(input_dict.get("baseline", ())), None)
        examples = next(iter(input_dict.get("examples", ())), None)
        policy = DataPolicy.model_validate_json(exec_properties["policy"])
        evidence = Evidence(
            anomalies=_read_splits(anomalies, _ANOMALIES_FILE, Anomalies),
            statistics=_read_splits(statistics, _STATISTICS_FILE, Statistics),
            baseline=_read_splits(baseline, _STATISTICS_FILE, Statistics) if baseline else {},
            baseline_name=f"span {baseline.span}" if baseline else "",
            witnesses=Witnesses(Path(examples.uri) if examples else None),
        )
        findings = judge(evidence, policy)
        if stopping := sum(finding.stops for finding in findings):
            raise GateError(
                f"DataGate found {stopping} fault{'s' * (stopping > 1)} in the data\n{as_table(findings)}",
                f"anomalies {anomalies.uri}, statistics {statistics.uri}",
                "mend the data and run again; what may pass goes into the gate's policy (data_gate.anomalies)",
            )
        judgement = DataJudgement(
            policy=policy.model_dump(),
            baseline=Baseline(statistics=baseline.id, span=baseline.span) if baseline else None,
            findings=tuple(findings),
            compared=tuple(_compared(evidence)),
        )
        judgement.write(Path(blessing.uri))
        blessing.set_int_custom_property("blessed", 1)
        _tell(findings, evidence)


def _tell(findings: list[Finding], evidence: Evidence) -> None:
    """For the node's log."""
    if not evidence.baseline:
        print("no model was blessed yet that was made of other data: there is no span to compare with")
    print(as_table(findings))


def _compared(evidence: Evidence) -> Iterator[Comparison]:
    """Every distance that was measured, within bounds or not."""
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
        path = Path(artifact_utils.get_split_uri([artifact], split)) / name
        try:
            messages[split] = kind.FromString(path.read_bytes())
        except (OSError, DecodeError) as error:
            raise GateError(
                f"what was found in split {split!r} cannot be read: {error}", str(path), "run with --no-cache"
            ) from error
    if not messages:
        raise GateError("there is no split to judge", artifact.uri, "check the split policy")
    return messages
