"""Thresholds of every gate: one typed section per gate, read from `gates.yaml` and checked with each configuration."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from data.errors import InputError
from data.settings.config_section import ConfigSection
from data.settings.yaml_text import parse_yaml
from data.text import shortened, value_text
from schema.config_errors import explain
from schema.curated_files import read_curated_file, unreadable

Reaction = Literal["pass", "warn", "stop"]
"""What an anomaly leads to: it is recorded; it is also reported; or it stops the run."""


def _threshold(unit: str, **bounds: Any) -> Any:
    return Field(json_schema_extra={"unit": unit}, **bounds)


class Thresholds(ConfigSection):
    """The section of one gate. A threshold's name begins with `min_` or `max_`, which is its direction."""

    @classmethod
    def unit(cls, threshold: str) -> str:
        """Return the unit of a threshold."""
        extra = cls.model_fields[threshold].json_schema_extra
        assert isinstance(extra, dict)
        return str(extra["unit"])


class EvaluatorThresholds(Thresholds):
    """The SavedModel on the windows of the test split.

    Attributes:
        min_accuracy: smallest share of windows classified correctly.
        min_macro_f1: smallest mean of the labels' F1 scores.
        max_accuracy_drop: largest loss of accuracy against the last blessed model.
    """

    min_accuracy: float = _threshold("share", ge=0, le=1)
    min_macro_f1: float = _threshold("share", ge=0, le=1)
    max_accuracy_drop: float = _threshold("share", ge=0, le=1)


class ModelValidatorThresholds(Thresholds):
    """The TFLite files on the test split.

    Attributes:
        min_sequence_accuracy: smallest share of test sequences that the int8 file classifies correctly.
        max_accuracy_lost: largest difference between the float and the int8 file in that share; one sequence is
            always allowed, so that 1 % of few sequences does not become zero.
        max_bytes: largest size of the int8 file.
        max_custom_operators: largest number of operators in shipped files that LiteRT does not have built in.
        max_judging_seconds: longest time for all test windows in any shipped file; its process is ended after it.
    """

    min_sequence_accuracy: float = _threshold("share", ge=0, le=1)
    max_accuracy_lost: float = _threshold("share", ge=0, le=1)
    max_bytes: int = _threshold("bytes", gt=0)
    max_custom_operators: int = _threshold("operators", ge=0)
    max_judging_seconds: float = _threshold("s", gt=0)


class ServingSmokeThresholds(Thresholds):
    """Every file format in a process of its own, on golden windows and other test windows.

    Attributes:
        max_failed_formats: largest number of shipped formats that crash, hang, or do not give one finite probability
            for each class.
        max_serving_seconds: longest time for all windows in any shipped format; its process is ended after it.
        max_saved_model_start_ms: longest time from loading the SavedModel to its first answer.
        max_tflite_start_ms: longest time from loading a shipped file to its first answer.
        max_latency_p95_ms: 95th percentile of the int8 file's processor time for one window on one thread,
            preprocessing included.
        max_saved_model_difference: largest difference of a probability between the SavedModel's two signatures, and
            between its answers now and at conversion.
        max_float_difference: largest difference of a probability between the float file and the SavedModel.
        min_agreement: smallest share of windows that a shipped file and the SavedModel classify the same.
        max_difference: largest mean over windows of the greatest difference of a probability between a shipped file
            and the SavedModel.
    """

    max_failed_formats: int = _threshold("formats", ge=0)
    max_serving_seconds: float = _threshold("s", gt=0)
    max_saved_model_start_ms: float = _threshold("ms", gt=0)
    max_tflite_start_ms: float = _threshold("ms", gt=0)
    max_latency_p95_ms: float = _threshold("ms", gt=0)
    max_saved_model_difference: float = _threshold("probability", ge=0, le=1)
    max_float_difference: float = _threshold("probability", ge=0, le=1)
    min_agreement: float = _threshold("share", ge=0, le=1)
    max_difference: float = _threshold("probability", ge=0, le=1)


class SessionEvaluatorThresholds(Thresholds):
    """The coach: the int8 file with its references and settings, on sessions and recordings of the test split.

    Attributes:
        min_frame_accuracy: smallest share of the sessions' frames with the right label, background being a label.
        min_edit: smallest edit score of the order of segments, mean over the sessions.
        min_f1_10: smallest F1 score of segments that overlap by 10 %.
        min_f1_25: the same for 25 %.
        min_f1_50: the same for 50 %.
        min_count_exact: smallest share of good recordings whose rounded count is the true one.
        min_count_off_by_one: the same for counts that are at most 1 away.
        max_count_mae: largest mean absolute error of the counts of good recordings.
        min_form_auc: smallest chance that a good performance scores above a bad one, mean over the movements.
        min_correction_rate: smallest share of bends of one joint by 25 degrees that the first correction has right.
        max_false_alarms: largest share of good recordings for which a correction is given.
        max_false_counts_per_minute: largest number of repetitions counted in a minute of background.
        max_frame_ms: 95th percentile of the coach's processor time for a frame, averaged over a step of recognition.
    """

    min_frame_accuracy: float = _threshold("share", ge=0, le=1)
    min_edit: float = _threshold("share", ge=0, le=1)
    min_f1_10: float = _threshold("share", ge=0, le=1)
    min_f1_25: float = _threshold("share", ge=0, le=1)
    min_f1_50: float = _threshold("share", ge=0, le=1)
    min_count_exact: float = _threshold("share", ge=0, le=1)
    min_count_off_by_one: float = _threshold("share", ge=0, le=1)
    max_count_mae: float = _threshold("repetitions", ge=0)
    min_form_auc: float = _threshold("share", ge=0, le=1)
    min_correction_rate: float = _threshold("share", ge=0, le=1)
    max_false_alarms: float = _threshold("share", ge=0, le=1)
    max_false_counts_per_minute: float = _threshold("repetitions a minute", ge=0)
    max_frame_ms: float = _threshold("ms", gt=0)


class RobustnessThresholds(ConfigSection):
    """Largest loss of the int8 file's accuracy by sequence on disturbed windows; reported, not a gate.

    Attributes:
        mirrored: left and right exchanged.
        shifted: moved in the image.
        half_size: half as large.
        double_size: twice as large.
        joint_dropout: 15 % of joints and frames hidden.
        joints_missing: 15 % of the joints hidden in all frames of a window.
    """

    mirrored: float = Field(ge=0, le=1)
    shifted: float = Field(ge=0, le=1)
    half_size: float = Field(ge=0, le=1)
    double_size: float = Field(ge=0, le=1)
    joint_dropout: float = Field(ge=0, le=1)
    joints_missing: float = Field(ge=0, le=1)


class Bound(ConfigSection):
    """Smallest and largest value allowed for a figure; None for no limit.

    Attributes:
        min: smallest value.
        max: largest value.
    """

    min: float | None = None
    max: float | None = None

    def allows(self, figure: float) -> bool:
        """Return whether the figure lies within the bound; NaN never does."""
        return (self.min is None or figure >= self.min) and (self.max is None or figure <= self.max)

    def __str__(self) -> str:
        ends = [
            f"at least {self.min:g}" if self.min is not None else "",
            f"at most {self.max:g}" if self.max is not None else "",
        ]
        return " and ".join(filter(None, ends))


class DataPolicy(ConfigSection):
    """What DataGate does about the anomalies of a span.

    Attributes:
        anomalies: pattern `feature/anomaly` (`*` for any) to the reaction. The first pattern that matches decides; an
            anomaly that no pattern matches stops the run. `payloads.data_judgement.Finding` lists the anomalies.
        means: feature to the bound of its mean in every split. Every real recording has a few unusual windows; a split
            full of them is a fault.
        min_windows: smallest number of windows on both sides of a comparison; with fewer, a difference only warns,
            because chance explains it.
        min_people: smallest number of people on both sides of a comparison; the same for people.
    """

    anomalies: dict[str, Reaction] = Field(default_factory=dict)
    means: dict[str, Bound] = Field(default_factory=dict)
    min_windows: int = Field(200, ge=0)
    min_people: int = Field(5, ge=0)

    def reaction(self, feature: str, anomaly: str) -> Reaction:
        """Return what an anomaly of a feature leads to."""
        name = f"{feature}/{anomaly}"
        return next((found for pattern, found in self.anomalies.items() if fnmatchcase(name, pattern)), "stop")

    def only_warning(self) -> DataPolicy:
        """Return the policy of a gate that only warns: what would stop the run is reported instead."""
        known: dict[str, Reaction] = {
            pattern: "warn" if reaction == "stop" else reaction for pattern, reaction in self.anomalies.items()
        }
        return self.model_copy(update={"anomalies": known | {"*": "warn"}})


class GatesConfig(ConfigSection):
    """The gates file: a section for each gate.

    Attributes:
        evaluator: thresholds of Evaluator.
        model_validator: thresholds of ModelValidator.
        serving_smoke: thresholds of ServingSmoke.
        session_evaluator: thresholds of SessionEvaluator.
        robustness: thresholds of `poseline evaluate --robustness`.
        data_gate: policy of DataGate.
    """

    evaluator: EvaluatorThresholds
    model_validator: ModelValidatorThresholds
    serving_smoke: ServingSmokeThresholds
    session_evaluator: SessionEvaluatorThresholds
    robustness: RobustnessThresholds
    data_gate: DataPolicy


def read_gates(gates_file: Path, overrides: dict[str, Any] | None = None) -> GatesConfig:
    """Read the thresholds of all gates.

    Args:
        gates_file: YAML file with a section for each gate.
        overrides: values that replace those of the file: section to key to value.

    Raises:
        InputError: if the file cannot be read, or a section, key or value is not valid; names each of them, and the
            nearest valid key.
    """
    text = read_curated_file(gates_file, "gates file", "gates_file")
    try:
        content = parse_yaml(text)
    except ValueError as error:
        raise unreadable(gates_file, "gates file", "gates_file", str(error)) from error
    if not isinstance(content, dict):
        raise InputError("the gates file is not a mapping of sections", str(gates_file), "see schema/gates.yaml")
    for section, values in (overrides or {}).items():
        if not isinstance(values, dict):
            raise InputError(
                f"gates.{shortened(section)} is {value_text(values)}, not a mapping of thresholds",
                "the configuration",
                f"set a single threshold: gates.{section}.<threshold>=<value>",
            )
        own = content.get(section)
        content[section] = {**own, **values} if isinstance(own, dict) else values
    try:
        return GatesConfig.model_validate(content)
    except ValidationError as error:
        where = f"{gates_file}, or key `gates` of the configuration" if overrides else str(gates_file)
        problems = explain(error, GatesConfig, "gates").problems
        raise InputError(f"the gates are not valid: {problems}", where, "schema/gates.yaml shows every key") from error
