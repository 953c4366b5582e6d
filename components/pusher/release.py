"""What is to be published: the files, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.edge_model import list_files
from components.verdicts import read_verdicts
from data.digests import file_digest
from data.errors import NodeError
from data.layouts import load_layout
from data.windows import WindowSpec
from serving_targets.manifest import (
    FLOAT_MODEL,
    INT8_MODEL,
    SAVED_MODEL,
    BundleFile,
    LayoutTable,
    Manifest,
    Provenance,
    Verdict,
    WindowShape,
    behaviour_digest,
    channel_names,
)

_OWN_FIELDS = {"name", "labels", "layout", "channels", "window", "gates"}


@dataclass(frozen=True)
class Release:
    """A model that is ready to be published.

    Attributes:
        sources: path in the bundle to the file it is copied from.
        files: the same paths with digest and size.
        facts: what the pipeline tells of the model, see Pusher's `manifest_facts`.
        verdicts: what ModelValidator and ServingSmoke said.
        digest: of what decides how the bundle behaves.
    """

    sources: Mapping[str, Path]
    files: tuple[BundleFile, ...]
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
            NodeError: a file is missing.
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
        return cls(
            sources=sources,
            files=files,
            facts=facts,
            verdicts=tuple(verdict for folder in judged for verdict in read_verdicts(folder)),
            digest=behaviour_digest(
                files,
                facts["labels"],
                facts["layout"],
                channel_names(facts["channels"]),
                WindowSpec.model_validate(facts["window"]),
            ),
        )

    def manifest(self, version: int) -> Manifest:
        """The manifest of this release under a version number."""
        window = WindowSpec.model_validate(self.facts["window"])
        return Manifest(
            name=self.facts["name"],
            version=version,
            digest=self.digest,
            created=datetime.now(UTC),
            labels=tuple(self.facts["labels"]),
            layout=LayoutTable.model_validate(load_layout(self.facts["layout"]).to_dict()),
            channels=channel_names(self.facts["channels"]),
            fps=window.fps,
            window=WindowShape(length=window.length, stride=window.stride, fit=window.fit),
            thresholds=self.facts["gates"],
            verdicts=self.verdicts,
            files=self.files,
            provenance=Provenance.model_validate({k: v for k, v in self.facts.items() if k not in _OWN_FIELDS}),
        )
