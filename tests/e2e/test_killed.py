"""Runs that are killed at one node after the other in the same root; then a run to the end."""

import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from data.files import STAGING

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


_HOLD = """
import os, sys, time
def hold(event, arguments):
    if event == "open" and "outcome.pb" in str(arguments[0]) and f"/{os.environ['HELD']}/" in str(arguments[0]):
        time.sleep(600)
sys.addaudithook(hold)
"""
"""What makes the executor of the node HELD wait where it would write its result: it never ends before it is killed."""


def kill_at(bench, hold: Path, root: Path, node: str) -> bool:
    """Start a run and kill its driver as soon as a node's executor has started.

    Returns:
        Whether the driver was killed; False if the run had ended before.
    """
    process = subprocess.Popen(
        bench.command(*bench.run_arguments("--set", "runner.parallel_nodes=1", root=root)),
        cwd=bench.project,
        env=bench.environment | {"HELD": node, "PYTHONPATH": f"{hold}:{bench.environment['PYTHONPATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while process.poll() is None:
            if list(root.glob(f"runs/*/{node}.log")) and list(root.glob(f"running/*.{node}.json")):
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                return True
            time.sleep(0.01)
    finally:
        if process.poll() is None:
            process.kill()
    return False


def alive_in(root: Path) -> list[str]:
    """Return the ids of the processes whose standard output is a file in the root."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                target = str((entry / "fd" / "1").readlink())
            except OSError:
                continue
            if target.startswith(str(root)):
                found.append(entry.name)
    return found


def test_after_a_kill_at_every_node_the_next_run_succeeds(bench, first_run, tmp_path):
    root, hold = tmp_path / "root", tmp_path / "hold"
    hold.mkdir()
    (hold / "sitecustomize.py").write_text(_HOLD)
    executed = [node for node, entry in first_run["nodes"].items() if entry["state"] == "done"]
    assert len(executed) >= 12
    for node in executed:
        for log in root.glob(f"runs/*/{node}.log"):
            log.unlink()
        assert kill_at(bench, hold, root, node), f"the run ended before {node} was killed"
        deadline = time.monotonic() + 10
        while alive_in(root) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not alive_in(root), f"executors outlived the driver killed at {node}"

    report = json.loads(bench.poseline(*bench.run_arguments("--json", root=root)).stdout)
    assert report["state"] == "pushed"
    assert report["data"] == first_run["data"]

    facts = json.loads(
        subprocess.run(
            [bench.command()[0], "-c", _AUDIT, str(root)],
            cwd=bench.project,
            env=bench.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    assert facts["still running"] == []
    assert facts["complete without inputs"] == []
    assert facts["folders without a live artifact"] == []
    assert facts["live artifacts without a folder"] == []
    assert not list((root / "running").iterdir())
    target = root / "pushed" / "baduanjin"
    assert not [path for path in target.iterdir() if path.name.startswith(STAGING)]
    versions = [path for path in target.iterdir() if path.name.isdigit()]
    assert versions
    for version in versions:
        manifest = json.loads((version / "manifest.json").read_text())
        for file in manifest["files"]:
            content = (version / file["path"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file["sha256"], f"{version / file['path']} is damaged"
    first = list((root / "artifacts/baduanjin/KeypointExampleGen/examples").iterdir())
    assert len(first) == 1, "shards of a dead attempt were kept"


_AUDIT = """
import json, sys
from pathlib import Path
from pipelines.processes.import_blocker import block_heavy_imports
block_heavy_imports()
from lineage.store import backend
from ml_metadata.proto import metadata_store_pb2 as pb
from pipelines.running.registration import connection_of
from pipelines.workspace import Workspace
root = Path(sys.argv[1])
store = backend.open_store(connection_of(Workspace(root)))
executions = store.get_executions()
events = store.get_events_by_execution_ids([e.id for e in executions])
with_inputs = {e.execution_id for e in events if e.type == pb.Event.INPUT}
types = {t.id: t.name for t in store.get_execution_types()}
sources = ("KeypointExampleGen", "ImportSchemaGen", "Resolver")
live = {a.uri for a in store.get_artifacts() if a.state == pb.Artifact.LIVE}
folders = {
    str(p) for p in root.glob("artifacts/*/*/*/*") if p.is_dir() and ".system" not in p.parts
}
print(json.dumps({
    "still running": [e.id for e in executions if e.last_known_state in (pb.Execution.NEW, pb.Execution.RUNNING)],
    "complete without inputs": [
        types[e.type_id] for e in executions
        if e.last_known_state in (pb.Execution.COMPLETE, pb.Execution.CACHED)
        and e.id not in with_inputs and not types[e.type_id].endswith(sources)
    ],
    "folders without a live artifact": sorted(folders - live),
    "live artifacts without a folder": sorted(live - folders),
}))
"""
