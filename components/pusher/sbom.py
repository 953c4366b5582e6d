"""The software bill of materials (SBOM), in CycloneDX: the files of a bundle, and the packages it was made with.

A package is listed if Poseline needs it according to the lock file and it is installed. The document is the same for
the same content: it has no date, and its serial number is computed from the rest.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import tomllib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashType, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.tags import Tag, sys_tags
from packaging.utils import parse_wheel_filename

from data.errors import InputError
from data.project import PROJECT_ROOT
from serving_targets.manifest import BundleFile

LOCK = PROJECT_ROOT / "uv.lock"
_PROJECT = "poseline"
_NO_SERIAL_NUMBER = uuid.UUID(int=0)


def environment_sbom() -> bytes:
    """Return the SBOM of the installed Poseline with the packages that it needs.

    Raises:
        InputError: the lock file cannot be read.
    """
    components, needs = _packages(ComponentScope.REQUIRED)
    project = components.pop(_PROJECT)
    return _document(project, components, needs)


def bundle_sbom(name: str, digest: str, files: Sequence[BundleFile]) -> bytes:
    """Return the SBOM of a bundle: its files, and as not part of it the packages that it was made with.

    Args:
        name: name of the model.
        digest: behaviour digest of the bundle.
        files: files of the bundle.

    Raises:
        InputError: the lock file cannot be read.
    """
    packages, needs = _packages(ComponentScope.EXCLUDED)
    bundle = Component(type=ComponentType.MACHINE_LEARNING_MODEL, bom_ref="bundle", name=name, version=digest)
    shipped = {
        file.path: Component(
            type=ComponentType.FILE,
            bom_ref=f"file:{file.path}",
            name=file.path,
            scope=ComponentScope.REQUIRED,
            hashes=[HashType.from_composite_str(f"sha256:{file.sha256}")],
        )
        for file in files
    }
    return _document(bundle, shipped | packages, needs, tuple(shipped))


def _document(
    subject: Component,
    components: Mapping[str, Component],
    needs: Mapping[str, tuple[str, ...]],
    parts: tuple[str, ...] | None = None,
) -> bytes:
    """Return the document; the subject depends on its parts, or on what the project needs if there are none."""
    bom = Bom(metadata=BomMetaData(component=subject), components=components.values(), serial_number=_NO_SERIAL_NUMBER)
    bom.metadata.timestamp = None  # type: ignore[assignment]  # optional in CycloneDX, but filled in by the library
    bom.register_dependency(subject, [components[name] for name in (needs[_PROJECT] if parts is None else parts)])
    for name, component in components.items():
        bom.register_dependency(component, [components[other] for other in needs.get(name, ())])
    text = JsonV1Dot6(bom).output_as_string(indent=1) + "\n"
    return text.replace(str(_NO_SERIAL_NUMBER), str(uuid.uuid5(uuid.NAMESPACE_OID, text))).encode()


def _packages(scope: ComponentScope) -> tuple[dict[str, Component], dict[str, tuple[str, ...]]]:
    """Return the project and the installed packages that it needs, and the names of those that each of them needs."""
    locked = _locked()
    ranks = {tag: rank for rank, tag in enumerate(sys_tags())}
    components: dict[str, Component] = {}
    needs: dict[str, tuple[str, ...]] = {}
    waiting = [_PROJECT]
    while waiting:
        name = waiting.pop()
        if name in needs or (version := _installed_version(name)) is None:
            continue
        components[name] = _component(name, version, locked[name], ranks, scope)
        needs[name] = tuple(sorted(set(_required(locked[name]))))
        waiting += needs[name]
    return components, {name: tuple(other for other in needs[name] if other in needs) for name in needs}


def _locked() -> dict[str, dict[str, Any]]:
    try:
        content = tomllib.loads(LOCK.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        remedy = "restore it: git checkout uv.lock"
        raise InputError(f"the lock file cannot be read: {error}", str(LOCK), remedy) from error
    return {package["name"]: package for package in content["package"]}


def _installed_version(name: str) -> str | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    return None


def _required(package: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a package requires; the lock file names only the extras that something asks for."""
    for required in (package.get("dependencies", ()), *package.get("optional-dependencies", {}).values()):
        yield from (entry["name"] for entry in required)


def _component(
    name: str, version: str, locked: Mapping[str, Any], ranks: Mapping[Tag, int], scope: ComponentScope
) -> Component:
    """Return a package as it is installed; its file and digest are known if the lock file has this version."""
    files = _fitting_files(locked, ranks) if locked["version"] == version else []
    return Component(
        type=ComponentType.APPLICATION if name == _PROJECT else ComponentType.LIBRARY,
        bom_ref=f"{name}@{version}",
        name=name,
        version=version,
        scope=scope,
        purl=PackageURL("pypi", None, name, version),
        external_references=[
            ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION,
                url=XsUri(file["url"]),
                hashes=[HashType.from_composite_str(file["hash"])],
            )
            for file in files
        ],
    )


def _fitting_files(locked: Mapping[str, Any], ranks: Mapping[Tag, int]) -> list[Mapping[str, str]]:
    """Return the file of a package that fits this machine best, a wheel or the source archive; none for the project."""
    fitting: dict[int, Mapping[str, str]] = {}
    for file in locked.get("wheels", ()):
        tags = parse_wheel_filename(file["url"].rpartition("/")[2])[3]
        fitting |= {ranks[tag]: file for tag in tags if tag in ranks}
    return [fitting[min(fitting)]] if fitting else [locked["sdist"]] if "sdist" in locked else []
