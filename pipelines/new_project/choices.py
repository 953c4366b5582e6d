"""The settings of a new pipeline, each with the reason for its value, chosen from what a span contains."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import InputError
from data.splits import CUT, SplitPolicy, assign_splits
from data.text import harmless, natural
from data.windows import WindowSpec
from payloads.claims import beyond_chance
from pipelines.new_project.survey import UNKNOWN, Survey
from trainer_module.mirrored_labels import mirror_images

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

STRICT = 0.9
"""Largest accuracy that is demanded of a model about whose data nobody has experience yet."""

STEPS = 1500
"""Number of training steps to aim at; the accuracy of the four public data sets hardly rises after as many."""

_BATCHES = (64, 32, 16)
_EPOCHS = (20, 200)
_SEEDS = 64
_SIDE = re.compile(r"left|right", re.IGNORECASE)


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
        augmentation: settings of the random changes of training windows.
        gates: thresholds of gates, as `gate.threshold`.
        warnings: what the user should know about the figures of this pipeline.
    """

    labels: Choice
    length: Choice
    windows: dict[str, Choice]
    split: dict[str, Choice]
    training: dict[str, Choice]
    augmentation: dict[str, Choice]
    gates: dict[str, Choice]
    warnings: tuple[str, ...]

    @property
    def window_spec(self) -> WindowSpec:
        """Rules by which windows are cut."""
        return WindowSpec(length=self.length.value, **{name: choice.value for name, choice in self.windows.items()})

    @property
    def policy(self) -> SplitPolicy:
        """Policy of the division into splits."""
        return SplitPolicy(**{name: choice.value for name, choice in self.split.items()})


def choose(survey: Survey, earlier_labels: Sequence[str] = (), earlier_seed: int | None = None) -> Choices:
    """Choose the settings for a span.

    Args:
        survey: the span.
        earlier_labels: labels of the schema that is replaced, in their order.
        earlier_seed: seed of the division that is replaced; it is kept if it still divides the data, so that nobody
            changes from training to test.

    Raises:
        InputError: the clips cannot be divided, for example because a label has one clip of a few frames.
    """
    labels = [*earlier_labels, *(label for label in survey.counts if label not in earlier_labels)]
    length, windows = _choose_windows(survey)
    split, warnings = _choose_split(survey, earlier_seed)
    policy = SplitPolicy(**{name: choice.value for name, choice in split.items()})
    splits = assign_splits(survey.index, policy)
    spec = WindowSpec(length=length.value, **{name: choice.value for name, choice in windows.items()})
    gates, claim = _choose_gates(survey, splits)
    return Choices(
        labels=Choice(labels, "In the order of their names; new labels go to the end: a position is a label's id."),
        length=length,
        windows=windows,
        split=split,
        training=_choose_training(survey, splits, spec),
        augmentation=_choose_augmentation(labels),
        gates=gates,
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
    if WINDOW / rate < wanted:
        why += ", so a window is a part of them"
    return Choice(WINDOW, f"{WINDOW} frames at {rate:g} fps are {WINDOW / rate:.1f} s: {why}."), {
        "fps": Choice(rate, f"{WINDOW} frames are {WINDOW / rate:.1f} s: {why}"),
        "stride": Choice(WINDOW // 4, f"a new window every {WINDOW / 4 / rate:.1f} s"),
        "fit": Choice("slide", f"clips are up to {seconds.max():.0f} s long: windows slide over them"),
    }


def _rate(native: float) -> float:
    """Return the highest rate to choose from that is not above the recordings' own."""
    return max((rate for rate in RATES if rate <= native * 1.05), default=RATES[0])


def _choose_split(survey: Survey, earlier_seed: int | None) -> tuple[dict[str, Choice], list[str]]:
    """Return the first division in the order official, person, recording, time that works, and warnings about it."""
    left_out = Choice([UNKNOWN], f"{survey.unlabelled} recordings have no label") if survey.unlabelled else None
    for found in _divisions(survey, earlier_seed):
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


def _divisions(survey: Survey, earlier_seed: int | None) -> Iterator[tuple[dict[str, Choice], list[str]] | None]:
    yield _official(survey)
    yield _by_person(survey, earlier_seed)
    yield _by_recording(survey)
    yield _by_time(survey)


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
    if any((key.split or "").lower() not in ("train", "test") for key in survey.index):
        settings["eval_share"] = Choice(0.15, "above 0, so that the eval split of your data is used")
    if _works(survey, settings):
        return settings, []
    settings["allow_subject_overlap"] = Choice(True, "the division of your data has people on both sides")
    warning = "people of the test split are in the training split, too: the figures do not hold for other people"
    if not survey.people:
        warning = "the data do not say who moves: the figures may not hold for other people"
        settings["allow_subject_overlap"] = Choice(True, "the data do not say who moves")
    return (settings, [warning]) if _works(survey, settings) else None


def _by_person(survey: Survey, earlier_seed: int | None) -> tuple[dict[str, Choice], list[str]] | None:
    """Return a division by person whose test people have each label, in about the same proportions as all people."""
    people = len(survey.people)
    if people < ENOUGH_PEOPLE or any(clip.subject == UNKNOWN for clip in survey.clips):
        return None
    share = max(0.2, round(1 / people, 2))
    seed = _best_seed(survey, share, earlier_seed)
    if seed is None:
        return None
    test = _test_people(survey, share, seed)
    assert test is not None
    warnings = []
    if len(test) == 1:
        warnings = ["a single person is in test: the figures say little about other people"]
    settings = {
        "method": Choice("hash", f"{people} people: nobody is in training and test"),
        "test_share": Choice(share, "share of the people who are in test"),
        "eval_share": Choice(0, "all other people train"),
        "seed": Choice(seed, f"of {_SEEDS} draws, that with the most even labels; in test {_few(test)}"),
    }
    return settings, warnings


def _best_seed(survey: Survey, share: float, earlier: int | None) -> int | None:
    """Return the seed whose test split is most like all data, in its size and the share of each label.

    Args:
        survey: the span.
        share: share of the people in test.
        earlier: seed to keep if it divides the data; None if there is none.

    Returns:
        The seed; None if no draw puts each label on both sides.
    """
    if earlier is not None and _test_people(survey, share, earlier) is not None:
        return earlier
    unlike = {}
    for seed in range(_SEEDS):
        if (test := _test_people(survey, share, seed)) is not None:
            unlike[seed] = _unlike(survey, test, share)
    return min(unlike, key=lambda seed: (unlike[seed], seed)) if unlike else None


def _test_people(survey: Survey, share: float, seed: int) -> set[str] | None:
    """Return the people whom a seed puts into test; None if it does not divide the data."""
    try:
        splits = assign_splits(
            survey.index, SplitPolicy(test_share=share, eval_share=0, seed=seed, leave_out=(UNKNOWN,))
        )
    except InputError:
        return None
    return {key.subject for key in survey.index for clip in key.clip_ids if splits.get(clip) == "test"}


def _unlike(survey: Survey, test: set[str], share: float) -> float:
    """Return how much a test split differs from the wanted share of each label: 0 for not at all."""
    tested = Counter(clip.label for clip in survey.clips if clip.subject in test)
    return sum(abs(tested[label] - share * count) for label, count in survey.counts.items()) / len(survey.clips)


def _few(names: set[str]) -> str:
    """Return names as a list that ends after the third."""
    first = ", ".join(harmless(name, 30) for name in sorted(names, key=natural)[:3])
    return first if len(names) <= 3 else f"{first} and {len(names) - 3} more"


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


def _choose_gates(survey: Survey, splits: dict[str, str]) -> tuple[dict[str, Choice], list[str]]:
    """Return thresholds that a model passes only if it is better than naming the most frequent label.

    They are 0 where the test clips are too few for that; the run then ends, and the manifest says what was not shown.
    """
    labels = Counter(
        label
        for key in survey.index
        for clip, label in zip(key.clip_ids, key.labels, strict=True)
        if splits.get(clip) in ("test", CUT)
    )
    clips = labels.total()
    label, most = labels.most_common(1)[0]
    needed = beyond_chance(most / clips, clips)
    always = f"always {harmless(label, 40)!r} would be right in {most / clips:.0%} of {clips} test clips"
    claims: list[str] = []
    if needed is not None and needed <= STRICT:
        accuracy = Choice(math.floor(100 * needed) / 100, f"{always}; more than this is no luck")
        f1 = Choice(round(1 / len(survey.counts), 2), "the mean F1 score of guessing is below it")
    elif needed is not None and most / clips > 2 / 3:
        accuracy = Choice(0, f"{always}, so accuracy says little; the F1 score counts")
        share = most / clips
        guess = 2 * share / (1 + share) / len(labels)
        f1 = Choice(math.ceil(100 * (guess + 0.05)) / 100, f"always {harmless(label, 40)!r} would have {guess:.2f}")
    else:
        claim = f"{clips} test clips are too few to show that a model is better than guessing"
        accuracy = f1 = Choice(0, f"{claim}; the manifest says so")
        claims = [claim]
    drop = max(0.02, math.ceil(100 * 2 / clips) / 100)
    return {
        "evaluator.min_accuracy": accuracy,
        "evaluator.min_macro_f1": f1,
        "evaluator.max_accuracy_drop": Choice(min(drop, 1.0), f"two of {clips} clips: one may be chance"),
        "model_validator.min_sequence_accuracy": accuracy,
        "model_validator.max_bytes": Choice(600_000, "more joints and labels need more weights"),
        "serving_smoke.max_latency_p95_ms": Choice(1.0, "a phone five times as slow still has 25 ms of 30 left"),
        "serving_smoke.min_agreement": Choice(0.9, "few test windows: one of ten may be a close call"),
    }, claims


def _choose_augmentation(labels: Sequence[str]) -> dict[str, Choice]:
    """Return no mirroring if a label names a side and its mirror image is not a label, too."""
    sided = [label for label in labels if _SIDE.search(label)]
    mirrored = mirror_images(labels)
    if all(
        mirrored[labels.index(label)] not in (label, "") and mirrored[labels.index(label)] in labels for label in sided
    ):
        return {}
    return {"mirror": Choice(0, f"{harmless(sided[0], 40)!r} names a side, and there is no label of the other side")}


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
