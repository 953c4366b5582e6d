"""Fixtures: Airflow's own environment, and a DAG manifest that the real compiler wrote."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
AIRFLOW_PYTHON = PROJECT / ".airflow" / "venv" / "bin" / "python"


@pytest.fixture(scope="session")
def airflow_python() -> Path:
    if not (PROJECT / ".tools" / "bin" / "uv").exists():
        pytest.skip("Airflow's environment needs .tools/, which `make setup` makes")
    subprocess.run([PROJECT / "tools" / "airflow.sh", "setup"], check=True)
    return AIRFLOW_PYTHON


@pytest.fixture(scope="session")
def root(tmp_path_factory) -> Path:
    """A root with a compiled manifest, and a span to train on."""
    root = tmp_path_factory.mktemp("root")
    command = [sys.executable, "-m", "pipelines.cli", "compile", "--config", "baduanjin", "--root", str(root)]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="session")
def facts(airflow_python, root, tmp_path_factory) -> dict:
    """Facts that tests/dags/dag_probe.py collects in Airflow's interpreter, which starts only once."""
    home = tmp_path_factory.mktemp("airflow")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment |= {
        "PYTHONPATH": f"{PROJECT}/dags:{PROJECT}/dags/plugins",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__PLUGINS_FOLDER": f"{PROJECT}/dags/plugins",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "POSELINE_ROOT": str(root),
    }
    command = [airflow_python, Path(__file__).with_name("dag_probe.py"), PROJECT / "dags" / "poseline.py"]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
