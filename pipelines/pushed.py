"""What the configuration wants at the push targets, and how the targets differ from a recorded push."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ml_metadata.metadata_store import ListOptions, MetadataStore, OrderByField
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants

from data.digests import ListedFile, list_folder
from lineage.comparison import still_holds
from lineage.node_ids import NodeId
from payloads.push import PushRecord
from pipelines.config import PipelineConfig
from pipelines.workspace import Workspace
from serving_targets.releases import destination_holds, latest_version, rolled_back_to

_RECORDS = 100  # newest pushes whose versions are compared before the next push


def push_targets(config: PipelineConfig, workspace: Workspace) -> dict[str, Path]:
    """Return the folder of each push target, by name."""
    targets = config.targets or {config.name: workspace.pushed / config.name}
    return {name: Path(path).resolve() for name, path in targets.items()}


def why_push_again(root: Path, record: PushRecord, targets: Mapping[str, Path]) -> str | None:
    """Return why a push has to be done again; None if every target is as the push left it, or was rolled back.

    Args:
        root: root of the runs.
        record: record of the push.
        targets: folder of each target now, by name.
    """
    if not record.pushed:
        return None
    for name in record.targets.keys() - targets.keys():
        return f"target {name!r} was removed from the configuration"
    for name, folder in targets.items():
        if name not in record.targets:
            return f"target {name!r} was added to the configuration"
        if Path(record.targets[name]) != folder:
            return f"target {name!r} is another folder now: {folder}"
        if why := _why_unlike(root, record, name, folder):
            return f"target {name!r} {why}"
    return None


def _why_unlike(root: Path, record: PushRecord, name: str, target: Path) -> str | None:
    if rolled_back_to(target) is not None:
        return None
    version = target / str(record.version)
    if not version.is_dir():
        return "no longer has the pushed version"
    files = record.files.get(name)
    if not (still_holds(root, version, files) if files else destination_holds(target, str(record.digest))):
        return f"no longer has the pushed version: the files of version {record.version} were altered"
    latest = latest_version(target)
    if latest == record.version:
        return None
    return f"has `latest` at {'no version' if latest is None else f'version {latest}'}, not at version {record.version}"


def altered_versions(store: MetadataStore, pipeline: str, targets: Mapping[str, Path]) -> list[Path]:
    """Return the folders of the versions at these targets that differ from the newest record of a push there."""
    context = store.get_context_by_type_and_name(constants.NODE_CONTEXT_TYPE_NAME, f"{pipeline}.{NodeId.PUSHER}")
    options = ListOptions(limit=_RECORDS, order_by=OrderByField.ID, is_asc=False)
    recorded: dict[Path, tuple[ListedFile, ...]] = {}
    for artifact in store.get_artifacts_by_context(context.id, options) if context else ():
        live = artifact.state == metadata_store_pb2.Artifact.LIVE
        places = artifact.custom_properties["targets"].string_value if "targets" in artifact.custom_properties else None
        record = PushRecord.find(Path(artifact.uri), places) if live else None
        recorded = (record.versions if record else {}) | recorded
    return [
        folder
        for folder, files in recorded.items()
        if files and folder.parent in targets.values() and folder.is_dir() and not _is_unaltered(folder, files)
    ]


def _is_unaltered(version: Path, files: tuple[ListedFile, ...]) -> bool:
    """Return whether a version still has all files that were published; others may have been added to it."""
    return set(files) <= set(list_folder(version).files)
