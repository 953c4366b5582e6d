"""What the rejection of a model means and what to do about it, for each check of a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from data.output.terminal import stacked
from payloads.claims import HoldsFor
from payloads.verdict import Verdict
from pipelines.running.outcome import Report

if TYPE_CHECKING:
    from rich.text import Text


class Explanation(NamedTuple):
    """What it means that a check did not pass.

    Attributes:
        meaning: what is wrong with the model; `{tested}` stands for what the test split has.
        remedy: what to do about it.
    """

    meaning: str
    remedy: str


_LEARN = "train longer or on more data, or look for labels that are confused in `poseline lineage report`"
_CONVERT = "convert again with another edge.seed; if it stays, report it with the log of EdgeConverter"
_AGAIN = "run again; if it stays, the log of ServingSmoke says more"

_SESSIONS = "record more sessions and background for training, or set `only_warn` for session_evaluator"
_REPETITIONS = "record more good repetitions for training, with their number and quality"

EXPLANATIONS = {
    "evaluator accuracy": Explanation("too many windows of {tested} are classified wrongly", _LEARN),
    "evaluator macro_f1": Explanation("some labels are recognised much worse than others", _LEARN),
    "evaluator accuracy change": Explanation("it is worse than the last blessed model on the same test data", _LEARN),
    "evaluator macro_f1 change": Explanation("it is worse than the last blessed model on the same test data", _LEARN),
    "min_sequence_accuracy": Explanation("the int8 file classifies too many test sequences wrongly", _LEARN),
    "max_accuracy_lost": Explanation(
        "quantisation costs too much: the int8 file is worse than the float file", _CONVERT
    ),
    "min_frame_accuracy": Explanation("too many frames of the test sessions get the wrong label", _SESSIONS),
    "min_edit": Explanation("the movements of the test sessions are found in another order", _SESSIONS),
    "min_f1_10": Explanation("too many movements of the test sessions are missed or invented", _SESSIONS),
    "min_f1_25": Explanation("too many movements of the test sessions are found at other times", _SESSIONS),
    "min_f1_50": Explanation("movements of the test sessions are found, but their bounds are off", _SESSIONS),
    "min_count_exact": Explanation("repetitions of good test recordings are often counted wrongly", _REPETITIONS),
    "min_count_off_by_one": Explanation("counts of good test recordings are often off by more than 1", _REPETITIONS),
    "max_count_mae": Explanation("counts of good test recordings are far off on average", _REPETITIONS),
    "min_form_auc": Explanation("scores do not separate good from bad performances of test people", _REPETITIONS),
    "min_correction_rate": Explanation("the first correction seldom names the joint that was bent", _REPETITIONS),
    "max_false_alarms": Explanation("good performances of test people are corrected too often", _REPETITIONS),
    "max_false_counts_per_minute": Explanation("repetitions are counted while no movement is performed", _SESSIONS),
    "max_frame_ms": Explanation(
        "the coach takes longer for a frame than allowed", "choose a smaller network under `model`"
    ),
    "max_bytes": Explanation("the int8 file is larger than allowed", "choose a smaller network under `model`"),
    "max_custom_operators": Explanation(
        "a file needs operators that LiteRT on a phone does not have", "leave out the layer that needs them"
    ),
    "max_judging_seconds": Explanation("a file took too long for the test windows, or hung", "run again"),
    "max_failed_formats": Explanation("a format crashed, hung, or gave probabilities that are not finite", _AGAIN),
    "max_serving_seconds": Explanation("a format took too long for its windows, or hung", _AGAIN),
    "max_saved_model_start_ms": Explanation("the SavedModel takes too long to load and answer", _AGAIN),
    "max_tflite_start_ms": Explanation("a TFLite file takes too long to load and answer", _AGAIN),
    "max_latency_p95_ms": Explanation(
        "the int8 file takes longer for one window than allowed, on one thread of this machine",
        "choose a smaller network under `model`",
    ),
    "max_saved_model_difference": Explanation("the SavedModel does not answer as at its conversion", _CONVERT),
    "max_float_difference": Explanation("the float file does not answer as the SavedModel does", _CONVERT),
    "min_agreement": Explanation("a file classifies too many windows differently from the SavedModel", _CONVERT),
    "max_difference": Explanation("the probabilities of a file differ too much from those of the SavedModel", _CONVERT),
}
"""Name of each check of a gate on models to what it means that it did not pass."""

_TESTED: dict[HoldsFor | None, str] = {
    "other people": "people it has not seen",
    "the same people": "recordings that it has not seen, of people in training,",
    "the same recordings": "other parts of the recordings in training",
    None: "the test split",
}

_BY_RULE = "or change the threshold under `gates` in the configuration, if the figure is good enough for you"


def explain_rejection(report: Report) -> Text:
    """Return what was found, what it means and what to do, for each verdict that stopped the push."""
    lines = []
    for verdict in report.verdicts:
        if verdict.rejects and verdict.gate in report.rejected:
            lines += _explain(verdict, _TESTED[report.holds_for])
    if report.rejected_since:
        lines.append(f"rejected, from the run {report.rejected_since}; nothing has changed since")
    return stacked(lines)


def _explain(verdict: Verdict, tested: str) -> list[str]:
    found = f"{verdict}"
    if verdict.is_open:
        meaning = "it cannot be said now whether the file is quick enough; nothing is wrong with it as far as is known"
        remedy = "run the same command again when the machine has less to do: all but the measurement is cached"
        return [found, f"  means:  {meaning}", f"  remedy: {remedy}"]
    explained = EXPLANATIONS.get(verdict.gate)
    if explained is None:
        return [found]
    return [found, f"  means:  {explained.meaning.format(tested=tested)}", f"  remedy: {explained.remedy}; {_BY_RULE}"]
