"""What the sequences of one span must have in common."""

from data.errors import InputError
from data.layouts import layout_names, load_layout
from data.records import KeypointSequence


class Consistency:
    """Checks the sequences of a span one after the other.

    Args:
        layout: that all must have; None takes the first sequence's.
        channels: that all must have; None takes the first sequence's.
    """

    def __init__(self, layout: str | None = None, channels: int | None = None) -> None:
        self._layout = layout
        self._channels = channels
        self._places: dict[str, str] = {}

    def check(self, sequence: KeypointSequence, place: str) -> None:
        """Raise InputError if `sequence`, found at `place`, does not fit those before it."""
        where = f"{place}, sequence {sequence.sequence_id!r}"
        self._check_id(sequence.sequence_id, place, where)
        self._check_layout(sequence.layout, where)
        joints, channels = sequence.keypoints.shape[1:]
        if joints != (wanted := len(load_layout(sequence.layout).joints)):
            raise InputError(
                f"there are {joints} joints, but layout {sequence.layout} has {wanted}",
                where,
                "name the layout that these joints are of, or write all its joints, missing ones with confidence 0",
            )
        self._channels = self._channels or channels
        if channels != self._channels:
            raise InputError(
                f"there are {channels} channels, not {self._channels}",
                where,
                "2-D sequences have 3 channels and 3-D ones 4: keep them in folders apart",
            )

    def _check_id(self, sequence_id: str, place: str, where: str) -> None:
        if earlier := self._places.get(sequence_id):
            raise InputError(
                "the sequence id occurs twice", f"{earlier} and {where}", "give every sequence of a span its own id"
            )
        self._places[sequence_id] = place

    def _check_layout(self, layout: str, where: str) -> None:
        if layout not in layout_names():
            raise InputError(f"layout {layout!r} is unknown", where, f"known layouts: {', '.join(layout_names())}")
        self._layout = self._layout or layout
        if layout != self._layout:
            raise InputError(
                f"the layout is {layout}, not {self._layout}",
                where,
                f"a span has one layout: choose a configuration for {layout}, or import into another folder",
            )
