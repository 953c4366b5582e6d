"""What a rejected run says: what was found, what it means and what to do."""

import pytest

from payloads.verdict import check_threshold
from pipelines.cli.run_display.rejection import EXPLANATIONS, explain_rejection
from pipelines.running.outcome import Report
from schema.gates import ModelValidatorThresholds, ServingSmokeThresholds, SessionEvaluatorThresholds


def _said(*verdicts, **changes):
    report = Report("demo-1", "refused", False, 1.0, verdicts=list(verdicts), **changes)
    return explain_rejection(report).plain.splitlines()


def test_each_verdict_that_stopped_the_push_is_explained():
    slow = check_threshold("max_latency_p95_ms", 0.9, 0.3, "max", "ms")
    warned = check_threshold("max_bytes", 400_000, 300_000, "max", "bytes")
    said = _said(slow, warned, rejected=["max_latency_p95_ms"])
    assert said[0] == "max_latency_p95_ms: 0.9 (at most 0.3 ms)"
    assert said[1].startswith("  means:  the int8 file takes longer")
    assert said[2].startswith("  remedy: choose a smaller network")
    assert len(said) == 3


@pytest.mark.parametrize(
    ("holds_for", "words"),
    [
        ("other people", "people it has not seen are"),
        ("the same people", "recordings that it has not seen, of people in training, are"),
        ("the same recordings", "other parts of the recordings in training are"),
        (None, "the test split are"),
    ],
)
def test_whose_windows_are_wrong_depends_on_the_division(holds_for, words):
    wrong = check_threshold("evaluator accuracy", 0.4, 0.8, "min", "share")
    said = _said(wrong, rejected=["evaluator accuracy"], holds_for=holds_for)
    assert said[1] == f"  means:  too many windows of {words} classified wrongly"


def test_what_is_not_measurable_now_asks_to_try_again():
    open_ = check_threshold("max_latency_p95_ms", 0.31, 0.3, "max", "ms").model_copy(update={"is_open": True})
    said = _said(open_, rejected=["max_latency_p95_ms"])
    assert said[0] == "max_latency_p95_ms: 0.31 (at most 0.3 ms, not measurable now)"
    assert "run the same command again" in said[2]


def test_a_rejection_from_the_cache_names_its_run():
    large = check_threshold("max_bytes", 400_000, 300_000, "max", "bytes")
    said = _said(large, rejected=["max_bytes"], rejected_since="demo-0 of 2026-11-28 01:02 UTC")
    assert said[-1] == "rejected, from the run demo-0 of 2026-11-28 01:02 UTC; nothing has changed since"


@pytest.mark.parametrize("kind", [ModelValidatorThresholds, ServingSmokeThresholds, SessionEvaluatorThresholds])
def test_every_threshold_is_explained(kind):
    assert set(kind.model_fields) <= set(EXPLANATIONS)


def test_what_the_data_cannot_give_is_no_rejection():
    missing = check_threshold("min_edit", None, 0.5, "min", "share", "there is no session", lacks_data=True)
    assert (missing.passed, missing.rejects) == (False, False)
    unmeasured = check_threshold("min_edit", None, 0.5, "min", "share")
    assert (unmeasured.passed, unmeasured.rejects) == (False, True)
    measured = check_threshold("min_edit", 0.4, 0.5, "min", "share", lacks_data=True)
    assert measured.rejects
