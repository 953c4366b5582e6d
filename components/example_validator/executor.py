"""Executor of ExampleValidator: compares statistics with TensorFlow Data Validation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList as Statistics
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import Artifact, artifact_utils

from components.artifacts.folders import (
    ANOMALIES_FILE,
    STATISTICS_FILE,
    artifact_folder,
    only_artifact,
    schema_file,
    split_folder,
)
from data.files import write_atomically

_TRAIN = "train"


class Executor(BaseExecutor):
    """TFX executor that finds anomalies in statistics."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write the anomalies of every split."""
        self._log_startup(input_dict, output_dict, exec_properties)
        statistics = only_artifact(input_dict, "statistics")
        anomalies = only_artifact(output_dict, "anomalies")
        schema = tfdv.load_schema_text(str(schema_file(artifact_folder(input_dict, "schema"))))
        splits = _read(statistics)
        baseline = next(map(_read, input_dict.get("baseline", ())), {})
        blessed = {}
        for split, found in splits.items():
            # TFDV calls the other side of the comparison "serving"; the distance is the same in both directions.
            others = splits.get(_TRAIN) if split != _TRAIN else None
            result = tfdv.validate_statistics(
                found, schema, previous_statistics=baseline.get(split), serving_statistics=others
            )
            path = split_folder(Path(anomalies.uri), split) / ANOMALIES_FILE
            write_atomically(path, result.SerializeToString(deterministic=True))
            blessed[split] = int(not result.anomaly_info and not result.HasField("dataset_anomaly_info"))
        anomalies.split_names = statistics.split_names
        anomalies.span = statistics.span
        anomalies.set_json_value_custom_property("blessed", blessed)


def _read(statistics: Artifact) -> dict[str, Statistics]:
    return {
        split: tfdv.load_stats_binary(str(split_folder(Path(statistics.uri), split) / STATISTICS_FILE))
        for split in artifact_utils.decode_split_names(statistics.split_names)
    }
