"""A published bundle on disk: found, checked against its manifest, read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data.digests import file_digest
from data.errors import InputError
from serving_targets.contract import Contract, read_contract
from serving_targets.manifest import FLOAT_MODEL, INT8_MODEL, Manifest, read_manifest

LATEST = "latest"
"""Symbolic link in a target folder to the version in use."""


@dataclass(frozen=True)
class Bundle:
    """One version of a model with everything a device needs.

    Attributes:
        folder: of this version.
        manifest: its description.
    """

    folder: Path
    manifest: Manifest

    @property
    def int8_model(self) -> Path:
        """The TFLite file to run."""
        return self.folder / INT8_MODEL

    @property
    def float_model(self) -> Path:
        """The float TFLite file."""
        return self.folder / FLOAT_MODEL


def load_bundle(path: Path) -> Bundle:
    """Loads a bundle and checks every file against the manifest.

    Args:
        path: folder of a version, or of a target, whose `latest` is taken.

    Raises:
        InputError: there is no bundle, a file is missing or altered, the manifest is of an unknown version, or says
            otherwise than the files.
    """
    folder = _version_folder(path)
    bundle = Bundle(folder, read_manifest(folder))
    if fault := damage(bundle) or contradiction(bundle):
        raise InputError(fault, str(folder), "push the model again, or roll back to another version")
    return bundle


def damage(bundle: Bundle) -> str | None:
    """The first file that is not as the manifest says, None if all are."""
    for file in bundle.manifest.files:
        path = bundle.folder / file.path
        if not path.is_file():
            return f"{file.path} is missing from the bundle"
        if path.stat().st_size != file.bytes or file_digest(path) != file.sha256:
            return f"{file.path} is not what was published: its SHA-256 differs from the manifest's"
    return None


def contradiction(bundle: Bundle) -> str | None:
    """The first TFLite file that says otherwise of itself than the manifest, None if all say the same.

    Files that say nothing are those of the first releases, whose manifest knows no SavedModel's digest.
    """
    expected = bundle.manifest.contract
    for file in bundle.manifest.files:
        if not file.path.endswith(".tflite"):
            continue
        found = read_contract(bundle.folder / file.path)
        if found is None and expected.saved_model_digest:
            return f"{file.path} does not say what it is"
        if found is not None and found != expected:
            names = [name for name in Contract.model_fields if getattr(found, name) != getattr(expected, name)]
            return f"{file.path} and the manifest contradict each other: {', '.join(names)}"
    return None


def _version_folder(path: Path) -> Path:
    if not path.is_dir():
        raise InputError("the bundle folder does not exist", str(path), "give a pushed version or a push target")
    latest = path / LATEST
    if latest.is_symlink() and not latest.is_dir():
        raise InputError(
            f"`latest` points to {latest.readlink()}, which does not exist", str(path), "roll back to another version"
        )
    return path / latest.readlink() if latest.is_symlink() else path
