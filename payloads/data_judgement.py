"""DataGate's judgement: what was found in a span, and what the policy makes of it."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from payloads.json_payload import JsonPayload
from payloads.judgements import Judgement
from payloads.verdict import Figure, Verdict
from schema.gates import Reaction


class AffectedWindows(BaseModel):
    """The windows that show a finding.

    Attributes:
        windows: number of windows that show it; None if that is not known.
        of: number of windows of the split; None if that is not known.
        sequences: ids of the sequences that show it most, the worst first.
    """

    model_config = ConfigDict(frozen=True)

    windows: int | None = None
    of: int | None = None
    sequences: tuple[str, ...] = ()


class Finding(BaseModel):
    """One deviation from what the schema or the policy expects.

    Attributes:
        split: split it was found in.
        feature: feature it was found in.
        anomaly: `value`, `range`, `not finite`, `shape`, `presence`, `type`, `new feature`, `no data`, `mean`, `drift`
            (from the last blessed span), `skew` (of the split from the training split), `not compared` or `other`.
        figure: what was found, for people.
        bound: what was expected, for people.
        remedy: what to do about it.
        verdict: what it leads to: `pass`, `warn` or `stop`.
        witness: windows that show it.
    """

    model_config = ConfigDict(frozen=True)

    split: str
    feature: str
    anomaly: str
    figure: str
    bound: str
    remedy: str
    verdict: Reaction
    witness: AffectedWindows = AffectedWindows()

    @property
    def stops(self) -> bool:
        """Whether it stops the run."""
        return self.verdict == "stop"


class Comparison(BaseModel):
    """The measured distance between a feature's statistics in two spans or in two splits.

    Attributes:
        split: split whose statistics were compared.
        feature: feature that was compared.
        comparison: `drift` (with the last blessed span) or `skew` (with the training split).
        measure: name of the distance, as in TensorFlow Data Validation.
        figure: measured distance.
        threshold: largest distance the schema allows.
    """

    model_config = ConfigDict(frozen=True)

    split: str
    feature: str
    comparison: str
    measure: str
    figure: Figure
    threshold: Figure


class Baseline(BaseModel):
    """The statistics that a span was compared with.

    Attributes:
        statistics: id of the ExampleStatistics artifact.
        span: number of its span.
    """

    model_config = ConfigDict(frozen=True)

    statistics: int
    span: int


class DataJudgement(JsonPayload):
    """DataGate's judgement of a span that passed.

    Attributes:
        blessed: 1; a span that does not pass leaves no artifact.
        policy: values of the policy in force; see `schema.gates.DataPolicy`.
        baseline: statistics that the span was compared with; None before the first blessed model.
        findings: what was found and let through.
        compared: every distance measured, within its bound or not.
    """

    FILE: ClassVar[str] = Judgement.FILE

    blessed: int = 1
    policy: dict[str, Any] | None = None
    baseline: Baseline | None = None
    findings: tuple[Finding, ...] = ()
    compared: tuple[Comparison, ...] = ()

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The judgement as one verdict: how many findings the gate warns of."""
        warnings = sum(finding.verdict == "warn" for finding in self.findings)
        return (
            Verdict(
                gate="data",
                figure=warnings,
                threshold=None,
                direction="max",
                unit="warnings",
                passed=bool(self.blessed),
            ),
        )
