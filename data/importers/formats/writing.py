"""Helpers that the writers of formats share: image coordinates in pixels and the times of frames."""

from typing import Any

from data.errors import InputError
from data.layouts import Layout, load_layout
from data.records import KeypointSequence

PIXELS = 1000
"""Height in pixels of the images that writers assume."""


def needs_image(sequence: KeypointSequence) -> Layout:
    """Return the layout of a sequence from images.

    Raises:
        InputError: if the sequence is from a room sensor.
    """
    layout = load_layout(sequence.layout)
    if layout.unit != "image_height":
        raise InputError(
            f"{layout.name} is in metres, but the format has pixels",
            f"sequence {sequence.sequence_id!r}",
            "choose another format",
        )
    return layout


def frame_times(sequence: KeypointSequence) -> list[dict[str, Any]]:
    """Return the JSON member with the time of each frame; empty if frames come evenly."""
    if sequence.timestamps is None:
        return [{}] * len(sequence.keypoints)
    return [{"seconds": time} for time in sequence.timestamps.tolist()]
