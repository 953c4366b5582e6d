"""Content digests of folders: one SHA-256 for all files, and the list of files that it is computed from."""

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
        path: path in the folder, with forward slashes.
        bytes: size of the file.
        sha256: SHA-256 of the content, 64 hexadecimal digits.
    """

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a folder, sorted by path.

    The text of a listing has one line per file, `<sha256> <bytes> <path as a JSON string>`. The SHA-256 of this text is
    the content digest of the folder. Empty folders do not count.

    Attributes:
        files: the files.
    """

    files: tuple[ListedFile, ...]

    @property
    def text(self) -> str:
        """Text from which the digest is computed."""
        return "".join(f"{file.sha256} {file.bytes} {json.dumps(file.path)}\n" for file in self.files)

    @property
    def digest(self) -> str:
        """Content digest of the folder, 64 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(file.bytes for file in self.files)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_folder(folder: Path) -> Listing:
    """Return the listing of a folder; links to folders are not followed.

    Raises:
        OSError: if a file cannot be read.
    """
    paths = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    return Listing(tuple(ListedFile(name, path.stat().st_size, file_digest(path)) for name, path in paths))


def parse_listing(text: str) -> Listing:
    """Return the listing with this text.

    Raises:
        ValueError: if the text is not that of a listing.
    """
    files = []
    for line in text.splitlines():
        sha256, size, path = line.split(" ", 2)
        files.append(ListedFile(json.loads(path), int(size), sha256))
    return Listing(tuple(files))


def save_listing(listing: Listing, file: Path) -> None:
    """Write a listing, unless the file exists: it is named by its digest, so its content is the same."""
    if not file.exists():
        write_atomically(file, listing.text)
