"""Finds a published bundle on disk and checks it against its manifest."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data.digests import file_digest
from data.errors import InputError
from serving_targets.contract import Contract, read_contract, read_metadata
from serving_targets.manifest import FLOAT_MODEL, INT8_MODEL, MANIFEST, SIGNATURE, Manifest, has_manifest, read_manifest
from serving_targets.signature import signature_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LATEST = "latest"
"""Name of the symbolic link in a target folder that points to the version in use."""


@dataclass(frozen=True)
class Bundle:
    """One published version of a model, with everything that a device needs.

    Attributes:
        folder: folder of the version.
        manifest: content of the manifest.
        signature: how the manifest is signed; see `signature_of`.
    """

    folder: Path
    manifest: Manifest
    signature: str = ""

    @property
    def int8_model(self) -> Path:
        """Path of the int8 TFLite file, which devices run."""
        return self.folder / INT8_MODEL

    @property
    def float_model(self) -> Path:
        """Path of the float TFLite file."""
        return self.folder / FLOAT_MODEL


def load_bundle(path: Path, key: Ed25519PublicKey | None = None) -> Bundle:
    """Load a bundle and check every file against the manifest.

    Args:
        path: folder of a version, or of a target, from which the latest version is loaded.
        key: key that must have signed the manifest; None if any bundle may be used.

    Raises:
        InputError: the manifest is not signed with the key, there is no bundle, a file is missing, has changed or was
            added, the version of the manifest is unknown, or the manifest and a TFLite file disagree.
    """
    folder = version_folder(path)
    signature = signature_of(folder, key) if has_manifest(folder) else ""
    bundle = Bundle(folder, read_manifest(folder), signature)
    if fault := damage(bundle) or contradiction(bundle):
        remedy = "push the model again, or roll back to another version"
        if fault == _addition(bundle):
            remedy = "remove it: only what the manifest lists belongs into a bundle"
        raise InputError(fault, str(folder), remedy)
    return bundle


def file_signature(path: Path, key: Ed25519PublicKey | None) -> str | None:
    """Describe the signature of a bundle, or of the bundle that a file is in; None if there is no bundle.

    Args:
        path: bundle, target, or a file of a bundle.
        key: key that must have signed the bundle; its files are then checked, too. None if it need not be signed.

    Raises:
        InputError: there is a key, but no sound bundle that is signed with it.
    """
    folder = version_folder(path) if path.is_dir() else _bundle_of(path)
    if key is None:
        return signature_of(folder, None) if has_manifest(folder) else None
    bundle = load_bundle(folder, key)
    signed = (MANIFEST, *(file.path for file in bundle.manifest.files))
    if path.is_file() and not any(path.samefile(folder / name) for name in signed):
        raise InputError("the file is not in the signed manifest", str(path), "do not use it")
    return bundle.signature


def _bundle_of(file: Path) -> Path:
    """Return the bundle that a file is in, or else the file's folder; a SavedModel has files two folders down."""
    return next((folder for folder in file.absolute().parents[:3] if has_manifest(folder)), file.parent)


def damage(bundle: Bundle) -> str | None:
    """Describe the first file that is missing, has changed since it was published, or was added; None if none is."""
    if fault := _addition(bundle):
        return fault
    for file in bundle.manifest.files:
        path = bundle.folder / file.path
        try:
            state = path.stat()
        except OSError:
            return f"{file.path} is missing from the bundle"
        if not stat.S_ISREG(state.st_mode):
            return f"{file.path} is not a regular file"
        if state.st_size != file.bytes or file_digest(path) != file.sha256:
            return f"{file.path} has changed since it was published: its SHA-256 differs from the manifest's"
    return None


def _addition(bundle: Bundle) -> str | None:
    """Describe the first file that the manifest does not list, or the first link that leads out of the bundle."""
    inside = os.path.realpath(bundle.folder)
    listed = {MANIFEST, SIGNATURE, *(file.path for file in bundle.manifest.files)}
    for folder, folders, files in bundle.folder.walk():
        for path in (*(folder / name for name in files), *(folder / name for name in folders)):
            name = path.relative_to(bundle.folder).as_posix()
            # Path.resolve() raises for a circle of links.
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(inside):
                return f"{name} is a link that leads out of the bundle"
            if name not in listed and (path.is_symlink() or not path.is_dir()):
                return f"{name} is not in the manifest"
    return None


def contradiction(bundle: Bundle) -> str | None:
    """Describe the first TFLite file whose contract or labels differ from the manifest; None if there is none.

    Only the files of the first releases have no contract; the manifest of such a release lacks the digest of the
    SavedModel.
    """
    expected = bundle.manifest.contract
    for file in bundle.manifest.files:
        if not file.path.lower().endswith(".tflite"):
            continue
        path = bundle.folder / file.path
        found = read_contract(path)
        if found is None and expected.saved_model_digest:
            return f"{file.path} has no contract"
        if found is not None and found != expected:
            names = [name for name in Contract.model_fields if getattr(found, name) != getattr(expected, name)]
            return f"{file.path} and the manifest contradict each other: {', '.join(names)}"
        if found is None and read_metadata(path)[1] not in (None, expected.labels):
            return f"{file.path} and the manifest contradict each other: labels"
    return None


def version_folder(path: Path) -> Path:
    """Return the folder of a bundle.

    Args:
        path: folder of a version, or of a target, whose latest version is meant.

    Raises:
        InputError: there is no such folder.
    """
    if not path.is_dir():
        raise InputError("the bundle folder does not exist", str(path), "give a pushed version or a push target")
    latest = path / LATEST
    if not latest.is_symlink():
        return path
    name = latest.readlink()
    if name.parent != Path():
        raise InputError("`latest` leads out of the target", str(path), "give the folder of a version")
    if not latest.is_dir():
        raise InputError(f"`latest` points to {name}, which does not exist", str(path), "roll back to another version")
    return path / name
