"""The versions published at a target: folders `<target>/<version>/`, and `<target>/latest`, a link to one of them."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import InputError
from data.files import open_own, replacing, try_lock
from serving_targets.bundle import LATEST, Bundle, damage, load_bundle
from serving_targets.manifest import Manifest, read_manifest
from serving_targets.signature import is_signed_with

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LOCK = ".lock"
_BY_ROLLBACK = "./"
"""Prefix of the version in the link `latest` after a rollback; readers of the link see no difference."""
LOCK_SECONDS = 60
_TRIES_PER_SECOND = 20
_MOST_DIGITS = 9


@dataclass(frozen=True)
class PublishedVersion:
    """One published version.

    Attributes:
        version: version number.
        manifest: content of its manifest; None if that cannot be read.
        is_latest: whether `latest` points to this version.
    """

    version: int
    manifest: Manifest | None
    is_latest: bool


def versions(target: Path) -> list[int]:
    """Return the version numbers at a target in ascending order; none if the target does not exist."""
    if not target.is_dir():
        return []
    return sorted(int(entry.name) for entry in target.iterdir() if _is_version(entry.name) and entry.is_dir())


def next_version(target: Path) -> int:
    """Return the first version number after all that are in use at a target, whatever has them as its name."""
    return 1 + max((int(entry.name) for entry in target.iterdir() if _is_version(entry.name)), default=0)


def latest_version(target: Path) -> int | None:
    """Return the version that `latest` points to; None if there is no such link, or it leads out of the target."""
    try:
        folder = Path(os.path.normpath(target / (target / LATEST).readlink()))
    except OSError:
        return None
    in_target = folder.parent == Path(os.path.normpath(target))
    return int(folder.name) if in_target and _is_version(folder.name) else None


def rolled_back_to(target: Path) -> int | None:
    """Return the version that `latest` points to since a rollback; None if a push moved it there, or it is gone."""
    try:
        link = os.readlink(target / LATEST)  # noqa: PTH115 - pathlib removes the prefix
    except OSError:
        return None
    latest = latest_version(target) if link.startswith(_BY_ROLLBACK) else None
    return latest if latest in versions(target) else None


def list_releases(target: Path) -> list[PublishedVersion]:
    """List the versions at a target, oldest first.

    Raises:
        InputError: the target does not exist or has no version.
    """
    numbers = versions(target)
    if not numbers:
        raise InputError("no version has been published here", str(target), "give the folder that a run pushed to")
    latest = latest_version(target)
    return [PublishedVersion(number, _manifest(target / str(number)), number == latest) for number in numbers]


def destination_holds(target: Path, version_or_digest: int | str, key: Ed25519PublicKey | None = None) -> bool:
    """Return whether a target has an undamaged version with the given number or digest, signed with a key if given."""
    return holding_version(target, version_or_digest, key) is not None


def holding_version(
    target: Path,
    version_or_digest: int | str,
    key: Ed25519PublicKey | None = None,
    altered: Collection[Path] = (),
) -> int | None:
    """Return the newest undamaged version with the given number or digest; None if there is none.

    Args:
        target: folder of the target.
        version_or_digest: number or digest of the version.
        key: key that must have signed the version; None if it need not be signed.
        altered: folders of versions that do not count.
    """
    for number in reversed(versions(target)):
        folder = target / str(number)
        if folder in altered:
            continue
        manifest = _manifest(folder)
        if manifest is None or version_or_digest not in (number, manifest.computed_digest):
            continue
        if damage(Bundle(folder, manifest)) is None and (key is None or is_signed_with(folder, key)):
            return number
    return None


def rollback(target: Path, to: int | str | None = None, key: Ed25519PublicKey | None = None) -> tuple[int | None, int]:
    """Point `latest` to another version, by default the previous one; readers always see one of the two.

    Runs that would push what the target already has leave `latest` there. A new version, or a rollback to the highest
    one, ends this.

    Args:
        target: folder of the target.
        to: version to use; None for the version before the latest.
        key: key that must have signed the version; None if it need not be signed.

    Returns:
        The version that was the latest, None if there was none, and the version that is the latest now.

    Raises:
        InputError: the version does not exist, is damaged, or is not signed with the key.
    """
    list_releases(target)  # rejects a folder that is not a target, before a lock file is created in it
    with locked(target):
        numbers, latest = versions(target), latest_version(target)
        published = f"published: {', '.join(map(str, numbers))}"
        if to is None:
            earlier = [number for number in numbers if latest is None or number < latest]
            if not earlier:
                raise InputError(f"there is no version before {latest}", str(target), published)
            to = earlier[-1]
        chosen = next((number for number in numbers if str(number) == str(to)), None)
        if chosen is None:
            raise InputError(f"version {to} does not exist", str(target), published)
        load_bundle(target / str(chosen), key)
        move_latest(target, chosen, by_rollback=chosen != numbers[-1])
    return latest, chosen


def move_latest(target: Path, version: int | None, *, by_rollback: bool = False) -> None:
    """Point `latest` to a version by replacing the link, or remove it if None; the caller must hold the lock.

    Raises:
        InputError: `latest` is something else than a link to a version.
    """
    link = target / LATEST
    if os.path.lexists(link) and latest_version(target) is None:
        raise InputError(
            "`latest` exists and is not a link to a version", str(link), "move it away, then run the same command again"
        )
    if version is None:
        link.unlink(missing_ok=True)
    else:
        with replacing(link) as new:
            new.symlink_to(f"{_BY_ROLLBACK if by_rollback else ''}{version}")
    sync(target)


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Lock a target against other pushes and rollbacks; the lock ends with the process at the latest.

    Raises:
        InputError: another process held the lock for `LOCK_SECONDS`, or the lock file is a link, pipe or device.
    """
    try:
        descriptor = open_own(target / LOCK, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EINVAL, errno.ENXIO):
            raise
        raise InputError("the lock is not a regular file", str(target / LOCK), "remove it") from None
    with os.fdopen(descriptor, "rb") as lock:
        # Counting tries leaves out the time in which this process is stopped.
        for _ in range(LOCK_SECONDS * _TRIES_PER_SECOND):
            if try_lock(lock.fileno()):
                break
            time.sleep(1 / _TRIES_PER_SECOND)
        else:
            raise InputError(
                f"another push or rollback has held this target for {LOCK_SECONDS} s",
                str(target),
                "wait until the other process has ended, or end it",
            )
        yield


def sync(path: Path) -> None:
    """Flush a file's content or a folder's entries to disk, so that they survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_version(name: str) -> bool:
    return len(name) <= _MOST_DIGITS and name.isascii() and name.isdigit() and name == str(int(name)) and name != "0"


def _manifest(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except InputError:
        return None
