"""Content digests of folders: one SHA-256 for all files, and the list of files that it is computed from."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
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


def list_folder(folder: Path, *, follow_links: bool = False) -> Listing:
    """Return the listing of a folder.

    Args:
        folder: the folder.
        follow_links: whether a link to a file is listed as that file. Otherwise a link is listed by where it points,
            because what it points to can change while the folder stays the same. Links to folders are never followed.

    Raises:
        OSError: if a file cannot be read.
    """
    found = entries(folder)
    if follow_links:
        found = {name: _followed(folder / name, state) for name, state in found.items()}
    return Listing(tuple(list_entry(folder, name, state) for name, state in found.items()))


def entries(folder: Path) -> dict[str, os.stat_result]:
    """Return everything in a folder but the folders, by path in it, sorted; links are not followed."""
    return dict(sorted(_walk(folder, "")))


def list_entry(folder: Path, name: str, state: os.stat_result) -> ListedFile:
    """Return how an entry of a folder is listed; what is no file has the digest of a description.

    Raises:
        OSError: if the file cannot be read.
    """
    path = folder / name
    if stat.S_ISREG(state.st_mode):
        return ListedFile(name, state.st_size, file_digest(path))
    what = f"link to {path.readlink()}" if stat.S_ISLNK(state.st_mode) else "neither file nor link"
    return ListedFile(name, state.st_size, hashlib.sha256(os.fsencode(what)).hexdigest())


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(folder / entry.name, f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name, entry.stat(follow_symlinks=False)


def _followed(path: Path, state: os.stat_result) -> os.stat_result:
    return path.stat() if path.is_file() else state


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
