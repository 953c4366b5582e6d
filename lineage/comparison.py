"""Compares payloads with their recorded digests, and reads again only the files that changed since the last comparison.

For each payload the root keeps a record of the last comparison: digest, size, times and inode of each file. A file is
read again if one of these differs, or if the file had changed so shortly before the comparison that a later change
could have the same time. The change time (ctime) cannot be set by a program, so a file whose old modification time was
restored is read again, too. A record that is missing, damaged or of another place costs time, nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import stat
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from data.digests import ListedFile, Listing, entries, list_entry, parse_listing, save_listing
from data.errors import NodeError
from data.files import write_atomically
from data.text import harmless
from lineage.places import comparison_file, listing_file

_CLOCK_NS = 100_000_000  # longer than the steps in which the file systems of Linux count time
_MOST_NAMED, _LONGEST_PATH = 3, 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """A file or folder that differs from the record.

    Attributes:
        kind: `altered`, `missing` or `extra` (a file that was not recorded).
        path: path of the file or folder.
        detail: further explanation, often empty.
    """

    kind: Literal["altered", "missing", "extra"]
    path: str
    detail: str = ""

    def __str__(self) -> str:
        what = {"altered": "was altered", "missing": "is missing", "extra": "was added"}[self.kind]
        return f"{harmless(self.path, _LONGEST_PATH)} {what}" + (f" ({self.detail})" if self.detail else "")


class AlteredPayloadError(NodeError):
    """A payload that a node needs is not as it was recorded."""


class RecordedArtifact(Protocol):
    """An artifact as TFX hands it to launchers and executors."""

    id: int
    uri: str
    type_name: str

    def get_string_custom_property(self, name: str) -> str:
        """Return a custom property; empty if there is none."""


class _Compared(NamedTuple):
    """A file at the moment of the last comparison."""

    file: ListedFile
    state: tuple[int, ...]


def describe_payload(root: Path, folder: Path) -> Listing:
    """Return the listing of a new payload, and keep it and the state of the files under the root.

    Raises:
        OSError: if a file cannot be read, or the listing cannot be written.
    """
    listing = _read(root, folder, {})
    save_listing(listing, listing_file(root, listing.digest))
    return listing


def differences(root: Path, folder: Path, digest: str, *, thorough: bool = False) -> list[Difference]:
    """Compare a payload with its recorded digest.

    Args:
        root: root of the runs.
        folder: folder of the payload.
        digest: recorded content digest.
        thorough: whether to read every file, even if it seems to be unchanged since the last comparison.

    Returns:
        What differs; empty if the payload is as it was recorded.

    Raises:
        OSError: if a file cannot be read.
    """
    if not folder.is_dir():
        return [Difference("missing", str(folder), "the whole payload")]
    found = _read(root, folder, {} if thorough else _last_comparison(root, folder, digest), expected=digest)
    return [] if found.digest == digest else name_differences(root, digest, found, folder)


def known_listing(root: Path, folder: Path) -> Listing | None:
    """Return the listing of a folder without reading its files; None if one may have changed since they were read.

    Args:
        root: root of the runs.
        folder: folder that `read_listing` has listed. A link in it is never known, because its target may change.
    """
    compared, settled = _last_record(root, folder)
    found = {name: _state(state) for name, state in entries(folder).items() if not stat.S_ISLNK(state.st_mode)}
    unchanged = settled.keys() == compared.keys() and found == {name: entry.state for name, entry in settled.items()}
    return _listing(settled) if unchanged else None


def read_listing(root: Path, folder: Path) -> Listing:
    """Return the listing of a folder, and keep the state of the files under the root for `known_listing`.

    Raises:
        OSError: if a file cannot be read.
    """
    return _read(root, folder, {})


def still_holds(root: Path, folder: Path, files: Collection[ListedFile]) -> bool:
    """Return whether a folder has all of these files as they were recorded; others may have been added to it.

    Args:
        root: root of the runs.
        folder: the folder, for example of a published version.
        files: recorded files.

    Raises:
        OSError: if a file cannot be read.
    """
    recorded = set(files)
    known = {path: entry for path, entry in _last_record(root, folder)[1].items() if entry.file in recorded}
    begin, found = time.time_ns(), _compare(folder, known)
    holds = recorded <= {entry.file for entry in found.values()}
    if holds and known != found:
        _record(comparison_file(root, folder), begin, found)
    return holds


def name_differences(root: Path, digest: str, found: Listing, folder: Path) -> list[Difference]:
    """Return what differs between a payload and the list of files that its recorded digest was computed from."""
    try:
        recorded = parse_listing(listing_file(root, digest).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        recorded = Listing(())
    if recorded.digest != digest:
        lost = "the list of its files is missing or damaged, so the altered file cannot be named"
        return [Difference("altered", str(folder), lost)]
    return compare(recorded, found, folder)


def compare(recorded: Listing, found: Listing, folder: Path) -> list[Difference]:
    """Return the differences between two listings of a folder, sorted by path."""
    before = {file.path: file for file in recorded.files}
    after = {file.path: file for file in found.files}
    result = [Difference("missing", str(folder / name)) for name in before.keys() - after.keys()]
    result += [Difference("extra", str(folder / name)) for name in after.keys() - before.keys()]
    for name in before.keys() & after.keys():
        if before[name] != after[name]:
            sizes = f"{before[name].bytes} bytes recorded, {after[name].bytes} found"
            detail = "it is a link now" if (folder / name).is_symlink() else sizes
            result.append(Difference("altered", str(folder / name), detail))
    return sorted(result, key=lambda difference: difference.path)


def refuse_altered(root: Path, artifacts: Iterable[RecordedArtifact], *, thorough: bool = False) -> None:
    """Raise an error if a payload is not as it was recorded; artifacts without a digest are not compared.

    Args:
        root: root of the runs.
        artifacts: artifacts that a node is about to use.
        thorough: whether to read every file, even if it seems to be unchanged since the last comparison.

    Raises:
        AlteredPayloadError: a payload differs from the record; the message says what to do.
        NodeError: a payload cannot be read.
    """
    altered: dict[int, str] = {}
    for artifact in artifacts:
        digest = artifact.get_string_custom_property("content_digest")
        if not digest or artifact.id in altered:
            continue
        try:
            found = differences(root, Path(artifact.uri), digest, thorough=thorough)
        except OSError as error:
            what = f"the payload of artifact {artifact.id} ({artifact.type_name})"
            raise NodeError(
                f"{what} cannot be read: {error.strerror or error}",
                harmless(error.filename or artifact.uri, _LONGEST_PATH),
                "make it readable, then run again",
            ) from error
        if found:
            altered[artifact.id] = _say(artifact, found)
    if altered:
        ids = [str(id_) for id_ in altered]
        command = shlex.join(["poseline", "lineage", "set-aside", *ids, "--yes", "--root", str(root)])
        raise AlteredPayloadError(
            f"an altered payload is not used: {'; '.join(altered.values())}",
            "; ".join(f"artifact {id_}" for id_ in ids),
            f"`{command}`, then run again without --from (in Airflow clear the tasks that made it):"
            " it is computed again, and the altered files are kept",
        )


def _say(artifact: RecordedArtifact, found: Sequence[Difference]) -> str:
    node = Path(artifact.uri).parts[-3:-2]  # TFX's folders are <node>/<output>/<execution>
    made = f", made by {harmless(node[0])}" if node else ""
    named = ", ".join(map(str, found[:_MOST_NAMED])) + (", ..." if len(found) > _MOST_NAMED else "")
    return f"artifact {artifact.id} ({artifact.type_name}{made}): {named}"


def _read(root: Path, folder: Path, known: Mapping[str, _Compared], *, expected: str | None = None) -> Listing:
    """Return the listing of a payload, read where it is not known, and record it if it is what was expected."""
    begin, result = time.time_ns(), _compare(folder, known)
    listing = _listing(result)
    if expected in (None, listing.digest) and known != result:
        _record(comparison_file(root, folder), begin, result)
    return listing


def _compare(folder: Path, known: Mapping[str, _Compared]) -> dict[str, _Compared]:
    """Return the files of a folder; those that have not changed since they were known are not read."""
    result = {}
    for name, state in entries(folder).items():
        last = known.get(name)
        unchanged = last is not None and last.state == _state(state)
        result[name] = _Compared(last.file if last and unchanged else list_entry(folder, name, state), _state(state))
    return result


def _listing(compared: Mapping[str, _Compared]) -> Listing:
    return Listing(tuple(entry.file for entry in compared.values()))


def _state(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _record(path: Path, begin: int, compared: Mapping[str, _Compared]) -> None:
    files = [[file.path, file.bytes, file.sha256, *state] for file, state in compared.values()]
    with contextlib.suppress(OSError):  # without a record the next comparison reads the files
        write_atomically(path, json.dumps({"begin_ns": begin, "files": files}))


def _last_comparison(root: Path, folder: Path, digest: str) -> dict[str, _Compared]:
    """Return the files of a payload at its last comparison, if they had this digest and had not just changed."""
    compared, settled = _last_record(root, folder)
    return settled if _listing(compared).digest == digest else {}


def _last_record(root: Path, folder: Path) -> tuple[dict[str, _Compared], dict[str, _Compared]]:
    """Return the files of a folder at its last comparison, and those among them that had not just changed."""
    try:
        content: dict[str, Any] = json.loads(comparison_file(root, folder).read_text(encoding="utf-8"))
        compared = {path: _Compared(ListedFile(path, *rest[:2]), tuple(rest[2:])) for path, *rest in content["files"]}
        last = content["begin_ns"] - _CLOCK_NS
        return compared, {path: entry for path, entry in compared.items() if entry.state[3] < last}
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return {}, {}
