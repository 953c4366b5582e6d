"""A real Airflow: api-server, scheduler, dag-processor and triggerer on tiny data, driven through the REST API."""

import configparser
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
DAG = "poseline_baduanjin"
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

# The gates accept everything, and nothing is measured: two seconds of training.
SETTINGS = (
    "training.jit_compile=false",
    "model.widths=[16]",
    "model.strides=[2]",
    "gates.evaluator={min_accuracy: 0.0, min_macro_f1: 0.0, max_accuracy_drop: 1.0}",
    "gates.model_validator={min_sequence_accuracy: 0.0, max_accuracy_lost: 1.0}",
    "gates.serving_smoke={min_agreement: 0.0, max_difference: 1.0, max_latency_p95_ms: 100.0}",
)
PARAMETERS = {"epochs": 1}


def free_ports(count: int) -> int:
    """Return the first of `count` free ports in a row."""
    for first in range(20_000 + os.getpid() % 5000, 32_000, count):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise OSError("no free ports")


class Airflow:
    """An Airflow for these tests alone, with a root for the pipeline."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.root, self.home, self.data = folder / "root", folder / "home", data
        self.port = free_ports(2)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")} | {
            "AIRFLOW_HOME": str(self.home),
            "POSELINE_ROOT": str(self.root),
            "POSELINE_PIPELINES": "baduanjin",
            "POSELINE_AIRFLOW_PORT": str(self.port),
            "POSELINE_RETRY_SECONDS": "1",
            "POSELINE_WATCH_SECONDS": "1",
            "PYTHONPATH": str(PROJECT),
            # Airflow notices a killed scheduler after this time.
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
        }
        self._token = ""

    @property
    def settings(self) -> list[str]:
        return ["--data", str(self.data), *(part for setting in SETTINGS for part in ("--set", setting))]

    def script(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(PROJECT / "tools" / "airflow.sh"), *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, umask=0)
        assert done.returncode == 0, done.stderr + done.stdout
        return done

    def start(self) -> None:
        self.script("start", *self.settings)
        password = json.loads((self.home / "login.json").read_text())["admin"]
        address = f"http://localhost:{self.port}/auth/token"
        self._token = self._ask("POST", address, {"username": "admin", "password": password})["access_token"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        return self._ask(method, f"http://localhost:{self.port}/api/v2{path}", body)

    def _ask(self, method: str, address: str, body: Any) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        content = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(address, content, headers, method=method)) as answer:
            return json.load(answer)

    def trigger(self, run_id: str, parameters: dict) -> None:
        self.call("POST", f"/dags/{DAG}/dagRuns", {"dag_run_id": run_id, "logical_date": None, "conf": parameters})

    def tasks(self, run_id: str) -> dict[str, dict]:
        found = self.call("GET", f"/dags/{DAG}/dagRuns/{run_id}/taskInstances?limit=100")["task_instances"]
        return {task["task_id"]: task for task in found}

    def ended(self, run_id: str) -> str:
        wait(lambda: self.call("GET", f"/dags/{DAG}/dagRuns/{run_id}")["state"] in ("success", "failed"), 420, run_id)
        return self.call("GET", f"/dags/{DAG}/dagRuns/{run_id}")["state"]

    def result(self, run_id: str, task: str) -> dict:
        path = f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/{task}/xcomEntries/return_value"
        return self.call("GET", path)["value"]

    def log(self, run_id: str, task: str, attempt: int = 1) -> str:
        path = f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/{task}/logs/{attempt}?full_content=true"
        return json.dumps(self.call("GET", path)["content"])

    def process_at(self, node: str) -> int:
        """Wait until a node's executor has started; return the id of the process that drives the node."""
        [entry] = wait(
            lambda: [
                path
                for path in self.root.glob(f"running/*.{node}.json")
                if list(self.root.glob(f"runs/*/{node}.log")) and path.read_text()
            ],
            240,
            f"{node} begins",
        )
        return json.loads(entry.read_text())["pid"]

    def audit(self) -> dict:
        command = [sys.executable, "-c", _AUDIT, str(self.root)]
        done = subprocess.run(command, cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def listening(self) -> dict[int, str]:
        """Return the ports that this Airflow's processes listen on, each with its address."""
        sessions = (self.home / "run" / "sessions").read_text().split()
        sockets = set()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if (process / "stat").read_text().rpartition(")")[2].split()[3] in sessions:
                    sockets |= {str(file.readlink()) for file in (process / "fd").iterdir()}
        found = {}
        for table in ("tcp", "tcp6"):
            for row in (Path("/proc/net") / table).read_text().splitlines()[1:]:
                _, local, _, state, *_, inode = row.split()[:10]
                if state == "0A" and f"socket:[{inode}]" in sockets:
                    address, port = local.split(":")
                    found[int(port, 16)] = address
        return found


def wait(condition, seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.3)
    raise AssertionError(f"waited {seconds} s for: {what}")


@pytest.fixture(scope="module")
def airflow(bench, tmp_path_factory):
    if not (PROJECT / ".tools" / "bin" / "uv").exists():
        pytest.skip("Airflow's environment needs .tools/, which `make setup` makes")
    folder = tmp_path_factory.mktemp("airflow")
    shutil.copytree(bench.data, folder / "data")
    made = Airflow(folder, folder / "data")
    try:
        made.start()
        yield made
    finally:
        made.script("stop")


@pytest.fixture(scope="module")
def first(airflow) -> str:
    """A run during which the process of one node and, later, the scheduler were killed."""
    airflow.trigger("first", PARAMETERS)
    os.kill(airflow.process_at("StatisticsGen"), signal.SIGKILL)
    airflow.process_at("Transform")
    assert "Could not read served logs" not in airflow.log("first", "Transform")
    os.kill(int((airflow.home / "run" / "scheduler.pid").read_text()), signal.SIGKILL)
    airflow.start()
    assert airflow.ended("first") == "success"
    return "first"


def test_a_run_succeeds_although_a_node_and_the_scheduler_are_killed(airflow, first):
    tasks = airflow.tasks(first)
    assert {name for name, task in tasks.items() if task["state"] != "success"} == {"WarmStartModel"}
    assert tasks["WarmStartModel"]["state"] == "skipped"
    assert tasks["StatisticsGen"]["try_number"] == 2
    assert "was ended by signal 9" in airflow.log(first, "StatisticsGen")
    assert "epoch 1/1" in airflow.log(first, "Trainer", tasks["Trainer"]["try_number"])
    pushed = airflow.result(first, "Pusher")
    assert (airflow.root / "pushed" / "baduanjin" / "latest" / "model_int8.tflite").exists()
    assert pushed["outputs"][0]["properties"]["pushed"] == 1
    assert len(json.dumps(pushed)) < 4000


def test_airflow_listens_on_loopback_only(airflow, first):
    loopback = "0100007F"  # 127.0.0.1, as /proc writes it
    expected = dict.fromkeys((airflow.port, airflow.port + 1), loopback)
    assert wait(lambda: airflow.listening() == expected or None, 60, f"{expected}, not {airflow.listening()}")


def test_airflow_writes_its_secrets_nowhere_else_and_lets_nobody_read_them(airflow, first):
    kept_in = {airflow.home / "airflow.cfg", airflow.home / "login.json"}
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(airflow.home / "airflow.cfg")
    secrets = {
        *json.loads((airflow.home / "login.json").read_text()).values(),
        settings["core"]["fernet_key"],
        settings["api"]["secret_key"],
        settings["api_auth"]["jwt_secret"],
    }
    assert len(secrets) == 4
    assert min(map(len, secrets)) > 15
    searched = [*Path("/proc").glob("[0-9]*/cmdline")]
    searched += [path for folder in (airflow.home, airflow.root) for path in folder.rglob("*") if path.is_file()]
    for path in set(searched) - kept_in:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in content], path
    open_to_others = [path for path in airflow.home.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o77]
    assert open_to_others == []


def test_the_metadata_store_holds_one_run_and_no_debris(airflow, first):
    found = airflow.audit()
    [run] = [run for run in found["runs"] if run["properties"].get("airflow_run_id") == first]
    assert run["properties"]["dag_id"] == DAG
    assert run["properties"]["airflow_run_id"] == first
    assert run["properties"]["airflow_try"] == "1"
    assert run["running"] == []
    assert run["more than one good attempt"] == []
    assert run["tries"]["StatisticsGen"] == [["FAILED", "1"], ["COMPLETE", "2"]]
    assert found["orphans"] == []
    assert found["missing"] == []
    assert not list((airflow.root / "running").iterdir())


def test_the_same_run_on_this_machine_is_cached(airflow, first):
    epochs = f"training.epochs={PARAMETERS['epochs']}"
    command = [
        sys.executable,
        "-m",
        "pipelines.cli",
        "run",
        "--json",
        "--root",
        str(airflow.root),
        *airflow.settings,
    ]
    done = subprocess.run(
        [*command, "--set", epochs], cwd=PROJECT, env=airflow.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["did_nothing"]


def test_a_local_run_serves_as_cache_and_a_cleared_green_task_runs_again(airflow, first):
    airflow.trigger("second", PARAMETERS)
    assert airflow.ended("second") == "success"
    ran = set(airflow.tasks("second")) - {"prepare", "WarmStartModel"}
    states = {airflow.result("second", name)["state"] for name in ran}
    assert states == {"cached", "resolved"}

    before = airflow.result("second", "ImportSchemaGen")["execution_id"]
    body = {"dry_run": False, "dag_run_id": "second", "task_ids": ["ImportSchemaGen"], "only_failed": False}
    airflow.call("POST", f"/dags/{DAG}/clearTaskInstances", body | {"reset_dag_runs": True})
    assert airflow.ended("second") == "success"
    again = airflow.result("second", "ImportSchemaGen")
    assert again["state"] == "done"
    assert again["execution_id"] > before
    [run] = [run for run in airflow.audit()["runs"] if run["properties"].get("airflow_run_id") == "second"]
    assert run["more than one good attempt"] == []


def test_a_gate_that_only_warns_is_seen_in_log_result_and_event(airflow, first):
    slow = "gates.serving_smoke.max_latency_p95_ms=0.00001"
    airflow.trigger("muted", PARAMETERS | {"gates_that_warn": ["serving_smoke"], "overrides": [slow]})
    assert airflow.ended("muted") == "success"
    assert "rejected, but this gate only warns: max_latency_p95_ms" in airflow.log("muted", "ServingSmoke")
    assert "pushed although rejected by ServingSmoke" in airflow.log("muted", "Pusher")
    assert airflow.result("muted", "Pusher")["figures"]["warned_by"] == ["ServingSmoke"]
    events = airflow.call("GET", "/assets/events?source_run_id=muted&source_task_id=Pusher")["asset_events"]
    assert [event["extra"]["figures"]["warned_by"] for event in events] == [["ServingSmoke"]]


def test_a_new_span_starts_a_run_and_bad_data_fails_it_once(airflow, first):
    """Half a file is copied to a folder whose name is ignored. The run starts when the folder is renamed."""
    shutil.copytree(airflow.data / "span-1", airflow.data / ".span-2")
    part = next((airflow.data / ".span-2").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    time.sleep(3)
    runs = airflow.call("GET", f"/dags/{DAG}/dagRuns?run_type=asset_triggered")["dag_runs"]
    assert runs == []
    (airflow.data / ".span-2").rename(airflow.data / "span-2")
    [run] = wait(
        lambda: airflow.call("GET", f"/dags/{DAG}/dagRuns?run_type=asset_triggered")["dag_runs"], 60, "a run starts"
    )
    run_id = run["dag_run_id"].replace("+", "%2B")
    assert airflow.ended(run_id) == "failed"
    tasks = airflow.tasks(run_id)
    assert airflow.result(run_id, "prepare")["span"] == 2
    assert (tasks["KeypointExampleGen"]["state"], tasks["KeypointExampleGen"]["try_number"]) == ("failed", 1)
    assert tasks["Pusher"]["state"] == "upstream_failed"
    assert "part-00000.parquet" in airflow.log(run_id, "KeypointExampleGen")
    events = [json.loads(line) for line in (airflow.root / "airflow-events.jsonl").read_text().splitlines()]
    noted = {(event["event"], event["task_id"]) for event in events}
    assert {("retry", "StatisticsGen"), ("failure", "KeypointExampleGen")} <= noted


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"span": "latest"}, {"gates_that_warn": ["pusher"]}])
def test_a_wrong_parameter_is_rejected(airflow, wrong):
    with pytest.raises(urllib.error.HTTPError) as rejected:
        airflow.trigger("wrong", wrong)
    assert rejected.value.code == 400
    assert next(iter(wrong)) in rejected.value.read().decode()


def test_an_unknown_parameter_and_a_missing_span_are_named(airflow, first):
    for run_id, parameters, words in (("typo", {"epoch": 1}, "no parameter epoch"), ("gone", {"span": 77}, "span 77")):
        airflow.trigger(run_id, parameters)
        assert airflow.ended(run_id) == "failed"
        assert airflow.tasks(run_id)["prepare"]["try_number"] == 1
        assert words in airflow.log(run_id, "prepare")


_AUDIT = """
import json, sys
from collections import Counter
from pathlib import Path
from pipelines.processes.import_blocker import block_heavy_imports
block_heavy_imports()
from ml_metadata.proto import metadata_store_pb2 as pb
from lineage.store.reader import LineageStore
from pipelines.running.attempts import SUPERSEDED
root = Path(sys.argv[1])
store = LineageStore.of_root(root)
mlmd = store.mlmd
runs = []
for run in store.runs(None):
    executions = store.executions_of(run)
    properties = {e.id: e.custom_properties for e in mlmd.get_executions_by_id([e.id for e in executions])}
    good = Counter(e.node for e in executions if e.succeeded and SUPERSEDED not in properties[e.id])
    tries = {}
    for e in executions:
        tries.setdefault(e.node, []).append([e.state, properties[e.id]["try"].string_value])
    runs.append({
        "name": run.name, "properties": run.properties, "tries": tries,
        "running": [e.node for e in executions if e.state in ("NEW", "RUNNING")],
        "more than one good attempt": [node for node, count in good.items() if count != 1],
    })
live = [a.uri for a in mlmd.get_artifacts() if a.state == pb.Artifact.LIVE]
folders = {str(p) for p in root.glob("artifacts/*/*/*/*") if p.is_dir() and ".system" not in p.parts}
twice = [uri for uri, count in Counter(live).items() if count > 1]
missing = sorted(set(live) - folders) + twice
print(json.dumps({"runs": runs, "orphans": sorted(folders - set(live)), "missing": missing}))
"""
