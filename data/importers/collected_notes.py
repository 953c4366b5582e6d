"""The notes of an import, each kind once, with the number of files that it is about."""

from dataclasses import dataclass, field

from data.importers.clips.types import Note
from data.quarantine import reason_of
from data.text import printable

MAX_NOTES = 20
"""Largest number of notes in a summary."""


@dataclass
class _Kind:
    """The notes that differ only in numbers and quoted names.

    Attributes:
        text: text of the first one.
        file: its file.
        files: number of files.
        latest: the latest file, which may have the same note again.
    """

    text: str
    file: str
    files: int = 1
    latest: str = ""


@dataclass
class CollectedNotes:
    """The notes of an import while it runs."""

    _kinds: dict[str, _Kind] = field(default_factory=dict)
    _left_out: int = 0

    def add(self, note: Note) -> None:
        """Add a note."""
        key = reason_of(note.text)
        kind = self._kinds.get(key)
        if kind is not None:
            kind.files += note.file != kind.latest
            kind.latest = note.file
        elif len(self._kinds) < MAX_NOTES:
            self._kinds[key] = _Kind(note.text, note.file, latest=note.file)
        else:
            self._left_out += 1

    def texts(self) -> tuple[str, ...]:
        """Return the notes as they are shown."""
        texts = [_shown(kind) for kind in self._kinds.values()]
        return (*texts, f"and {self._left_out:,} more notes") if self._left_out else tuple(texts)


def _shown(kind: _Kind) -> str:
    more = f" and {kind.files - 1:,} more" if kind.files > 1 else ""
    return printable(f"{kind.file}{more}: {kind.text}" if kind.file else kind.text)
