"""Publishes a release at several targets: at all of them, or at none.

The order makes this safe. First the release is copied to a staging folder at each target, because copying can fail for
lack of space or permissions. Then each copy is renamed to its version, and `latest` is moved last. A process that dies
in between leaves staging folders or a version that `latest` does not point to. The next push removes the former and
uses the latter. Whatever else is in the folder of a target stays as it is.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from components.pusher.release import Release
from data.errors import NodeError
from data.files import remove_dead_staging, staging_folder
from serving_targets.bundle import Bundle, contradiction, damage
from serving_targets.manifest import MANIFEST, SBOM
from serving_targets.releases import (
    holding_version,
    latest_version,
    locked,
    move_latest,
    next_version,
    rolled_back_to,
    sync,
)
from serving_targets.signature import sign


@dataclass(frozen=True)
class Publication:
    """Result of a push.

    Attributes:
        version: version number, the same at every target.
        digest: digest of everything that determines the release's behaviour.
        new: targets that did not have the release before.
    """

    version: int
    digest: str
    new: tuple[Path, ...]


def publish(release: Release, targets: Sequence[Path], altered: Collection[Path] = ()) -> Publication:
    """Publish a release at all targets and make it the latest version, except where it was rolled back from.

    Args:
        release: release to publish.
        targets: folders of the targets; missing ones are created.
        altered: folders of versions that were altered after they were published; none of them counts as the release.

    Raises:
        NodeError: a target cannot be written; all targets are then unchanged.
        InputError: another push has locked a target, or its `latest` is not a link to a version.
    """
    with ExitStack() as locks:
        try:
            for target in sorted(targets):
                target.mkdir(parents=True, exist_ok=True)
                locks.enter_context(locked(target))
                remove_dead_staging(target)
            version, missing = _plan(release, targets, altered)
            _publish(release, version, missing, targets)
        except OSError as error:
            raise NodeError(
                f"the push failed, nothing was published: {error.strerror or error}",
                str(error.filename or ", ".join(map(str, targets))),
                "free disk space or grant write access to the target, then run again",
            ) from error
    return Publication(version, release.digest, tuple(missing))


def _plan(release: Release, targets: Sequence[Path], altered: Collection[Path]) -> tuple[int, list[Path]]:
    """Return the version number of the release and the targets that do not have it yet.

    The number is the same at every target. If some targets already have the release, and the others have no version
    with that or a higher number, the number is kept. Otherwise it is the next unused number.
    """
    public = release.key.public_key() if release.key else None
    held = {target: holding_version(target, release.digest, public, altered) for target in targets}
    missing = [target for target, version in held.items() if version is None]
    numbers = {version for version in held.values() if version is not None}
    if len(numbers) == 1:
        (number,) = numbers
        if all(number >= next_version(target) for target in missing):
            return number, missing
    return max(map(next_version, targets)), list(targets)


def _publish(release: Release, version: int, missing: Sequence[Path], targets: Sequence[Path]) -> None:
    with ExitStack() as stack, ExitStack() as undo:
        staged = {target: stack.enter_context(staging_folder(target)) / str(version) for target in missing}
        for copy in staged.values():
            _stage(release, version, copy)
        for target, copy in staged.items():
            final = target / str(version)
            copy.rename(final)
            undo.callback(shutil.rmtree, final, ignore_errors=True)
            sync(target)
        moved = [target for target in targets if target in staged or rolled_back_to(target) is None]
        for target in moved:
            undo.callback(_restore_latest, target, latest_version(target), rolled_back_to(target) is not None)
            move_latest(target, version)
        undo.pop_all()


def _restore_latest(target: Path, version: int | None, by_rollback: bool) -> None:
    if latest_version(target) != version:
        move_latest(target, version, by_rollback=by_rollback)


def _stage(release: Release, version: int, staging: Path) -> None:
    """Write the complete version into a new folder, flush it to disk, and check it."""
    staging.mkdir()
    manifest = release.manifest(version)
    for name, source in release.sources.items():
        copy = staging / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    (staging / SBOM).write_bytes(release.sbom)
    (staging / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    if release.key:
        sign(staging, release.key)
    for path in (*staging.rglob("*"), staging):
        sync(path)
    if fault := damage(Bundle(staging, manifest)) or contradiction(Bundle(staging, manifest)):
        raise NodeError(f"a copy went wrong: {fault}", str(staging), "check the disk, then run again")
