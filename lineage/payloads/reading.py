"""What the payloads of artifacts say: who is in the data, what gates found, how good a model is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineage.model import Artifact, Subgraph
from lineage.payloads.places import SEQUENCES_FILE

EXAMPLES, MODEL, EDGE_MODEL, PUSHED = "Examples", "Model", "PoselineEdgeModel", "PushedModel"
EVALUATION, DATA_VERDICT = "ModelEvaluation", "PoselineDataBlessing"
SHIPPED_VERDICTS = ("PoselineEdgeBlessing", "InfraBlessing")
"""ModelValidator's and ServingSmoke's, on the files that are shipped."""
_METRICS_FILE, _VERDICT_FILE = "metrics.json", "verdict.json"


@dataclass(frozen=True, slots=True)
class Sequence:
    """One clip of the data.

    Attributes:
        id: its name.
        subject: the person.
        label: what is done.
        split: where it was put.
        windows: how many were cut from it.
    """

    id: str
    subject: str
    label: str
    split: str
    windows: int


def holds_sequences(artifact: Artifact) -> bool:
    """Whether an artifact lists the sequences that it was made of."""
    return artifact.type == EXAMPLES and (Path(artifact.uri) / SEQUENCES_FILE).exists()


def read_sequences(artifact: Artifact) -> list[Sequence]:
    """The sequences in an Examples artifact; none if it does not list them."""
    if not holds_sequences(artifact):
        return []
    import pyarrow.parquet as pq

    columns = ["sequence_id", "subject", "label", "split", "windows"]
    with pq.ParquetFile(
        Path(artifact.uri) / SEQUENCES_FILE
    ) as file:  # read_table would import pandas, for half a second
        table = file.read(columns).to_pydict()
    return [Sequence(*row) for row in zip(*(table[column] for column in columns), strict=True)]


def count_people(sequences: Iterable[Sequence]) -> dict[str, dict[str, int]]:
    """Split to the number of sequences, windows and subjects in it."""
    splits: dict[str, list[Sequence]] = {}
    for sequence in sequences:
        splits.setdefault(sequence.split, []).append(sequence)
    return {
        split: {
            "sequences": len({sequence.id for sequence in found}),
            "windows": sum(sequence.windows for sequence in found),
            "subjects": len({sequence.subject for sequence in found}),
        }
        for split, found in sorted(splits.items())
    }


def subjects_by_split(sequences: Iterable[Sequence]) -> dict[str, list[str]]:
    """Split to the people in it."""
    people: dict[str, set[str]] = {}
    for sequence in sequences:
        people.setdefault(sequence.split, set()).add(sequence.subject)
    return {split: sorted(found) for split, found in sorted(people.items())}


def split_names(artifact: Artifact) -> tuple[str, ...]:
    """Splits of an Examples artifact."""
    try:
        return tuple(json.loads(artifact.properties.get("split_names") or "[]"))
    except ValueError:
        return ()


def read_verdicts(artifact: Artifact) -> list[dict[str, Any]]:
    """What a gate said: `gate`, `figure`, `threshold`, `unit`, `passed`; DataGate's is one verdict."""
    if artifact.type == DATA_VERDICT:
        found = read_json(Path(artifact.uri) / _VERDICT_FILE) or {}
        blessed = bool(artifact.properties.get("blessed"))
        warnings = sum(finding["verdict"] == "warn" for finding in found.get("findings", ()))
        return [{"gate": "data", "figure": warnings, "threshold": None, "unit": "warnings", "passed": blessed}]
    name = _METRICS_FILE if artifact.type == EVALUATION else _VERDICT_FILE
    return (read_json(Path(artifact.uri) / name) or {}).get("verdicts", [])


def read_slices(evaluation: Artifact) -> dict[str, dict[str, float]]:
    """Slice (`all`, or `feature=value`) to the metrics of it."""
    slices = {}
    for entry in (read_json(Path(evaluation.uri) / _METRICS_FILE) or {}).get("slices", []):
        name = ", ".join(f"{feature}={value}" for feature, value in entry["slice"].items()) or "all"
        metrics = {key: _number(value) for key, value in entry["metrics"].items()}
        slices[name] = {key: value for key, value in metrics.items() if value is not None}
    return slices


def figures(graph: Subgraph, execution_ids: Iterable[int]) -> dict[str, float]:
    """Every figure that some executions' outputs tell of a model: metrics, gates, accuracy of the files, latency."""
    found: dict[str, float] = {}
    for execution_id in execution_ids:
        for artifacts in graph.outputs(execution_id).values():
            for artifact in artifacts:
                found |= _figures_of(artifact)
    return found


def _figures_of(artifact: Artifact) -> dict[str, float]:
    found: dict[str, float] = {}
    if artifact.type == EVALUATION:
        found |= read_slices(artifact).get("all", {})
    elif artifact.type in SHIPPED_VERDICTS:
        verdict = read_json(Path(artifact.uri) / _VERDICT_FILE) or {}
        found |= verdict.get("accuracy", {})
        found |= {f"latency_{name}_ms": value for name, value in verdict.get("latency_ms", {}).items()}
    elif artifact.type == EDGE_MODEL:
        files = {path.stem: path.stat().st_size for path in Path(artifact.uri).glob("*.tflite")}
        found |= {f"{name}_bytes": float(size) for name, size in files.items()}
    for verdict in read_verdicts(artifact) if artifact.type in (EVALUATION, *SHIPPED_VERDICTS) else ():
        if isinstance(verdict["figure"], int | float):
            found[verdict["gate"]] = verdict["figure"]
    return found


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object; None if the file is gone or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _number(value: Any) -> float | None:
    value = value.get("value") if isinstance(value, dict) else value
    return float(value) if isinstance(value, int | float) else None
