"""Executor of Pusher."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from absl import logging
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types.artifact import Artifact

from components.artifacts.folders import only_artifact, saved_model_folder
from components.pusher.blessing_inputs import BLESSINGS
from components.pusher.publish import Publication, publish
from components.pusher.release import ModelFiles, Release
from components.pusher.signing import SIGNER, read_signing_key
from data.digests import list_folder
from data.errors import InputError
from lineage.comparison import AlteredPayloadError
from lineage.node_ids import NodeId
from payloads.judgements import Judgement
from payloads.push import PushRecord
from serving_targets.releases import latest_version


class Executor(BaseExecutor):
    """TFX executor that checks the blessings, publishes the model and records the push."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Publish the model if no gate rejected it."""
        pushed = only_artifact(output_dict, "pushed_model")
        shipped = {key: only_artifact(input_dict, key) for key in ("model", "edge_model", "references", "settings")}
        model, edge_model = shipped["model"], shipped["edge_model"]
        blessings = {gate: only_artifact(input_dict, needed.channel) for gate, needed in BLESSINGS.items()}
        rejected = [gate for gate, blessing in blessings.items() if blessing.get_int_custom_property("blessed") != 1]
        warned = tuple(gate for gate in rejected if gate in json.loads(exec_properties.get("only_warn", "[]")))
        refused = tuple(gate for gate in rejected if gate not in warned)
        reasons = {gate: _reasons(gate, blessings[gate]) for gate in rejected}
        record = PushRecord(
            pushed=not refused,
            refused_by=refused,
            warned_by=warned,
            reasons=tuple(itertools.chain.from_iterable(reasons.values())),
        )
        if refused:
            why = "; ".join(reason for gate in refused for reason in reasons[gate])
            logging.warning("not pushed: rejected by %s (%s); targets are unchanged", " and ".join(refused), why)
        else:
            if warned:
                logging.warning("pushed although rejected by %s, which only warns", " and ".join(warned))
            targets = _targets(exec_properties["targets"])
            altered = [Path(folder) for folder in json.loads(exec_properties.get("altered_versions", "[]"))]
            judged_files = _judged_files([*shipped.values(), *blessings.values()])
            facts = json.loads(exec_properties["manifest_facts"])
            facts |= {"model_artifact_id": model.id, "edge_model_artifact_id": edge_model.id}
            facts |= {"warned_by": list(warned)} if warned else {}
            judged = [Path(blessing.uri) for gate, blessing in blessings.items() if gate != NodeId.EVALUATOR]
            key = read_signing_key(exec_properties)
            files = ModelFiles(
                saved_model=saved_model_folder(Path(model.uri)),
                edge_model=Path(edge_model.uri),
                references=Path(shipped["references"].uri),
                settings=Path(shipped["settings"].uri),
            )
            release = Release.of(files, judged, facts, key)
            _refuse_other_files(release, judged_files)
            record = _add_publication(record, publish(release, list(targets.values()), altered), targets)
            if key:
                record = record.model_copy(update={"signed_by": exec_properties[SIGNER]})
                pushed.set_string_custom_property("signed_by", exec_properties[SIGNER])
            pushed.set_string_custom_property("version", str(record.version))
            pushed.set_string_custom_property("digest", str(record.digest))
            pushed.set_string_custom_property("targets", json.dumps(record.targets))
        pushed.set_int_custom_property("pushed", int(record.pushed))
        record.write(Path(pushed.uri))


def _reasons(gate: str, blessing: Artifact) -> list[str]:
    """Return the verdicts of a gate that did not pass; none for Evaluator, whose verdicts are in another artifact."""
    if gate == NodeId.EVALUATOR:
        return []
    return [f"{gate} {verdict}" for verdict in Judgement.read(Path(blessing.uri)).verdicts if verdict.rejects]


def _judged_files(artifacts: Iterable[Artifact]) -> dict[Path, str]:
    """Return the SHA-256 of every file of these payloads, by path, after a comparison with their recorded digests.

    Raises:
        AlteredPayloadError: a payload is not as it was recorded.
    """
    found: dict[Path, str] = {}
    for artifact in artifacts:
        listing = list_folder(Path(artifact.uri))
        if artifact.get_string_custom_property("content_digest") not in ("", listing.digest):
            raise _altered(f"the payload of artifact {artifact.id} ({artifact.type_name})", artifact.uri)
        found |= {Path(artifact.uri) / file.path: file.sha256 for file in listing.files}
    return found


def _refuse_other_files(release: Release, judged: Mapping[Path, str]) -> None:
    """Raise an error if a file to be published is not the one that was compared with the record."""
    digests = {file.path: file.sha256 for file in release.files}
    for name, source in release.sources.items():
        if judged.get(source) != digests[name]:
            raise _altered(f"file {name}", str(source))


def _altered(what: str, where: str) -> AlteredPayloadError:
    return AlteredPayloadError(
        f"not pushed, because {what} was altered after it was judged; the targets are unchanged",
        where,
        "run again: the run names what was altered, and the command that has it computed again",
    )


def _targets(text: str) -> dict[str, Path]:
    targets = {name: Path(path).resolve() for name, path in json.loads(text).items()}
    if not targets or len(set(targets.values())) != len(targets):
        raise InputError(
            "push targets are missing or share a folder", text, "set targets.<name>=DIR, with a folder for each target"
        )
    return targets


def _add_publication(record: PushRecord, publication: Publication, targets: dict[str, Path]) -> PushRecord:
    for path in targets.values():
        how = "published as" if path in publication.new else "already present as"
        logging.info("%s: %s version %d, latest is %s", path, how, publication.version, latest_version(path))
    return record.model_copy(
        update={
            "version": publication.version,
            "digest": publication.digest,
            "targets": {name: str(path) for name, path in targets.items()},
            "files": {name: list_folder(path / str(publication.version)).files for name, path in targets.items()},
            "already_there": tuple(name for name, path in targets.items() if path not in publication.new),
        }
    )
