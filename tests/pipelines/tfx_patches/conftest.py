"""A root with real runs of the toy graph: cached, failed, retried, killed and rejected ones."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tfx.dsl.compiler.compiler import Compiler
from tfx.orchestration.pipeline import Pipeline

from pipelines.compilation.plan import Plan
from pipelines.config import load_config
from pipelines.processes.children import ChildProcesses
from pipelines.running.registration import connection_of
from pipelines.running.run_context import RunContext
from pipelines.tfx_patches.shared_store import SharedMetadata
from pipelines.workspace import Workspace
from tests.lineage import toy_graph

PROJECT = Path(__file__).parents[3]
PIPELINE = "tiny"


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    root = tmp_path_factory.mktemp("history") / "root"
    command = [sys.executable, "-m", "tests.lineage.record_history", str(root), "short"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Workspace(root)


@pytest.fixture(scope="session")
def history(workspace):
    """What was run, in order: name, run id, settings and states of the nodes."""
    return json.loads((workspace.root / "history.json").read_text())


@pytest.fixture
def handle(workspace):
    with SharedMetadata(connection_of(workspace)) as opened:
        yield opened


@pytest.fixture(scope="session")
def run_of(workspace):
    """The context of a recorded run, by its entry in the history."""

    def run(entry):
        nodes = toy_graph.graph(**entry["settings"])
        pipeline = Pipeline(PIPELINE, str(workspace.artifacts(PIPELINE)), components=nodes, enable_cache=True)
        plan = Plan(load_config("baduanjin", [f"name={PIPELINE}"]), Compiler().compile(pipeline))
        return RunContext(plan, workspace, entry["run"], ChildProcesses(), connection_of(workspace))

    return run
