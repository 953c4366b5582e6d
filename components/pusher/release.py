"""A release: the files of a model that is ready to be published, with everything that goes into the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.artifacts.edge_model import list_files
from data.digests import file_digest
from data.errors import NodeError
from data.layouts import load_layout
from payloads.claims import Claims
from payloads.judgements import EdgeJudgement, Judgement
from payloads.verdict import Verdict
from serving_targets.coach.settings import REFERENCES, SETTINGS
from serving_targets.contract import Contract, read_contract
from serving_targets.manifest import (
    FLOAT_MODEL,
    INT8_MODEL,
    SAVED_MODEL,
    SBOM,
    BundleFile,
    LayoutTable,
    Manifest,
    Provenance,
    behaviour_digest,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True)
class ModelFiles:
    """Folders with the files of a model.

    Attributes:
        saved_model: folder of the SavedModel.
        edge_model: folder that EdgeConverter wrote.
        references: folder that ReferenceBuilder wrote.
        settings: folder that CoachCalibrator wrote.
    """

    saved_model: Path
    edge_model: Path
    references: Path
    settings: Path

    def sources(self) -> dict[str, Path]:
        """Return the path in the bundle of each file to the file that is copied there.

        Raises:
            NodeError: a file is missing.
        """
        sources = {name: self.edge_model / name for name in (INT8_MODEL, FLOAT_MODEL)}
        sources |= {file.path.name: file.path for file in list_files(self.edge_model) if file.shipped}
        sources |= {REFERENCES: self.references / REFERENCES, SETTINGS: self.settings / SETTINGS}
        for path in sorted(self.saved_model.rglob("*")):
            if path.is_file():
                sources[f"{SAVED_MODEL}/{path.relative_to(self.saved_model).as_posix()}"] = path
        needed = {f"{SAVED_MODEL}/saved_model.pb": self.saved_model / "saved_model.pb", **sources}
        if missing := [str(path) for path in needed.values() if not path.is_file()]:
            raise NodeError(
                f"{len(missing)} files of the model are missing", ", ".join(missing), "run again with --no-cache"
            )
        return sources


@dataclass(frozen=True)
class Release:
    """A model that is ready to be published.

    Attributes:
        sources: path in the bundle to the file that is copied there.
        sbom: content of the SBOM, which is a file of the bundle, too.
        files: path, digest and size of each file in the bundle.
        contract: contract in the TFLite files.
        facts: content of the manifest from the pipeline; see `manifest_facts` of Pusher.
        verdicts: verdicts of the gates but Evaluator.
        claims: what ModelValidator's test shows about the model.
        digest: digest of everything that determines the behaviour of the bundle.
        key: key that the manifest is signed with; None for an unsigned release.
    """

    sources: Mapping[str, Path]
    sbom: bytes
    files: tuple[BundleFile, ...]
    contract: Contract
    facts: Mapping[str, Any]
    verdicts: tuple[Verdict, ...]
    claims: Claims | None
    digest: str
    key: Ed25519PrivateKey | None = None

    @classmethod
    def of(
        cls,
        model: ModelFiles,
        judged: Sequence[Path],
        facts: Mapping[str, Any],
        key: Ed25519PrivateKey | None = None,
    ) -> Release:
        """Create a release from the files of a model.

        Args:
            model: folders with the files.
            judged: folders with the judgements of the gates but Evaluator.
            facts: content of the manifest from the pipeline; see `manifest_facts` of Pusher.
            key: key to sign the manifest with; None for an unsigned release.

        Raises:
            NodeError: a file is missing, or the contracts in the TFLite files differ.
        """
        from components.pusher.sbom import bundle_sbom  # its library takes half a second, which only a push needs

        sources = model.sources()
        files = tuple(
            BundleFile(path=name, sha256=file_digest(path), bytes=path.stat().st_size) for name, path in sources.items()
        )
        contract = _common_contract([path for name, path in sources.items() if name.endswith(".tflite")])
        digest = behaviour_digest(files, contract.labels, contract.layout, contract.channels, contract.window_spec)
        sbom = bundle_sbom(contract.name, digest, files)
        return cls(
            sources=sources,
            sbom=sbom,
            files=(*files, BundleFile(path=SBOM, sha256=hashlib.sha256(sbom).hexdigest(), bytes=len(sbom))),
            contract=contract,
            facts=facts,
            verdicts=tuple(verdict for folder in judged for verdict in Judgement.read(folder).verdicts),
            claims=next(filter(None, (EdgeJudgement.read(folder).claims for folder in judged)), None),
            digest=digest,
            key=key,
        )

    def manifest(self, version: int) -> Manifest:
        """Return the manifest of this release for a version number."""
        return Manifest(
            **self.contract.model_dump(exclude={"layout", "joints"}),
            version=version,
            digest=self.digest,
            created=datetime.now(UTC),
            layout=LayoutTable.model_validate(load_layout(self.contract.layout).to_dict()),
            thresholds=self.facts["gates"],
            verdicts=self.verdicts,
            claims=self.claims,
            files=self.files,
            provenance=Provenance.model_validate({k: v for k, v in self.facts.items() if k != "gates"}),
        )


def _common_contract(files: Sequence[Path]) -> Contract:
    """Return the contract that all TFLite files have in common."""
    found = {path.name: read_contract(path) for path in files}
    contract = found[INT8_MODEL]
    if contract is None or any(other != contract for other in found.values()):
        raise NodeError(
            f"the contracts in {', '.join(found)} differ", str(files[0].parent), "run again with --no-cache"
        )
    return contract
