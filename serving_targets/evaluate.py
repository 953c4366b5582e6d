"""Evaluates a published bundle on canonical data, running its TFLite file as a device does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import InputError
from data.layouts import JointMapping, joint_mapping, layout_names, load_layout
from data.records import KeypointSequence
from data.store import SequenceKey, read_index, read_sequences, span_folder
from data.windows import cut_windows
from serving_targets.bundle import Bundle, load_bundle
from serving_targets.latency import Latency
from serving_targets.manifest import LayoutTable, Manifest
from serving_targets.robustness import DISTURBANCES, disturbed
from serving_targets.sandbox.sandboxed_classifier import SandboxedClassifier

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from data.output.terminal import Terminal

Progress = Callable[[int, int], None]
"""Function that is called with the number of evaluated sequences and the number of all sequences."""

_MOST_VALUES = 10**8
"""Maximum number of values in all windows of a clip."""


@dataclass(frozen=True)
class ClassScore:
    """Scores of one class over sequences.

    Attributes:
        precision: share of correct predictions among the predictions of this class; 0 without predictions.
        recall: share of the sequences of this class that are predicted correctly; 0 without sequences.
        f1: harmonic mean of precision and recall.
        support: number of sequences of this class.
    """

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Evaluation:
    """Scores of a bundle; the prediction for a sequence is the mean of the probabilities of its windows.

    Attributes:
        sequence_accuracy: share of sequences that are predicted correctly.
        window_accuracy: share of windows that are predicted correctly.
        macro_f1: mean F1 score of the classes that occur as labels or predictions.
        sequences: number of evaluated sequences.
        windows: number of evaluated windows.
        latency_ms: latency of one window on one thread, in milliseconds.
        per_class: label to its scores, in the order of the manifest.
        bundle: folder, name, version, digest and signature of the bundle.
        robustness: name of each disturbance to the accuracy by sequence on disturbed windows; None if not requested.
        claims: what the test before publication showed, as a sentence; None if the bundle does not say.
    """

    sequence_accuracy: float
    window_accuracy: float
    macro_f1: float
    sequences: int
    windows: int
    latency_ms: Latency
    per_class: dict[str, ClassScore]
    bundle: dict[str, Any]
    robustness: dict[str, float] | None = None
    claims: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return all scores as JSON values."""
        return asdict(self)


def evaluate(
    bundle_dir: Path,
    data_dir: Path,
    split: str | None = None,
    span: int | None = None,
    progress: Progress | None = None,
    robustness: bool = False,
    key: Ed25519PublicKey | None = None,
) -> Evaluation:
    """Evaluate the int8 file of a bundle on canonical data.

    Each segment of a session is evaluated like a sequence. Sequences in another layout are converted by joint names.

    Args:
        bundle_dir: folder of a version or of a target.
        data_dir: folder with `span-N/` folders.
        split: split to evaluate, as recorded in the data; None for all sequences.
        span: number of the span; None for the latest.
        progress: function that is called after each sequence.
        robustness: whether to evaluate disturbed windows, too, which takes seven times as long.
        key: key that must have signed the bundle; None if any bundle may be evaluated.

    Raises:
        InputError: the bundle or the data cannot be used, the split is empty, the model does not know a label, or the
            layout cannot be converted.
    """
    bundle = load_bundle(bundle_dir, key)
    manifest = bundle.manifest
    layout = manifest.layout
    if not _is_known(layout):
        raise InputError(
            f"the manifest's joints are not those of a layout {layout.name!r} of this version of Poseline",
            str(bundle.folder),
            f"update Poseline, which knows {', '.join(layout_names())}",
        )
    with SandboxedClassifier(bundle.int8_model, manifest.window_shape, len(manifest.labels)) as classifier:
        folder = span_folder(data_dir, span)
        index = _select_split(read_index(folder), split, folder)
        _check_labels(index, manifest, folder)
        mappings = {key.layout: _mapping(key, manifest, folder) for key in index}
        chosen = {key.sequence_id for key in index}
        calls = _Calls({name: [] for name in DISTURBANCES} if robustness else {})
        sequences = (sequence for sequence in read_sequences(folder) if sequence.sequence_id in chosen)
        for done, sequence in enumerate(sequences, 1):
            for clip in sequence.clips():
                calls.add(classifier, _windows(clip, manifest, mappings[clip.layout]), manifest, clip.label)
            if progress:
                progress(done, len(index))
        return _scores(bundle, calls, classifier.measure())


def _is_known(layout: LayoutTable) -> bool:
    try:
        return load_layout(layout.reference).joints == layout.joints
    except InputError:
        return False


@dataclass
class _Calls:
    """Predictions so far.

    Attributes:
        disturbed: name of each disturbance to the predicted class of each clip.
        truth: class of each clip.
        called: predicted class of each clip.
        right_windows: number of windows that are predicted correctly.
        windows: number of undisturbed windows.
    """

    disturbed: dict[str, list[int]]
    truth: list[int] = field(default_factory=list)
    called: list[int] = field(default_factory=list)
    right_windows: int = 0
    windows: int = 0

    def add(self, classifier: SandboxedClassifier, windows: np.ndarray, manifest: Manifest, label: str) -> None:
        """Classify the windows of one clip."""
        truth = manifest.labels.index(label)
        probabilities = classifier.answer(windows)
        if self.disturbed:
            layout = load_layout(manifest.layout.reference)
            for name, changed in disturbed(windows, layout, seed=len(self.truth)).items():
                self.disturbed[name].append(_call(classifier.answer(changed)))
        self.truth.append(truth)
        self.called.append(_call(probabilities))
        self.right_windows += int((probabilities.argmax(axis=1) == truth).sum())
        self.windows += len(windows)


def _call(probabilities: np.ndarray) -> int:
    """Return the predicted class of a clip: the one with the largest mean of the probabilities of its windows."""
    return int(probabilities.mean(axis=0).argmax())


def show(evaluation: Evaluation, console: Terminal) -> None:
    """Print the scores as tables."""
    from rich.table import Column, Table

    classes = Table("class")
    for heading in ("precision", "recall", "F1", "sequences"):
        classes.add_column(heading, justify="right")
    for label, score in evaluation.per_class.items():
        classes.add_row(label, *(f"{x:.3f}" for x in (score.precision, score.recall, score.f1)), str(score.support))
    latency, bundle = evaluation.latency_ms, evaluation.bundle
    figures = Table.grid(Column(), Column(overflow="fold"), padding=(0, 2))
    for name, text in {
        "bundle": f"{bundle['name']} version {bundle['version']}  {bundle['folder']}",
        "signature": bundle["signature"],
        "published on": evaluation.claims or "not stated in the manifest",
        "accuracy": f"{evaluation.sequence_accuracy:.4f} of {evaluation.sequences} sequences,"
        f" {evaluation.window_accuracy:.4f} of {evaluation.windows} windows",
        "macro F1": f"{evaluation.macro_f1:.4f}",
        "latency": f"p50 {latency.p50:.3f} ms, p95 {latency.p95:.3f} ms of processor time a window, one thread"
        + (
            "" if latency.calm else "; other programs were busy, so it may be quicker: evaluate again when they are not"
        ),
    }.items():
        figures.add_row(name, text)
    console.print(figures, classes)
    if evaluation.robustness:
        changes = Table("windows", *(Column(heading, justify="right") for heading in ("accuracy", "lost")))
        for name, accuracy in evaluation.robustness.items():
            changes.add_row(
                name.replace("_", " "), f"{accuracy:.4f}", f"{evaluation.sequence_accuracy - accuracy:+.4f}"
            )
        console.print(changes)


def _select_split(index: Sequence[SequenceKey], split: str | None, folder: Path) -> list[SequenceKey]:
    chosen = [key for key in index if split is None or key.split == split]
    if not chosen:
        known = sorted({key.split for key in index if key.split})
        raise InputError(
            f"no sequence is in split {split!r}",
            str(folder),
            f"the splits are {', '.join(known)}" if known else "the data have no splits: do not give --split",
        )
    return chosen


def _check_labels(index: Sequence[SequenceKey], manifest: Manifest, folder: Path) -> None:
    """Reject labels that the model does not know, instead of counting them as wrong predictions."""
    if unknown := sorted({label for key in index for label in key.labels} - set(manifest.labels)):
        raise InputError(
            f"{len(unknown)} labels are unknown to the model: {', '.join(unknown[:10])}",
            str(folder),
            f"the model knows {', '.join(manifest.labels)}: remove the sequences with other labels, or train with them",
        )


def _mapping(key: SequenceKey, manifest: Manifest, folder: Path) -> JointMapping | None:
    """Return the mapping from a sequence's layout to the model's; None if they are the same."""
    where = f"{folder}, sequence {key.sequence_id!r}"
    if key.channels != len(manifest.channels):
        raise InputError(
            f"joints have {key.channels} channels, the model reads {', '.join(manifest.channels)}",
            where,
            "evaluate on data of the same kind (2-D or 3-D)",
        )
    if key.layout == manifest.layout.reference:
        return None
    mapping = joint_mapping(key.layout, manifest.layout.reference)
    same_space = (mapping.source.unit, mapping.source.y_down) == (mapping.target.unit, mapping.target.y_down)
    if mapping.unmapped or not same_space:
        reason = f"it lacks {', '.join(mapping.unmapped)}" if mapping.unmapped else "its axes or unit differ"
        raise InputError(
            f"layout {mapping.source.name} cannot be converted to the model's {manifest.layout.name}: {reason}",
            where,
            f"evaluate on data in layout {manifest.layout.name}",
        )
    return mapping


def _windows(clip: KeypointSequence, manifest: Manifest, mapping: JointMapping | None) -> np.ndarray:
    """Cut a clip into windows, `[windows, T, J, C]`."""
    if mapping:
        clip = replace(clip, keypoints=mapping.apply(clip.keypoints), layout=mapping.target.reference)
    windows = [window.keypoints for window in cut_windows(clip, manifest.window_spec)]  # views, so far without copies
    if len(windows) * windows[0].size > _MOST_VALUES:
        raise InputError(
            f"sequence {clip.sequence_id!r} makes {len(windows)} windows {list(windows[0].shape)}, which need too much"
            " memory",
            f"window of {manifest.name}",
            "evaluate on shorter sequences, or with a model of shorter windows",
        )
    return np.array(windows)


def _scores(bundle: Bundle, calls: _Calls, latency: Latency) -> Evaluation:
    manifest = bundle.manifest
    truth, called = np.array(calls.truth), np.array(calls.called)
    per_class = {label: _class_score(truth == i, called == i) for i, label in enumerate(manifest.labels)}
    seen = [per_class[manifest.labels[i]].f1 for i in np.union1d(truth, called)]
    robustness = {name: float((np.array(others) == truth).mean()) for name, others in calls.disturbed.items()}
    return Evaluation(
        sequence_accuracy=float((truth == called).mean()),
        window_accuracy=calls.right_windows / calls.windows,
        macro_f1=float(np.mean(seen)),
        sequences=len(truth),
        windows=calls.windows,
        latency_ms=latency,
        per_class=per_class,
        bundle={
            "folder": str(bundle.folder),
            "name": manifest.name,
            "version": manifest.version,
            "digest": manifest.digest,
            "signature": bundle.signature,
        },
        claims=manifest.claims.sentence if manifest.claims else None,
        robustness=robustness or None,
    )


def _class_score(is_class: np.ndarray, is_called: np.ndarray) -> ClassScore:
    hits = int((is_class & is_called).sum())
    called, support = int(is_called.sum()), int(is_class.sum())
    return ClassScore(
        precision=hits / called if called else 0.0,
        recall=hits / support if support else 0.0,
        f1=2 * hits / (called + support) if called + support else 0.0,
        support=support,
    )
