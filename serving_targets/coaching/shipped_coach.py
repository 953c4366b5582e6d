"""The coach of a published bundle, whose model runs in the sandbox."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import InputError
from data.layouts import load_layout
from data.records import KeypointSequence
from serving_targets.bundle import Bundle, load_bundle
from serving_targets.coach.coach import Coach, follow_recording, shipped_model
from serving_targets.coach.form.references import References
from serving_targets.coach.recognition import Model
from serving_targets.coach.settings import REFERENCES, SETTINGS, read_references
from serving_targets.coach.timeline import Timeline
from serving_targets.sandbox.sandboxed_classifier import SandboxedClassifier

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass(frozen=True)
class ShippedCoach:
    """The coach of a bundle.

    Attributes:
        bundle: the bundle.
        model: its model, in the sandbox.
        references: its references; None if it has none.
        lacks: sentences that say what the bundle lacks, and what is then not possible.
    """

    bundle: Bundle
    model: Model
    references: References | None
    lacks: tuple[str, ...]

    def start(self, layout: str | None = None, *, offline: bool = False) -> Coach:
        """Return a new coach for poses of a layout; the bundle's own if it is None."""
        return Coach(layout or self.model.layout, self.model, self.references, offline=offline)

    def follow(self, sequence: KeypointSequence, *, offline: bool) -> Timeline:
        """Return the timeline of a recording."""
        times = sequence.frame_times
        coach = self.start(sequence.layout, offline=offline)
        return follow_recording(coach, sequence.keypoints, times - times[0], sequence.sequence_id)


@contextlib.contextmanager
def open_coach(folder: Path, key: Ed25519PublicKey | None = None) -> Iterator[ShippedCoach]:
    """Load the coach of a bundle; its model is stopped at the end.

    Args:
        folder: folder of a version or of a target.
        key: key that must have signed the bundle; None if any bundle may be used.

    Raises:
        InputError: the bundle is damaged or not signed, or its layout is unknown.
    """
    bundle = load_bundle(folder, key)
    manifest = bundle.manifest
    layout = manifest.layout
    if load_layout(layout.reference).joints != layout.joints:
        raise InputError(
            f"the manifest's joints are not those of the layout {layout.name!r} of this version of Poseline",
            str(bundle.folder),
            "update Poseline, or push the model again",
        )
    references = read_references(bundle.folder)
    with SandboxedClassifier(bundle.int8_model, manifest.window_shape, len(manifest.labels)) as sandbox:
        model = shipped_model(bundle, sandbox.predict)
        yield ShippedCoach(bundle, model, references, tuple(_lacks(bundle.folder, references)))


def _lacks(folder: Path, references: References | None) -> Iterator[str]:
    if not (folder / SETTINGS).exists():
        yield f"the bundle has no {SETTINGS}: movements are recognised with settings that are not calibrated for it"
    if references is None:
        yield f"the bundle has no {REFERENCES}: movements are counted, but not scored or corrected"
    elif not references.movements:
        yield f"{REFERENCES} of the bundle has no movement: movements are counted, but not scored or corrected"
