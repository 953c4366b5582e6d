"""Every figure and verdict in the payload of an artifact, whichever gate wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lineage.artifact_types import (
    DATA_BLESSING,
    EDGE_BLESSING,
    EDGE_MODEL,
    EVALUATION,
    INFRA_BLESSING,
    SESSION_BLESSING,
)
from lineage.model import Artifact
from payloads.data_judgement import DataJudgement
from payloads.evaluation import WHOLE, Evaluation
from payloads.judgements import EdgeJudgement, Judgement, ServingJudgement, SessionJudgement
from payloads.verdict import Verdict

PERSON = "subject"
"""Feature whose slices are people."""

AnyJudgement = Evaluation | Judgement | DataJudgement

FORMS: dict[str, type[AnyJudgement]] = {
    EVALUATION: Evaluation,
    EDGE_BLESSING: EdgeJudgement,
    INFRA_BLESSING: ServingJudgement,
    SESSION_BLESSING: SessionJudgement,
    DATA_BLESSING: DataJudgement,
}
"""Type of the artifact in which a gate records its verdicts, to the form of its payload."""

JUDGEMENTS = tuple(FORMS)
"""Types of the artifacts in which a gate records its verdicts."""

BLESSINGS = tuple(type_ for type_, model in FORMS.items() if issubclass(model, Judgement))
"""Types of the blessings that hold their verdicts themselves; those on a Model are in its ModelEvaluation."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure.

    Attributes:
        slice: `all`, or `feature=value` of the examples it was measured on.
        metric: name of the metric or gate.
        value: the figure; None if it could not be measured.
        lower: lower end of its 95 % interval; None without one.
        upper: upper end of its 95 % interval; None without one.
        threshold: limit that a gate compared it with; None without one.
        passed: whether it kept the limit; None if no gate judged it.
    """

    slice: str
    metric: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    threshold: float | None = None
    passed: bool | None = None


def read_judgement(artifact: Artifact) -> AnyJudgement | None:
    """Return what a gate recorded in an artifact; None if it is of another type, or its file is missing or damaged."""
    model = FORMS.get(artifact.type)
    return model.read_if_sound(Path(artifact.uri)) if model else None


def read_verdicts(artifact: Artifact) -> tuple[Verdict, ...]:
    """Return the verdicts in an artifact; DataGate's judgement is one verdict."""
    judgement = read_judgement(artifact)
    return judgement.verdicts if judgement else ()


def read_measures(artifact: Artifact) -> Iterator[Measure]:
    """Yield every figure in the payload of an artifact, metrics first, then verdicts."""
    judgement = read_judgement(artifact)
    if judgement is None:
        return
    if isinstance(judgement, Evaluation):
        for part in judgement.slices:
            for metric in part.metrics:
                found = part.interval(metric)
                yield Measure(part.name, metric, found.value, found.lower, found.upper)
    elif isinstance(judgement, EdgeJudgement):
        for name, value in judgement.accuracy.items():
            yield Measure(WHOLE, f"{name}_accuracy", value)
    elif isinstance(judgement, ServingJudgement):
        for name, value in judgement.latency_ms.items():
            yield Measure(WHOLE, f"latency_{name}_ms", value)
    elif isinstance(judgement, SessionJudgement):
        for name, value in judgement.figures.items():
            yield Measure(WHOLE, f"coach_{name}", value)
    for verdict in judgement.verdicts:
        judged = None if verdict.lacks_data else verdict.passed
        yield Measure(WHOLE, verdict.gate, verdict.figure, threshold=verdict.threshold, passed=judged)


def read_slices(evaluation: Artifact) -> dict[str, dict[str, float]]:
    """Return the metrics of each slice (`all`, or `feature=value`)."""
    return _slices(Evaluation.read_if_sound(Path(evaluation.uri)) or Evaluation())


def _slices(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    return {
        part.name: {metric: value for metric in part.metrics if (value := part.interval(metric).value) is not None}
        for part in evaluation.slices
    }


def figures_of(artifacts: Iterable[Artifact]) -> dict[str, float]:
    """Return every figure of a model in some artifacts, by name: metrics, verdicts, sizes, latency."""
    found: dict[str, float] = {}
    for artifact in artifacts:
        found |= _figures_in(artifact)
    return found


def _figures_in(artifact: Artifact) -> dict[str, float]:
    if artifact.type == EDGE_MODEL:
        return {f"{path.stem}_bytes": float(path.stat().st_size) for path in Path(artifact.uri).glob("*.tflite")}
    found: dict[str, float | None] = {}
    judgement = read_judgement(artifact)
    if isinstance(judgement, Evaluation):
        found |= _slices(judgement).get(WHOLE, {})
    elif isinstance(judgement, EdgeJudgement):
        found |= judgement.accuracy
    elif isinstance(judgement, ServingJudgement):
        found |= {f"latency_{name}_ms": value for name, value in judgement.latency_ms.items()}
    elif isinstance(judgement, SessionJudgement):
        found |= {f"coach_{name}": value for name, value in judgement.figures.items()}
    if judgement is not None and not isinstance(judgement, DataJudgement):
        found |= {verdict.gate: verdict.figure for verdict in judgement.verdicts}
    return {name: value for name, value in found.items() if value is not None}


def split_names(examples: Artifact) -> tuple[str, ...]:
    """Return the names of the splits of an Examples artifact."""
    try:
        return tuple(json.loads(examples.properties.get("split_names") or "[]"))
    except ValueError:
        return ()
