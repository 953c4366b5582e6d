"""The settings of a new pipeline, each with the reason for its value, chosen from what a span contains."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.splits import CUT, SplitPolicy, assign_splits
from data.text import harmless
from data.windows import WindowSpec
from payloads.claims import beyond_chance
from pipelines.new_project.choice import Choice
from pipelines.new_project.division import choose_division, division_warnings
from pipelines.new_project.survey import Health, Survey
from schema.gates import Bound
from trainer_module.mirrored_labels import mirror_images

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

NEAR = 1.25
"""Factor by which the mean of a figure has to be within its usual bound; nearer, the bound is widened."""

STEPS = 1500
"""Number of training steps to aim at; the accuracy of the four public data sets hardly rises after as many."""

_BATCHES = (64, 32, 16)
_EPOCHS = (20, 200)
_SIDE = re.compile(r"left|right", re.IGNORECASE)


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


def choose(survey: Survey, earlier_labels: Sequence[str] = (), earlier: SplitPolicy | None = None) -> Choices:
    """Choose labels, windows and division for a span; `completed` adds what depends on them.

    Args:
        survey: the span.
        earlier_labels: labels of the schema that is replaced, in their order.
        earlier: policy of the division that is replaced; its seed is kept if it still divides the data, so that nobody
            changes from test to training.

    Raises:
        InputError: the clips cannot be divided, for example because a label has one clip of a few frames.
    """
    labels = [*earlier_labels, *(label for label in survey.counts if label not in earlier_labels)]
    length, windows = _choose_windows(survey)
    split, notes = choose_division(survey, earlier)
    return Choices(
        labels=Choice(labels, "In the order of their names; new labels go to the end: a position is a label's id."),
        length=length,
        windows=windows,
        split=split,
        training={},
        augmentation=_choose_augmentation(labels),
        gates={},
        warnings=notes,
    )


def completed(
    choices: Choices,
    survey: Survey,
    health: Health,
    policy: SplitPolicy,
    spec: WindowSpec,
    usual_means: Mapping[str, Bound],
) -> Choices:
    """Return choices with training, gates and warnings for the division and the windows that are in force.

    Args:
        choices: result of `choose`.
        survey: the span.
        health: figures of its windows.
        policy: policy of the division, which the user may have changed.
        spec: rules by which windows are cut, which the user may have changed.
        usual_means: bounds of features' means that hold if a configuration has none.
    """
    splits = assign_splits(survey.index, policy)
    gates, claims = _choose_gates(survey, splits)
    notes = choices.warnings if policy.method == choices.policy.method else ()
    return replace(
        choices,
        training=_choose_training(survey, splits, spec),
        gates=gates | _choose_means(health, usual_means),
        warnings=(*notes, *division_warnings(survey, policy, splits), *claims),
    )


def _choose_windows(survey: Survey) -> tuple[Choice, dict[str, Choice]]:
    """Return the length of a window and the settings of the cutting."""
    seconds = np.array([clip.seconds for clip in survey.clips])
    counted = np.array(
        [clip.seconds / clip.repetitions for clip in survey.clips if clip.repetitions and clip.repetitions > 1]
    )
    native = float(np.median(survey.rates))
    long = float(np.quantile(seconds, 0.95))
    if not len(counted) and long <= CLIP_SECONDS:
        reason = f"95 % of your clips are shorter than {long:.1f} s: each is taken as one performance"
        return _stretched(native, reason)
    if len(counted):
        wanted = float(np.quantile(counted, 0.95))
        why = f"95 % of your repetitions are shorter than {wanted:.1f} s"
    else:
        wanted = SECONDS
        why = f"repetitions are not counted in your data; {SECONDS:g} s hold one repetition of most exercises"
    rate = min(_rate(native), max((rate for rate in RATES if WINDOW / rate >= wanted), default=RATES[0]))
    if _mostly_padding(seconds * rate):
        reason = f"95 % of your clips are shorter than {long:.1f} s: most of a sliding window would be padding"
        return _stretched(native, reason)
    if WINDOW / rate < wanted:
        why += ", so a window is a part of them"
    return Choice(WINDOW, f"{WINDOW} frames at {rate:g} fps are {WINDOW / rate:.1f} s: {why}."), {
        "fps": Choice(rate, f"{WINDOW} frames are {WINDOW / rate:.1f} s: {why}"),
        "stride": Choice(WINDOW // 4, f"a new window every {WINDOW / 4 / rate:.1f} s"),
        "fit": Choice("slide", f"clips are up to {_seconds(seconds.max())} s long: windows slide over them"),
    }


def _stretched(native: float, reason: str) -> tuple[Choice, dict[str, Choice]]:
    return Choice(WINDOW, f"A whole clip is stretched to {WINDOW} frames."), {
        "fps": Choice(_rate(native), f"the imported recordings have {native:.3g}, stated or assumed"),
        "stride": Choice(WINDOW // 4, "not used with `stretch`"),
        "fit": Choice("stretch", reason),
    }


def _mostly_padding(frames: np.ndarray) -> bool:
    """Return whether most windows that slide over clips of so many frames are at least half padding."""
    windows = np.maximum(1, np.ceil((frames - WINDOW) / (WINDOW // 4)) + 1)
    return bool(windows[frames < WINDOW / 2].sum() > windows.sum() / 2)


def _seconds(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _rate(native: float) -> float:
    """Return the highest rate to choose from that is not above the recordings' own."""
    return max((rate for rate in RATES if rate <= native * 1.05), default=RATES[0])


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


def _choose_means(health: Health, usual: Mapping[str, Bound]) -> dict[str, Choice]:
    """Return bounds of features' means within which each split is, with room for others; none if the usual ones do.

    A configuration replaces all means together, so those that need not change are repeated.
    """
    bounds, reasons = {}, []
    for name, bound in usual.items():
        if name not in health.means:
            continue
        low, high = bound.min, bound.max
        found = health.means[name].values()
        if low is not None and min(found) < NEAR * low:
            low = _significant(min(found) / 2)
            reasons.append(f"{name} is {min(found):.2g}")
        if high is not None and max(found) > high / NEAR:
            high = _significant((1 + max(found)) / 2 if high <= 1 else 2 * max(found))
            reasons.append(f"{name} is {max(found):.2g}")
        bounds[name] = {side: value for side, value in (("min", low), ("max", high)) if value}
    if not reasons:
        return {}
    return {"data_gate.means": Choice(bounds, f"wider than usual: in your recordings, mean {', '.join(reasons)}")}


def _significant(value: float) -> float:
    return float(f"{value:.2g}")


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
    train = sum(1 for split in splits.values() if split in ("train", CUT))
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
