"""The check that all sequences of a span have one layout, one number of channels and unique ids."""

from data.errors import InputError
from data.layouts import layout_label, load_layout
from data.records import KeypointSequence


class Consistency:
    """A check that takes the sequences of a span one after the other.

    Args:
        layout: layout of all sequences; None for that of the first sequence.
        channels: number of channels of all sequences; None for that of the first sequence.
    """

    def __init__(self, layout: str | None = None, channels: int | None = None) -> None:
        self._layout = layout
        self._channels = channels
        self._places: dict[str, str] = {}

    def check(self, sequence: KeypointSequence, place: str) -> None:
        """Check a sequence against those before it.

        Args:
            sequence: the next sequence.
            place: place of the sequence, for errors.

        Raises:
            InputError: if it is not consistent with the others.
        """
        where = f"{place}, sequence {sequence.sequence_id!r}"
        self._check_id(sequence.sequence_id, place, where)
        self._check_layout(sequence.layout, where)
        joints, channels = sequence.keypoints.shape[1:]
        if joints != (wanted := len(load_layout(sequence.layout).joints)):
            raise InputError(
                f"there are {joints} joints, but layout {layout_label(sequence.layout)} has {wanted}",
                where,
                "name the layout of these joints, or write all joints of the layout, missing ones with confidence 0",
            )
        self._channels = self._channels or channels
        if channels != self._channels:
            raise InputError(
                f"there are {channels} channels, not {self._channels}",
                where,
                "keep 2-D sequences (3 channels) and 3-D sequences (4 channels) in separate folders",
            )

    def _check_id(self, sequence_id: str, place: str, where: str) -> None:
        if earlier := self._places.get(sequence_id):
            raise InputError(
                "the sequence id occurs twice",
                f"{earlier} and {where}",
                "give every sequence of a span an id of its own",
            )
        self._places[sequence_id] = place

    def _check_layout(self, layout: str, where: str) -> None:
        try:
            name = load_layout(layout).name
        except InputError as error:
            raise InputError(error.what, where, error.remedy) from error
        self._layout = self._layout or layout
        if layout != self._layout:
            wanted = layout_label(self._layout)
            other = f"the layout is {name}, not {wanted}" if name != wanted else f"the layout is another {name}"
            raise InputError(
                other, where, f"choose a configuration for {name}, or import into another folder: a span has one layout"
            )
