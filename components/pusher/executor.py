"""TFX's side of Pusher."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from absl import logging
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact

from components.artifacts.verdicts import read_verdicts
from components.pusher.publish import Publication, publish
from components.pusher.release import Release
from data.digests import list_folder
from data.errors import InputError

_GATES = {"Evaluator": "model_blessing", "ModelValidator": "edge_blessing", "ServingSmoke": "infra_blessing"}


class Executor(BaseExecutor):
    """Asks the blessings, publishes, records what was done."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See BaseExecutor."""
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        model, edge_model = (artifact_utils.get_single_instance(input_dict[key]) for key in ("model", "edge_model"))
        blessings = {gate: artifact_utils.get_single_instance(input_dict[key]) for gate, key in _GATES.items()}
        no = [gate for gate, blessing in blessings.items() if blessing.get_int_custom_property("blessed") != 1]
        warned = [gate for gate in no if gate in json.loads(exec_properties.get("only_warn", "[]"))]
        refused = [gate for gate in no if gate not in warned]
        reasons = [reason for gate in no for reason in _reasons(gate, blessings[gate])]
        record: dict[str, Any] = {"pushed": not refused, "refused_by": refused, "warned_by": warned, "reasons": reasons}
        if refused:
            why = "".join(f"; {reason}" for reason in reasons)
            logging.warning(
                "not pushed: %s did not bless the model%s; targets are unchanged", " and ".join(refused), why
            )
        else:
            targets = _targets(exec_properties["targets"])
            facts = json.loads(exec_properties["manifest_facts"])
            facts |= {"model_artifact_id": model.id, "edge_model_artifact_id": edge_model.id}
            if warned:
                logging.warning("pushed although %s did not bless the model: set to warn only", " and ".join(warned))
                facts["warned_by"] = warned
            judged = [Path(blessings[gate].uri) for gate in ("ModelValidator", "ServingSmoke")]
            release = Release.of(Path(model.uri) / "Format-Serving", Path(edge_model.uri), judged, facts)
            publication = publish(release, list(targets.values()))
            record |= _describe(publication, targets)
            pushed.set_string_custom_property("version", str(publication.version))
            pushed.set_string_custom_property("digest", publication.digest)
            pushed.set_string_custom_property("targets", json.dumps(record["targets"]))
        pushed.set_int_custom_property("pushed", int(not refused))
        folder = Path(pushed.uri)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "push.json").write_text(json.dumps(record, indent=2) + "\n")


def _reasons(gate: str, blessing: Artifact) -> list[str]:
    """Figures and thresholds of what a gate refused; Evaluator's verdicts lie in another artifact."""
    if gate == "Evaluator":
        return []
    return [f"{gate} {verdict}" for verdict in read_verdicts(Path(blessing.uri)) if not verdict.passed]


def _targets(text: str) -> dict[str, Path]:
    targets = {name: Path(path).resolve() for name, path in json.loads(text).items()}
    if not targets or len(set(targets.values())) != len(targets):
        raise InputError("push targets must be given, each with a folder of its own", text, "set targets.<name>=DIR")
    return targets


def _describe(publication: Publication, targets: dict[str, Path]) -> dict[str, Any]:
    for path in targets.values():
        how = "published as" if path in publication.new else "was there already as"
        logging.info("%s: %s version %d, now latest", path, how, publication.version)
    return {
        "version": publication.version,
        "digest": publication.digest,
        "targets": {name: str(path) for name, path in targets.items()},
        "files": {
            name: [asdict(file) for file in list_folder(path / str(publication.version)).files]
            for name, path in targets.items()
        },
        "already_there": [name for name, path in targets.items() if path not in publication.new],
    }
