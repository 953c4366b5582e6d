"""What the writers of formats have in common."""

from typing import Any

from data.errors import InputError
from data.layouts import Layout, load_layout
from data.records import KeypointSequence

PIXELS = 1000
"""Height of the image that pixels are written for."""


def needs_image(sequence: KeypointSequence) -> Layout:
    """Return the layout of a sequence for a format of images.

    Raises:
        InputError: if the sequence is of a room sensor.
    """
    layout = load_layout(sequence.layout)
    if layout.unit != "image_height":
        raise InputError(
            f"{layout.name} is in metres, the format in pixels", f"sequence {sequence.sequence_id!r}", "choose another"
        )
    return layout


def frame_times(sequence: KeypointSequence) -> list[dict[str, Any]]:
    """Return the time of each frame as its member of JSON, nothing where frames come evenly."""
    if sequence.timestamps is None:
        return [{}] * len(sequence.keypoints)
    return [{"seconds": time} for time in sequence.timestamps.tolist()]
