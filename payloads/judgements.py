"""Judgements of the gates on models: the verdicts and the figures behind them."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from payloads.claims import Claims
from payloads.json_payload import JsonPayload
from payloads.verdict import Figure, Verdict


class Judgement(JsonPayload):
    """What a gate measured and decided; the payload of its blessing.

    Attributes:
        verdicts: one for each threshold.
    """

    FILE: ClassVar[str] = "verdict.json"

    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """Whether no verdict rejects."""
        return not any(verdict.rejects for verdict in self.verdicts)

    @property
    def to_repeat(self) -> tuple[Verdict, ...]:
        """Verdicts that did not pass and rest on a measurement of time or on a crash, so that a new try may pass."""
        return tuple(
            verdict
            for verdict in self.verdicts
            if verdict.rejects and (verdict.is_timed or (verdict.is_of_faults and self.faults_may_pass))
        )

    @property
    def faults_may_pass(self) -> bool:
        """Whether there are faults that may not repeat themselves."""
        return False


class FileFigures(BaseModel):
    """What ModelValidator measured on one TFLite file.

    Attributes:
        shipped: whether the file is shipped, or only made for comparison.
        bytes: size of the file.
        sequence_accuracy: share of test sequences classified correctly; None if the file could not be run.
        window_accuracy: share of test windows classified correctly; None if the file could not be run.
        fault: why the file could not be run; None if it ran.
        may_pass: whether the fault may not repeat itself, as a crash may not; true in judgements of older versions.
    """

    model_config = ConfigDict(frozen=True)

    shipped: bool
    bytes: int
    sequence_accuracy: float | None = None
    window_accuracy: float | None = None
    fault: str | None = None
    may_pass: bool = True


class EdgeJudgement(Judgement):
    """ModelValidator's judgement of the converted files.

    Attributes:
        accuracy: share of correct classifications by name: `int8_sequence`, `float_sequence`, `int8_window`,
            `float_window`.
        files: file name to its figures.
        sequences: number of test sequences.
        windows: number of test windows.
        claims: what the test shows about the int8 file; None in judgements of older versions.
    """

    accuracy: dict[str, Figure] = Field(default_factory=dict)
    files: dict[str, FileFigures] = Field(default_factory=dict)
    sequences: int = 0
    windows: int = 0
    claims: Claims | None = None

    @property
    def faults_may_pass(self) -> bool:
        """See `Judgement`."""
        return any(found.shipped and found.fault and found.may_pass for found in self.files.values())


class FormatFigures(BaseModel):
    """What ServingSmoke measured on one format; a figure that could not be measured is None.

    Attributes:
        shipped: whether the format is shipped, or only made for comparison.
        fault: why the format did not serve; None if it did.
        may_pass: whether the fault may not repeat itself, as a crash may not; true in judgements of older versions.
        seconds: wall time of its whole trial.
        load_ms: time to load it.
        first_ms: time for the first window.
        p50_ms: median time for a window; of a TFLite file the processor time.
        p95_ms: 95th percentile of the time for a window; of a TFLite file the processor time.
        wall_p95_ms: 95th percentile of the wall time for a window of a TFLite file.
        calm: whether other work hardly disturbed the measurement of a TFLite file; otherwise it may be quicker.
        agreement: share of windows classified as the SavedModel classifies them.
        mean_difference: mean over windows of the greatest difference of a probability from the SavedModel's.
        max_difference: greatest difference of a probability from the SavedModel's.
    """

    model_config = ConfigDict(frozen=True)

    shipped: bool
    fault: str | None
    may_pass: bool = True
    seconds: float
    load_ms: float | None = None
    first_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    wall_p95_ms: float | None = None
    calm: bool | None = None
    agreement: float | None = None
    mean_difference: float | None = None
    max_difference: float | None = None

    @property
    def start_ms(self) -> float | None:
        """Time for loading and the first window; None if it did not get that far."""
        return None if self.load_ms is None or self.first_ms is None else self.load_ms + self.first_ms


class ServingJudgement(Judgement):
    """ServingSmoke's judgement of every format.

    Attributes:
        latency_ms: `p50` and `p95` of the int8 file, if it served.
        formats: `saved_model` or file name to its figures.
        windows: number of windows that every format was run on.
    """

    latency_ms: dict[str, Figure] = Field(default_factory=dict)
    formats: dict[str, FormatFigures] = Field(default_factory=dict)
    windows: int = 0

    @property
    def faults_may_pass(self) -> bool:
        """See `Judgement`."""
        return any(found.shipped and found.fault and found.may_pass for found in self.formats.values())


class SessionJudgement(Judgement):
    """SessionEvaluator's judgement of the coach.

    Attributes:
        figures: name of each figure to its value, with those that no threshold judges.
        sessions: number of test sessions.
        recordings: number of test recordings of one movement.
        seconds: duration of all of them.
    """

    figures: dict[str, Figure] = Field(default_factory=dict)
    sessions: int = 0
    recordings: int = 0
    seconds: float = 0.0
