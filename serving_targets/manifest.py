"""The manifest of a bundle, `manifest.json`: its model, its files and its origin."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from data.errors import InputError
from data.settings.json_text import read_json
from data.text import shortened, value_text
from data.windows import WindowSpec
from payloads.claims import Claims
from payloads.verdict import Verdict
from serving_targets.contract import Channels, Contract, FramesPerSecond, Joints, Labels, Layout, Text, WindowShape

MANIFEST = "manifest.json"
SIGNATURE = f"{MANIFEST}.sig"
"""Name of the file that `serving_targets.signature` writes."""
SCHEMA_VERSION: Literal[1] = 1

INT8_MODEL = "model_int8.tflite"
FLOAT_MODEL = "model_float.tflite"
SAVED_MODEL = "saved_model"
SBOM = "sbom.cdx.json"

MANIFEST_BYTES = 1_000_000
_MOST_FAULTS = 5
_MOST_FILES = 1000
MOST_BYTES = 10**9
"""Limits of what is read and computed before a bundle is known to be sound."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class BundleFile(_Part):
    """One file of a bundle.

    Attributes:
        path: path relative to the bundle, with forward slashes.
        sha256: SHA-256 of the content.
        bytes: size of the file.
    """

    path: str = Field(max_length=1000)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0, le=MOST_BYTES)

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        if not path.isprintable() or any(part in ("", ".", "..") for part in path.split("/")) or "\\" in path:
            raise ValueError("must be a path inside the bundle, with forward slashes")
        return path


class LayoutTable(_Part):
    """The joint layout of the model, as `data.layouts.Layout.to_dict` returns it.

    Attributes:
        name: name of the layout.
        joints: names of the joints, in the order of the input.
        definition: definition of a layout of the user's own; None for a layout of the project.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Text
    joints: Joints
    definition: Layout | None = None

    @property
    def reference(self) -> str:
        """Text by which `data.layouts.load_layout` finds the layout."""
        return self.definition or self.name


class Provenance(_Part):
    """Origin of a bundle; keys that are not listed here are kept as they are."""

    model_config = ConfigDict(extra="allow", frozen=True)

    pipeline: str | None = None
    run_id: str | None = None
    model_artifact_id: int | None = None
    edge_model_artifact_id: int | None = None
    code_fingerprint: str | None = None
    git_commit: str | None = None


class Manifest(_Part):
    """Everything that a device and an auditor need to know about a bundle.

    Attributes:
        schema_version: version of the manifest's format; unknown versions are rejected.
        name: name of the model.
        version: version number of the bundle, which is the name of its folder.
        digest: digest of everything that determines the behaviour of the bundle; see `behaviour_digest`.
        created: time of publication, UTC.
        labels: labels of the classes; a label's position is the index of its probability.
        layout: joint layout of the input.
        channels: names of the values of a joint; the last is the confidence.
        fps: frames per second of a window, if `window.fit` is `slide`.
        window: how sequences are cut into windows.
        normalisation: version of the preprocessing in the model; see `Contract`.
        schema_digest: SHA-256 of the curated schema.
        saved_model_digest: content digest of the SavedModel that the TFLite files were converted from.
        thresholds: thresholds of every gate, by section of the gates file.
        verdicts: verdicts of the gates that judged the files.
        claims: what the test shows about the model; None in bundles of older versions.
        files: all files of the bundle except the manifest.
        provenance: origin of the bundle.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    name: Text
    version: int = Field(ge=1, lt=2**31)
    digest: str
    created: datetime
    labels: Labels
    layout: LayoutTable
    channels: Channels
    fps: FramesPerSecond
    window: WindowShape
    normalisation: str = ""
    schema_digest: str = ""
    saved_model_digest: str = ""
    thresholds: dict[str, Any]
    verdicts: tuple[Verdict, ...]
    claims: Claims | None = None
    files: tuple[BundleFile, ...] = Field(min_length=1, max_length=_MOST_FILES)
    provenance: Provenance

    @field_validator("files")
    @classmethod
    def _name_each_file_once(cls, files: tuple[BundleFile, ...]) -> tuple[BundleFile, ...]:
        # Some file systems do not distinguish case or forms of Unicode.
        names = [unicodedata.normalize("NFKC", file.path).casefold() for file in files]
        if len(set(names)) != len(names):
            raise ValueError("must not name a file twice, not even in other case")
        if missing := {INT8_MODEL, FLOAT_MODEL} - {file.path for file in files}:
            raise ValueError(f"must include {' and '.join(sorted(missing))}")
        if {MANIFEST, SIGNATURE} & set(names):
            raise ValueError(f"must not include {MANIFEST} and {SIGNATURE}")
        if sum(file.bytes for file in files) > MOST_BYTES:
            raise ValueError(f"must not stand for more than {MOST_BYTES >> 20} MB together")
        return files

    @property
    def window_spec(self) -> WindowSpec:
        """Specification of the windows that the model was trained on."""
        return self.contract.window_spec

    @property
    def contract(self) -> Contract:
        """Contract that every TFLite file of the bundle must contain."""
        own = self.model_dump(include=set(Contract.model_fields) - {"layout"})
        return Contract(**own, layout=self.layout.reference, joints=self.layout.joints)

    @property
    def window_shape(self) -> tuple[int, int, int]:
        """Shape `(T, J, C)` of a window."""
        return self.contract.window_shape

    @property
    def computed_digest(self) -> str:
        """What `digest` is if the manifest was not changed."""
        return behaviour_digest(self.files, self.labels, self.layout.reference, self.channels, self.window_spec)

    def to_json(self) -> str:
        """Return the content of `manifest.json`."""
        return self.model_dump_json(indent=2) + "\n"


def behaviour_digest(
    files: Sequence[BundleFile], labels: Sequence[str], layout: str, channels: Sequence[str], window: WindowSpec
) -> str:
    """Return the SHA-256 of everything that determines a bundle's behaviour; equal digests mean the same release.

    The SBOM is left out: a model that is equal although packages were updated is not published again.
    """
    content = {
        "files": sorted((file.path, file.sha256) for file in files if file.path != SBOM),
        "labels": list(labels),
        "layout": layout,
        "channels": list(channels),
        "window": window.model_dump(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def has_manifest(folder: Path) -> bool:
    """Return whether a folder is a bundle."""
    return (folder / MANIFEST).exists()


def read_claims(folder: Path) -> dict[str, Any]:
    """Return the provenance that a manifest claims, however wrong the rest of it is; empty if it claims none."""
    try:
        content = read_json(folder / MANIFEST, MANIFEST_BYTES)
    except (OSError, ValueError):
        return {}
    claims = content.get("provenance") if isinstance(content, dict) else None
    return claims if isinstance(claims, dict) else {}


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the bundle in a folder.

    Raises:
        InputError: the manifest is missing, damaged or of an unknown version.
    """
    path = folder / MANIFEST
    try:
        content = read_json(path, MANIFEST_BYTES)
    except FileNotFoundError:
        raise InputError(
            "the bundle has no manifest.json", str(folder), "give the folder of a pushed version"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"the manifest cannot be read: {error}", str(path), "push the model again") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise InputError(
            f"the manifest has version {value_text(version)}, but only version {SCHEMA_VERSION} can be read",
            str(path),
            "update Poseline, or push the model again with this version of Poseline",
        )
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(
            f"{shortened('.'.join(map(str, fault['loc'])))}: {shortened(fault['msg'], 200)}"
            for fault in error.errors(include_input=False)[:_MOST_FAULTS]
        )
        raise InputError(f"the manifest is not valid: {faults}", str(path), "push the model again") from error
