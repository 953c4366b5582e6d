"""Compares the time of runs in Airflow and with the local runner: DAG parsing, overhead of tasks, whole runs.

    .venv/bin/python -m benchmarks.airflow [--epochs 2] [--to FILE.json]

The benchmark starts a stand-alone Airflow in a temporary folder (tools/airflow.sh) and stops it afterwards. The
overhead of a task is its duration in Airflow minus the duration of its node. The time of a whole run includes the
scheduler's pauses between tasks.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.output import OPEN_GATES, run

PROJECT = Path(__file__).parent.parent
DAG, PORT = "poseline_baduanjin", 8480
_PARSE = """
import json, sys, time
import airflow.plugins_manager, airflow.serialization.serialized_objects
import airflow.timetables.simple, airflow.triggers.base
from airflow.sdk import DAG, Asset, AssetAlias, AssetWatcher, BaseOperator, Param, TaskGroup
import runpy
seconds = []
for _ in range(5):
    begin = time.perf_counter()
    runpy.run_path(sys.argv[1])
    seconds.append(time.perf_counter() - begin)
print(json.dumps(seconds))
"""


class Airflow:
    """A stand-alone Airflow.

    Args:
        folder: folder for its files.
        options: options of `poseline compile`.
    """

    def __init__(self, folder: Path, options: list[str]) -> None:
        self.root, self._home, self._options, self._token = folder / "root", folder / "home", options, ""
        self.environment = os.environ | {
            "AIRFLOW_HOME": str(self._home),
            "POSELINE_ROOT": str(self.root),
            "POSELINE_AIRFLOW_PORT": str(PORT),
            "PYTHONPATH": str(PROJECT),
        }

    def script(self, *arguments: str) -> None:
        """Run tools/airflow.sh."""
        subprocess.run([PROJECT / "tools" / "airflow.sh", *arguments], env=self.environment, check=True)

    def start(self) -> None:
        """Start Airflow and log in."""
        self.script("start", *self._options)
        password = json.loads((self._home / "login.json").read_text(encoding="utf-8"))["admin"]
        answer = self._ask("POST", "/auth/token", {"username": "admin", "password": password})
        self._token = answer["access_token"]

    def run(self, run_id: str) -> tuple[float, dict[str, tuple[float, float, str]]]:
        """Trigger a run and wait for its end.

        Returns:
            Seconds from the trigger to the end, and for each node the seconds of its task, the seconds of the node, and
            its state.
        """
        begin = time.monotonic()
        runs = f"/api/v2/dags/{DAG}/dagRuns"
        self._ask("POST", runs, {"dag_run_id": run_id, "logical_date": None, "conf": {}})
        while (state := self._ask("GET", f"{runs}/{run_id}")["state"]) not in ("success", "failed"):
            time.sleep(0.5)
        seconds = time.monotonic() - begin
        if state == "failed":
            sys.exit(f"run {run_id} failed; see {self._home}/logs")
        nodes = {}
        for task in self._ask("GET", f"{runs}/{run_id}/taskInstances?limit=100")["task_instances"]:
            if task["state"] == "success" and task["task_id"] != "prepare":
                path = f"{runs}/{run_id}/taskInstances/{task['task_id']}/xcomEntries/return_value"
                result = self._ask("GET", path)["value"]
                nodes[task["task_id"]] = (task["duration"], result["seconds"], result["state"])
        return seconds, nodes

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://localhost:{PORT}{path}", content, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


def parse_seconds(environment: dict[str, str]) -> float:
    """Return the seconds for parsing the DAG file when Airflow is already imported, the median of five."""
    path = {"PYTHONPATH": f"{PROJECT}/dags:{PROJECT}/dags/plugins"}
    command = [str(PROJECT / ".airflow/venv/bin/python"), "-c", _PARSE, str(PROJECT / "dags" / "poseline.py")]
    done = subprocess.run(command, env=environment | path, capture_output=True, text=True, check=True)
    return statistics.median(json.loads(done.stdout.splitlines()[-1]))


def local_run(root: Path, options: list[str]) -> float:
    """Return the seconds of a `poseline run`."""
    command = [sys.executable, "-m", "pipelines.cli", "run", "--root", str(root), *options]
    begin = time.monotonic()
    subprocess.run(command, cwd=PROJECT, env=os.environ | {"PYTHONPATH": str(PROJECT)}, capture_output=True, check=True)
    return time.monotonic() - begin


def measure(folder: Path, epochs: int) -> dict[str, float]:
    """Time a cold and an unchanged run with Airflow and with the local runner.

    Returns:
        Description of each measurement to its seconds.
    """
    settings = [f"training.epochs={epochs}", *OPEN_GATES]
    options = [part for setting in settings for part in ("--set", setting)]
    airflow = Airflow(folder, options)
    airflow.start()
    try:
        cold, executed = airflow.run("cold")
        unchanged, cached = airflow.run("unchanged")
        parse = parse_seconds(airflow.environment)
    finally:
        airflow.script("stop")
    overheads = [task - node for task, node, state in executed.values() if state == "done"]
    light = [task for task, _, state in cached.values() if state in ("cached", "resolved")]
    return {
        "parsing the DAG file": parse,
        "overhead of a task whose node was executed (median)": statistics.median(overheads),
        "task of a cached node (median)": statistics.median(light),
        "task of a cached node (longest)": max(light),
        "whole run, cold, Airflow": cold,
        "whole run, cold, local": local_run(folder / "local", options),
        "whole run, unchanged, Airflow": unchanged,
        "whole run, unchanged, local": local_run(folder / "local", options),
    }


def show(seconds: dict[str, float]) -> None:
    """Print the measurements."""
    for what, figure in seconds.items():
        print(f"{what:<52}{figure:>9.2f} s")


if __name__ == "__main__":
    run(__doc__, 2, measure, show)
