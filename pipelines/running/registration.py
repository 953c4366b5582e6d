"""A new run in the metadata store: its name, and what is recorded about its code and environment."""

from __future__ import annotations

import datetime
import hashlib
import platform
import secrets
import subprocess

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration.portable.mlmd import context_lib

from data.errors import InputError
from data.project import PROJECT_ROOT
from lineage.store import backend
from pipelines.running.run_context import RunContext
from pipelines.tfx_patches.shared_store import SharedMetadata
from pipelines.workspace import Workspace


def connection_of(workspace: Workspace) -> metadata_store_pb2.ConnectionConfig:
    """Return the connection of the workspace's metadata store; see `lineage.store.backend` for other stores."""
    return backend.connection(workspace.root)


def refuse_payloads_of_another_store(workspace: Workspace, connection: metadata_store_pb2.ConnectionConfig) -> None:
    """Raise an error if the store is new but the root is not.

    The folders of payloads have the ids of executions as names, and a new store would give the same ids again.

    Raises:
        InputError: the root has payloads, but there is no store, or an empty file in its place.
    """
    if backend.exists(connection):
        return
    if any(workspace.root.glob("artifacts/*/*/*")):
        raise InputError(
            "the root has payloads of earlier runs, but their metadata store is missing or empty",
            connection.sqlite.filename_uri,
            "restore the store from a backup, or name a new root with --root",
        )


def new_run_id(name: str) -> str:
    """Return a unique name for a run of a pipeline; the names sort by time."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3]
    return f"{name}-{now}-{secrets.token_hex(2)}"


def register(run: RunContext) -> None:
    """Record a run, with the facts about its code and environment, in the metadata store."""
    first = next(iter(run.ir.nodes)).pipeline_node
    with SharedMetadata(run.connection) as handle:
        context_lib.prepare_contexts(metadata_handle=handle, node_contexts=first.contexts)
        context = handle.store.get_context_by_type_and_name(constants.PIPELINE_RUN_CONTEXT_TYPE_NAME, run.run_id)
        for key, value in run.facts.items():
            context.custom_properties[key].string_value = str(value)
        handle.store.put_contexts([context])


def run_facts() -> dict[str, str]:
    """Return the git commit, whether there are uncommitted changes, the lock file's digest and Python's version."""
    lock = hashlib.sha256((PROJECT_ROOT / "uv.lock").read_bytes()).hexdigest()
    return {
        "git_commit": _git("rev-parse", "HEAD") or "unknown",
        "git_dirty": str(bool(_git("status", "--porcelain", "--untracked-files=no"))).lower(),
        "lock_digest": lock,
        "python": platform.python_version(),
    }


def _git(*arguments: str) -> str:
    """Return what git prints; an empty text if git is not installed or the project is not a git repository."""
    try:
        command = ["git", "-C", str(PROJECT_ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
