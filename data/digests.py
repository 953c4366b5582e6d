"""Digests of folders: one figure that stands for every file in them, and the list that it is the figure of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from data.files import write_atomically


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file of a folder.

    Attributes:
        path: from the folder, with forward slashes.
        bytes: its size.
        sha256: of its content, 64 hexadecimal digits.
    """

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a folder, sorted by path.

    A listing has one text, `<sha256> <bytes> <path as a JSON string>` a line, and is named by the SHA-256 of it: the
    content digest of the folder. Empty folders do not count.
    """

    files: tuple[ListedFile, ...]

    @property
    def text(self) -> str:
        """The text that the digest is taken of."""
        return "".join(f"{file.sha256} {file.bytes} {json.dumps(file.path)}\n" for file in self.files)

    @property
    def digest(self) -> str:
        """Content digest, 64 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_folder(folder: Path) -> Listing:
    """Reads every file of a folder; links to folders are not followed.

    Raises:
        OSError: a file cannot be read.
    """
    paths = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    return Listing(tuple(ListedFile(name, path.stat().st_size, file_digest(path)) for name, path in paths))


def parse_listing(text: str) -> Listing:
    """Reads a listing's text.

    Raises:
        ValueError: not such a text.
    """
    files = []
    for line in text.splitlines():
        sha256, size, path = line.split(" ", 2)
        files.append(ListedFile(json.loads(path), int(size), sha256))
    return Listing(tuple(files))


def save_listing(listing: Listing, file: Path) -> None:
    """Writes a listing unless it is there already: its name stands for its content."""
    if not file.exists():
        write_atomically(file, listing.text)
