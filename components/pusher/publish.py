"""Publishes a release at several targets: everywhere, or nowhere.

The order is what makes it safe. Everything that can fail for want of space or rights is done in hidden staging folders;
then each is renamed to its version; `latest` is moved last. A process that dies in between leaves a hidden folder or a
version that nobody points to: the next push takes the first away and makes use of the second.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from components.pusher.release import Release
from data.errors import NodeError
from serving_targets.bundle import LATEST, Bundle, damage
from serving_targets.manifest import MANIFEST
from serving_targets.releases import holding_version, latest_version, locked, move_latest, sync, versions

STAGING = ".staging-"


@dataclass(frozen=True)
class Publication:
    """What a push came to.

    Attributes:
        version: number of the release, the same at every target.
        digest: of its behaviour.
        new: targets that did not hold it yet.
    """

    version: int
    digest: str
    new: tuple[Path, ...]


def publish(release: Release, targets: Sequence[Path]) -> Publication:
    """Publishes a release and makes it the latest.

    Args:
        release: what to publish.
        targets: folders, made if missing.

    Raises:
        NodeError: a target can't be written; all of them are as they were.
        InputError: another push holds a target.
    """
    with ExitStack() as locks:
        try:
            for target in sorted(targets):
                target.mkdir(parents=True, exist_ok=True)
                locks.enter_context(locked(target))
                _remove_debris(target)
            version, missing = _plan(release, targets)
            _publish(release, version, missing, targets)
        except OSError as error:
            raise NodeError(
                f"the push failed, nothing was published: {error.strerror or error}",
                str(error.filename or ", ".join(map(str, targets))),
                "free disk space or grant write access to the target, then run again",
            ) from error
    return Publication(version, release.digest, tuple(missing))


def _remove_debris(target: Path) -> None:
    """Takes away what dead pushes left; with the lock held, no living one has a staging folder here."""
    for folder in target.glob(f"{STAGING}*"):
        shutil.rmtree(folder)
    for link in target.glob(f".{LATEST}-*"):
        link.unlink()


def _plan(release: Release, targets: Sequence[Path]) -> tuple[int, list[Path]]:
    """Under which number the release is published, and where it is not there yet.

    The number is the same everywhere: the one that targets already hold it under if the others have that number free
    and nothing newer, else the next one.
    """
    held = {target: holding_version(target, release.digest) for target in targets}
    missing = [target for target, version in held.items() if version is None]
    numbers = {version for version in held.values() if version is not None}
    if len(numbers) == 1:
        (number,) = numbers
        if all(number > max(versions(target), default=0) for target in missing):
            return number, missing
    return 1 + max(max(versions(target), default=0) for target in targets), list(targets)


def _publish(release: Release, version: int, missing: Sequence[Path], targets: Sequence[Path]) -> None:
    with ExitStack() as undo:
        staged = {target: target / f"{STAGING}{uuid.uuid4().hex}" for target in missing}
        for staging in staged.values():
            undo.callback(shutil.rmtree, staging, ignore_errors=True)
            _stage(release, version, staging)
        for target, staging in staged.items():
            final = target / str(version)
            staging.rename(final)
            undo.callback(shutil.rmtree, final, ignore_errors=True)
            sync(target)
        for target in targets:
            undo.callback(_restore_latest, target, latest_version(target))
            move_latest(target, version)
        undo.pop_all()


def _restore_latest(target: Path, version: int | None) -> None:
    if latest_version(target) != version:
        move_latest(target, version)


def _stage(release: Release, version: int, staging: Path) -> None:
    """Makes the whole version in a hidden folder, safe on disk, and checks what was written."""
    staging.mkdir()
    manifest = release.manifest(version)
    for name, source in release.sources.items():
        copy = staging / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    (staging / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    for path in (*staging.rglob("*"), staging):
        sync(path)
    if fault := damage(Bundle(staging, manifest)):
        raise NodeError(f"a copy went wrong: {fault}", str(staging), "check the disk, then run again")
