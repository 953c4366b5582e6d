"""What every importer takes and gives."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data.records import KeypointSequence


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What a source may leave unsaid.

    Attributes:
        label: label of sequences that come without one.
        fps: frames per second of sequences that come without it.
        image_height: pixels, for two-dimensional sources that do not tell it.
    """

    label: str = "unknown"
    fps: float = 30.0
    image_height: float | None = None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that was left out, and why.

    Attributes:
        file: it came from.
        record: its number in that file.
        sequence_id: its id, if it has one.
        reason: what is wrong with it, the same words for the same fault.
        detail: where exactly, and with what values.
    """

    file: str
    record: int
    sequence_id: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the importer had to assume, for the person to know."""

    text: str


Record = KeypointSequence | Quarantined | Note
Importer = Callable[[Path, ImportOptions], Iterator[Record]]
