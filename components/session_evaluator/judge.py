"""Measures the coach on the test split and compares the figures with the thresholds of SessionEvaluator.

This module imports NumPy and LiteRT, but not TensorFlow.
"""

from __future__ import annotations

from pathlib import Path

from components.artifacts.judging import check
from components.artifacts.sandboxed_model import UnusableModelError, model_of, sandboxed_model
from payloads.judgements import SessionJudgement
from payloads.recordings import read_recordings
from payloads.verdict import Verdict
from schema.gates import SessionEvaluatorThresholds
from serving_targets.classifier import Classifier
from serving_targets.coach.recognition import Model
from serving_targets.coach.settings import read_references, read_settings
from serving_targets.contract import read_contract
from serving_targets.session_evaluation import SessionFigures, measure_coach


def judge(
    int8_model: Path,
    references: Path,
    settings: Path,
    examples: Path,
    thresholds: SessionEvaluatorThresholds,
    *,
    good_quality: float,
    seconds: float,
) -> SessionJudgement:
    """Judge a coach.

    Args:
        int8_model: TFLite file with a contract.
        references: folder of `references.json`.
        settings: folder of `coach.json`.
        examples: folder of the Examples artifact.
        thresholds: thresholds of SessionEvaluator.
        good_quality: smallest quality of a performance that is good.
        seconds: length of the sessions, and of the recordings, that are used.
    """
    known = read_references(references)
    assert known is not None, "ReferenceBuilder writes them"
    calibrated = read_settings(settings)

    def in_this_process() -> Model:
        contract = read_contract(int8_model)
        assert contract is not None, "the sandbox has read it"
        return model_of(contract, Classifier(int8_model).predict, calibrated)

    try:
        with sandboxed_model(int8_model, calibrated) as model:
            measured = measure_coach(
                model,
                known,
                read_recordings(examples, "test"),
                good_quality=good_quality,
                seconds=seconds,
                timed=in_this_process,
            )
    except UnusableModelError as error:
        names = type(thresholds).model_fields
        return SessionJudgement(verdicts=tuple(check(thresholds, name, None, str(error)) for name in names))
    return SessionJudgement(
        verdicts=tuple(_verdict(thresholds, name, measured) for name in type(thresholds).model_fields),
        figures=measured.figures,
        sessions=measured.sessions,
        recordings=measured.recordings,
        seconds=measured.seconds,
    )


def _verdict(thresholds: SessionEvaluatorThresholds, threshold: str, measured: SessionFigures) -> Verdict:
    name = threshold.partition("_")[2]
    why = measured.missing.get(name, "")
    return check(thresholds, threshold, measured.figures.get(name), why, lacks_data=bool(why))
