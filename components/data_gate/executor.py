"""Adapter between TFX and the judgement of DataGate."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError, Message
from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList as Statistics
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import Artifact, artifact_utils

from components.data_gate.judge import Finding, Policy, as_table, judge
from data.errors import GateError

VERDICT_FILE = "verdict.json"

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
        policy = Policy.model_validate_json(exec_properties["policy"])
        findings = judge(
            _read_splits(anomalies, _ANOMALIES_FILE, Anomalies),
            _read_splits(statistics, _STATISTICS_FILE, Statistics),
            policy,
        )
        if stopping := sum(finding.stops for finding in findings):
            raise GateError(
                f"DataGate found {stopping} fault{'s' * (stopping > 1)} in the data\n{as_table(findings)}",
                f"anomalies {anomalies.uri}, statistics {statistics.uri}",
                "mend the data and run again; what is to be tolerated goes into the gate's policy (data_gate.warn)",
            )
        _write_verdict(Path(blessing.uri), policy, findings)
        blessing.set_int_custom_property("blessed", 1)


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


def _write_verdict(folder: Path, policy: Policy, warnings: list[Finding]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    verdict = {"blessed": 1, "policy": policy.model_dump(), "warnings": [asdict(finding) for finding in warnings]}
    (folder / VERDICT_FILE).write_text(json.dumps(verdict, indent=1) + "\n", encoding="utf-8")
