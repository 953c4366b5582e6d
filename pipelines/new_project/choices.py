"""The settings of a new pipeline, each with the reason for its value, chosen from what a span contains."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import InputError
from data.splits import CUT, SplitPolicy, assign_splits
from data.windows import WindowSpec
from pipelines.new_project.survey import UNKNOWN, Survey

ENOUGH_PEOPLE = 4
"""Smallest number of people for a division by person: with fewer, one or two people would stand for all in training."""

CLIP_SECONDS = 12.0
"""Duration up to which a clip is taken as one performance of its action, which becomes one window."""

WINDOW = 64
"""Number of frames of a window: enough for one repetition at the rates of phones, and 0.2 ms on one."""

SECONDS = 4.2
"""Duration of a window if nobody has counted repetitions: longer than one repetition of most exercises."""

RATES = (10.0, 12.0, 15.0, 20.0, 25.0, 30.0)
"""Frame rates to choose from: below 10 frames per second fast movements are lost, above 30 little is gained."""

CONFIDENCE = 1.645
"""Quantile of the normal distribution for a one-sided test with an error of 5 %."""

STEPS = 1500
"""Number of training steps to aim at; the accuracy of the four public data sets hardly rises after as many."""

_BATCHES = (64, 32, 16)
_EPOCHS = (20, 200)
_SEEDS = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """A value and the reason for it.

    Attributes:
        value: value of the setting.
        reason: sentence for the user.
    """

    value: Any
    reason: str


@dataclass(frozen=True)
class Choices:
    """The settings of a new pipeline.

    Attributes:
        labels: all labels; those of an earlier schema keep their positions.
        length: number of frames of a window.
        windows: settings `fps`, `stride` and `fit`.
        split: settings of the division into splits.
        training: settings of the training.
        gates: thresholds of gates, as `gate.threshold`.
        only_warn: gates that only warn, empty for none.
        warnings: what the user should know about the figures of this pipeline.
    """

    labels: Choice
    length: Choice
    windows: dict[str, Choice]
    split: dict[str, Choice]
    training: dict[str, Choice]
    gates: dict[str, Choice]
    only_warn: Choice
    warnings: tuple[str, ...]

    @property
    def window_spec(self) -> WindowSpec:
        """Rules by which windows are cut."""
        return WindowSpec(length=self.length.value, **{name: choice.value for name, choice in self.windows.items()})

    @property
    def policy(self) -> SplitPolicy:
        """Policy of the division into splits."""
        return SplitPolicy(**{name: choice.value for name, choice in self.split.items()})


def choose(survey: Survey, earlier_labels: Sequence[str] = ()) -> Choices:
    """Choose the settings for a span.

    Args:
        survey: the span.
        earlier_labels: labels of the schema that is replaced, in their order.

    Raises:
        InputError: the clips cannot be divided, for example because a label has one clip of a few frames.
    """
    labels = [*earlier_labels, *(label for label in survey.counts if label not in earlier_labels)]
    length, windows = _choose_windows(survey)
    split, warnings = _choose_split(survey)
    policy = SplitPolicy(**{name: choice.value for name, choice in split.items()})
    splits = assign_splits(survey.index, policy)
    spec = WindowSpec(length=length.value, **{name: choice.value for name, choice in windows.items()})
    gates, only_warn, claim = _choose_gates(survey, splits)
    return Choices(
        labels=Choice(labels, "In the order of their names; new labels go to the end: a position is a label's id."),
        length=length,
        windows=windows,
        split=split,
        training=_choose_training(survey, splits, spec),
        gates=gates,
        only_warn=only_warn,
        warnings=(*warnings, *claim),
    )


def _choose_windows(survey: Survey) -> tuple[Choice, dict[str, Choice]]:
    """Return the length of a window and the settings of the cutting."""
    seconds = np.array([clip.seconds for clip in survey.clips])
    counted = np.array(
        [clip.seconds / clip.repetitions for clip in survey.clips if clip.repetitions and clip.repetitions > 1]
    )
    native = float(np.median(survey.rates))
    if not len(counted) and np.quantile(seconds, 0.95) <= CLIP_SECONDS:
        reason = (
            f"95 % of your clips are shorter than {np.quantile(seconds, 0.95):.1f} s: each is taken as one performance"
        )
        return Choice(WINDOW, f"A whole clip is stretched to {WINDOW} frames."), {
            "fps": Choice(_rate(native), f"your recordings have {native:.3g}"),
            "stride": Choice(WINDOW // 4, "not used with `stretch`"),
            "fit": Choice("stretch", reason),
        }
    if len(counted):
        wanted = float(np.quantile(counted, 0.95))
        why = f"95 % of your repetitions are shorter than {wanted:.1f} s"
    else:
        wanted = SECONDS
        why = f"repetitions are not counted in your data; {SECONDS:g} s hold one repetition of most exercises"
    rate = min(_rate(native), max((rate for rate in RATES if WINDOW / rate >= wanted), default=RATES[0]))
    return Choice(WINDOW, f"{WINDOW} frames at {rate:g} fps are {WINDOW / rate:.1f} s: {why}."), {
        "fps": Choice(rate, f"{WINDOW} frames are {WINDOW / rate:.1f} s: {why}"),
        "stride": Choice(WINDOW // 4, f"a new window every {WINDOW / 4 / rate:.1f} s"),
        "fit": Choice("slide", f"clips are up to {seconds.max():.0f} s long: windows slide over them"),
    }


def _rate(native: float) -> float:
    """Return the highest rate to choose from that is not above the recordings' own."""
    return max((rate for rate in RATES if rate <= native * 1.05), default=RATES[0])


def _choose_split(survey: Survey) -> tuple[dict[str, Choice], list[str]]:
    """Return the first division in the order official, person, recording, time that works, and warnings about it."""
    left_out = Choice([UNKNOWN], f"{survey.unlabelled} recordings have no label") if survey.unlabelled else None
    for propose in (_official, _by_person, _by_recording, _by_time):
        found = propose(survey)
        if found is None:
            continue
        settings, warnings = found
        if left_out:
            settings["leave_out"] = left_out
        return settings, warnings
    rare = min(survey.counts, key=lambda label: survey.counts[label])
    raise InputError(
        f"label {rare!r} has {survey.counts[rare]} clip, which is too short to be divided into training and test",
        str(survey.folder),
        "record each exercise at least three times",
    )


def _works(survey: Survey, settings: dict[str, Choice]) -> bool:
    values = {name: choice.value for name, choice in settings.items()}
    try:
        assign_splits(survey.index, SplitPolicy(**values, leave_out=(UNKNOWN,)))
    except InputError:
        return False
    return True


def _official(survey: Survey) -> tuple[dict[str, Choice], list[str]] | None:
    if not all(key.split for key in survey.index):
        return None
    settings = {
        "method": Choice("column", "your data say which recordings are for training and which for test"),
        "eval_share": Choice(0, "all training people train"),
    }
    if _works(survey, settings):
        return settings, []
    settings["allow_subject_overlap"] = Choice(True, "the division of your data has people on both sides")
    warning = "people of the test split are in the training split, too: the figures do not hold for other people"
    return (settings, [warning]) if _works(survey, settings) else None


def _by_person(survey: Survey) -> tuple[dict[str, Choice], list[str]] | None:
    """Return a division by person whose seed puts each label on both sides and about a fifth of the clips into test."""
    people = len(survey.people)
    if people < ENOUGH_PEOPLE or any(clip.subject == UNKNOWN for clip in survey.clips):
        return None
    share = max(0.2, round(1 / people, 2))
    seed = _best_seed(survey, share)
    if seed is None:
        return None
    settings = {
        "method": Choice("hash", f"{people} people: nobody is in training and test"),
        "test_share": Choice(share, "share of the people who are in test"),
        "eval_share": Choice(0, "all other people train"),
        "seed": Choice(seed, "the first draw in which each label is on both sides"),
    }
    return settings, []


def _best_seed(survey: Survey, share: float) -> int | None:
    """Return the first seed with the wanted number of test people and every label on both sides; None if there is none.

    If no seed draws the wanted number, the first with every label on both sides is returned.
    """
    wanted = round(share * len(survey.people))
    usable: int | None = None
    for seed in range(_SEEDS):
        policy = SplitPolicy(test_share=share, eval_share=0, seed=seed, leave_out=(UNKNOWN,))
        try:
            splits = assign_splits(survey.index, policy)
        except InputError:
            continue
        people = {key.subject for key in survey.index for clip in key.clip_ids if splits.get(clip) == "test"}
        if len(people) == wanted:
            return seed
        usable = seed if usable is None else usable
    return usable


def _by_recording(survey: Survey) -> tuple[dict[str, Choice], list[str]] | None:
    people = len(survey.people)
    why = f"{people or 'no'} known {'person' if people == 1 else 'people'}, too few for a division by person"
    settings = {
        "method": Choice("recordings", why),
        "test_share": Choice(0.25, "share of the recordings of each label that are in test"),
        "eval_share": Choice(0, "all other recordings train"),
    }
    if not _works(survey, settings):
        return None
    warning = f"{why}: test recordings are of people in training, so the figures do not hold for other people"
    return settings, [warning]


def _by_time(survey: Survey) -> tuple[dict[str, Choice], list[str]] | None:
    settings = {
        "method": Choice("time", "a label has a single recording: its last part is for test"),
        "test_share": Choice(0.25, "share of the clips, or of a single clip, that are for test"),
        "eval_share": Choice(0, "the rest trains"),
    }
    if not _works(survey, settings):
        return None
    warning = (
        "a label has a single recording: training and test are parts of the same recordings, so the figures say"
        " nothing about another day, place or person"
    )
    return settings, [warning]


def _choose_gates(survey: Survey, splits: dict[str, str]) -> tuple[dict[str, Choice], Choice, list[str]]:
    """Return thresholds that a model passes only if it is better than naming the most frequent label."""
    labels = Counter(
        label
        for key in survey.index
        for clip, label in zip(key.clip_ids, key.labels, strict=True)
        if splits.get(clip) in ("test", CUT)
    )
    clips = sum(labels.values())
    label, most = labels.most_common(1)[0]
    chance = most / clips
    needed = chance + CONFIDENCE * math.sqrt(chance * (1 - chance) / clips)
    few = needed > 0.9
    accuracy = math.floor(100 * (chance if few else needed)) / 100
    reason = f"always {label!r} would be right in {chance:.0%} of {clips} test clips; this is beyond chance"
    gates = {
        "evaluator.min_accuracy": Choice(min(accuracy, 0.9), reason),
        "evaluator.min_macro_f1": Choice(round(1 / len(survey.counts), 2), "the mean F1 score of guessing is below it"),
        "model_validator.min_sequence_accuracy": Choice(min(accuracy, 0.9), reason),
        "model_validator.max_bytes": Choice(600_000, "more joints and labels need more weights"),
        "serving_smoke.max_latency_p95_ms": Choice(1.0, "a phone five times as slow still has 25 ms of 30 left"),
        "serving_smoke.min_agreement": Choice(0.9, "few test windows: one of ten may be a close call"),
    }
    if not few:
        return gates, Choice([], ""), []
    claim = f"{clips} test clips are too few to show that a model is better than chance: its gates only warn"
    return gates, Choice(["evaluator", "model_validator"], claim), [claim]


def _choose_training(survey: Survey, splits: dict[str, str], spec: WindowSpec) -> dict[str, Choice]:
    """Return a batch size with several steps per epoch, and a number of epochs that gives about `STEPS` steps."""
    train = sum(1 for split in splits.values() if split != "test")
    seconds = sum(clip.seconds for clip in survey.clips) * train / len(splits)
    windows = train if spec.fit == "stretch" else max(train, int(seconds * spec.fps / spec.stride))
    batch = next((size for size in _BATCHES if windows >= 10 * size), _BATCHES[-1])
    steps = max(1, windows // batch)
    epochs = int(np.clip(10 * round(STEPS / steps / 10), *_EPOCHS))
    return {
        "epochs": Choice(epochs, f"{steps} steps per epoch, {steps * epochs} together"),
        "batch_size": Choice(batch, f"about {windows} training windows"),
        "jit_compile": Choice(False, "compiling would take longer than it saves"),
    }
