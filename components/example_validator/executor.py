"""Adapter between TFX and TFDV's validation of statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList as Statistics
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import Artifact, artifact_utils

from data.files import write_atomically

STATISTICS_FILE = "FeatureStats.pb"
ANOMALIES_FILE = "SchemaDiff.pb"

_TRAIN = "train"


class Executor(BaseExecutor):
    """Runs ExampleValidator; see the component."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write the anomalies of every split."""
        self._log_startup(input_dict, output_dict, exec_properties)
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        anomalies = artifact_utils.get_single_instance(output_dict["anomalies"])
        [schema_file] = Path(artifact_utils.get_single_uri(input_dict["schema"])).glob("*.pbtxt")
        schema = tfdv.load_schema_text(str(schema_file))
        splits = _read(statistics)
        baseline = next(map(_read, input_dict.get("baseline", ())), {})
        blessed = {}
        for split, found in splits.items():
            # TFDV's "serving" is the side that training is compared with, and the order makes no difference.
            others = splits.get(_TRAIN) if split != _TRAIN else None
            result = tfdv.validate_statistics(
                found, schema, previous_statistics=baseline.get(split), serving_statistics=others
            )
            path = Path(anomalies.uri) / f"Split-{split}" / ANOMALIES_FILE
            write_atomically(path, result.SerializeToString(deterministic=True))
            blessed[split] = int(not result.anomaly_info and not result.HasField("dataset_anomaly_info"))
        anomalies.split_names = statistics.split_names
        anomalies.span = statistics.span
        anomalies.set_json_value_custom_property("blessed", blessed)


def _read(statistics: Artifact) -> dict[str, Statistics]:
    return {
        split: tfdv.load_stats_binary(str(Path(statistics.uri) / f"Split-{split}" / STATISTICS_FILE))
        for split in artifact_utils.decode_split_names(statistics.split_names)
    }
