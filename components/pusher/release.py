"""What is to be published: the files, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.artifacts.edge_model import list_files
from data.digests import file_digest
from data.errors import NodeError
from data.layouts import load_layout
from payloads.verdicts import Judgement, Verdict
from serving_targets.contract import Contract, read_contract
from serving_targets.manifest import (
    FLOAT_MODEL,
    INT8_MODEL,
    SAVED_MODEL,
    BundleFile,
    LayoutTable,
    Manifest,
    Provenance,
    behaviour_digest,
)


@dataclass(frozen=True)
class Release:
    """A model that is ready to be published.

    Attributes:
        sources: path in the bundle to the file it is copied from.
        files: the same paths with digest and size.
        contract: what the TFLite files say of themselves.
        facts: what the pipeline tells beyond that, see Pusher's `manifest_facts`.
        verdicts: what ModelValidator and ServingSmoke said.
        digest: of what decides how the bundle behaves.
    """

    sources: Mapping[str, Path]
    files: tuple[BundleFile, ...]
    contract: Contract
    facts: Mapping[str, Any]
    verdicts: tuple[Verdict, ...]
    digest: str

    @classmethod
    def of(cls, saved_model: Path, edge_model: Path, judged: Sequence[Path], facts: Mapping[str, Any]) -> Release:
        """Gathers a release.

        Args:
            saved_model: folder of the SavedModel.
            edge_model: folder that EdgeConverter wrote.
            judged: folders that ModelValidator and ServingSmoke wrote.
            facts: see Pusher's `manifest_facts`.

        Raises:
            NodeError: a file is missing, or the TFLite files do not say the same of themselves.
        """
        sources = {name: edge_model / name for name in (INT8_MODEL, FLOAT_MODEL)}
        sources |= {file.path.name: file.path for file in list_files(edge_model) if file.shipped}
        inside = (path for path in sorted(saved_model.rglob("*")) if path.is_file())
        sources |= {f"{SAVED_MODEL}/{path.relative_to(saved_model).as_posix()}": path for path in inside}
        needed = {f"{SAVED_MODEL}/saved_model.pb": saved_model / "saved_model.pb", **sources}
        if missing := [str(path) for path in needed.values() if not path.is_file()]:
            raise NodeError(
                f"{len(missing)} files of the model are missing", ", ".join(missing), "run again with --no-cache"
            )
        files = tuple(
            BundleFile(path=name, sha256=file_digest(path), bytes=path.stat().st_size) for name, path in sources.items()
        )
        contract = _common_contract([path for name, path in sources.items() if name.endswith(".tflite")])
        return cls(
            sources=sources,
            files=files,
            contract=contract,
            facts=facts,
            verdicts=tuple(verdict for folder in judged for verdict in Judgement.read(folder).verdicts),
            digest=behaviour_digest(files, contract.labels, contract.layout, contract.channels, contract.window_spec),
        )

    def manifest(self, version: int) -> Manifest:
        """The manifest of this release under a version number."""
        return Manifest(
            **self.contract.model_dump(exclude={"layout", "joints"}),
            version=version,
            digest=self.digest,
            created=datetime.now(UTC),
            layout=LayoutTable.model_validate(load_layout(self.contract.layout).to_dict()),
            thresholds=self.facts["gates"],
            verdicts=self.verdicts,
            files=self.files,
            provenance=Provenance.model_validate({k: v for k, v in self.facts.items() if k != "gates"}),
        )


def _common_contract(files: Sequence[Path]) -> Contract:
    """What all TFLite files say of themselves."""
    found = {path.name: read_contract(path) for path in files}
    contract = found[INT8_MODEL]
    if contract is None or any(other != contract for other in found.values()):
        raise NodeError(
            f"{', '.join(found)} do not say the same of themselves", str(files[0].parent), "run again with --no-cache"
        )
    return contract
