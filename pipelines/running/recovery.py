"""Cleans up after a process that was killed while it ran a node, or could not record how the node ended.

For each running node there is a locked file in the journal. If a file can be locked, the process that wrote it is dead.
Its execution is then marked as failed and its incomplete outputs are removed, before anything new is started.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from data.errors import NodeError
from data.files import open_own, try_lock
from pipelines.tfx_patches.shared_store import shared_store
from pipelines.workspace import Workspace

_ACTIVE = (metadata_store_pb2.Execution.NEW, metadata_store_pb2.Execution.RUNNING)


@contextlib.contextmanager
def journal(
    workspace: Workspace,
    connection: metadata_store_pb2.ConnectionConfig,
    pipeline: str,
    run_id: str,
    node_id: str,
) -> Iterator[None]:
    """Keep a locked file in the journal while the block runs a node.

    Raises:
        NodeError: another process is running this node of this run.
    """
    workspace.journal.mkdir(parents=True, exist_ok=True)
    path = workspace.journal / f"{run_id}.{node_id}.json"
    descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
    try:
        if not try_lock(descriptor):
            raise NodeError(
                "another process is running this node of this run", str(path), "wait until it ends, or end it"
            )
        if os.fstat(descriptor).st_size:  # left by a dead attempt at the same node
            _clear_entry(workspace, connection, path.read_bytes())
        os.ftruncate(descriptor, 0)
        entry = {"pipeline": pipeline, "run_id": run_id, "node_id": node_id, "pid": os.getpid()}
        os.write(descriptor, json.dumps(entry).encode())
        try:
            yield
        except Exception:
            with contextlib.suppress(Exception):  # the store may be what failed: the entry stays for the next process
                _clear_dead_attempt(workspace, connection, pipeline, run_id, node_id)
                path.unlink(missing_ok=True)
            raise
        path.unlink(missing_ok=True)  # after an interrupt it stays, too
    finally:
        os.close(descriptor)


def recover(workspace: Workspace, connection: metadata_store_pb2.ConnectionConfig) -> list[str]:
    """Remove what all dead processes left behind.

    Returns:
        The names `<run>.<node>` of the nodes whose process ended without recording how.
    """
    recovered = []
    for path in sorted(workspace.journal.glob("*.json")) if workspace.journal.is_dir() else []:
        try:
            descriptor = open_own(path, os.O_RDWR)
        except OSError:  # another process has cleared it, or it is not an entry of ours
            continue
        with os.fdopen(descriptor, "r+b") as file:
            if not try_lock(file.fileno()):
                continue
            _clear_entry(workspace, connection, file.read())
            path.unlink(missing_ok=True)
            recovered.append(path.stem)
    return recovered


def _clear_entry(workspace: Workspace, connection: metadata_store_pb2.ConnectionConfig, content: bytes) -> None:
    try:
        entry = json.loads(content)
        names = [str(entry[key]) for key in ("pipeline", "run_id", "node_id")]
    except (ValueError, TypeError, KeyError):  # killed while it wrote the entry, or damaged: it says nothing
        return
    _clear_dead_attempt(workspace, connection, *names)


def _clear_dead_attempt(
    workspace: Workspace, connection: metadata_store_pb2.ConnectionConfig, pipeline: str, run_id: str, node_id: str
) -> None:
    """Mark the executions of a dead attempt as failed and remove their outputs."""
    store = shared_store(connection)
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    if context is None:
        return
    node_context = store.get_context_by_type_and_name("node", f"{pipeline}.{node_id}")
    node_folder = workspace.artifacts(pipeline) / node_id
    for execution in store.get_executions_by_context(context.id):
        if execution.last_known_state not in _ACTIVE:
            continue
        if node_context is None or node_context.id not in {c.id for c in store.get_contexts_by_execution(execution.id)}:
            continue
        for leftover in _outputs(node_folder, execution.id):
            shutil.rmtree(leftover, ignore_errors=True)
        execution.last_known_state = metadata_store_pb2.Execution.FAILED
        execution.custom_properties["recovered"].string_value = "its process ended without recording how"
        store.put_executions([execution])


def _outputs(node_folder: Path, execution_id: int) -> Iterator[Path]:
    """Yield the folders `<output key>/<execution id>` and the folder of TFX's own files of that execution."""
    if node_folder.is_dir():
        for parent in (*node_folder.iterdir(), node_folder / ".system" / "executor_execution"):
            folder = parent / str(execution_id)
            if folder.is_dir() and not parent.is_symlink():  # no output is behind a link in the node's folder
                yield folder
