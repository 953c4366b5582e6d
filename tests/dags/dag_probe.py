"""Program for Airflow's interpreter: parses the DAG file, collects facts about it, and prints them as JSON."""

import importlib
import json
import logging
import runpy
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pendulum
from airflow.sdk.exceptions import AirflowException, ParamValidationError
from airflow.timetables.base import TimeRestriction

import poseline_spans

HEAVY = ("tfx", "tensorflow", "apache_beam", "ml_metadata")
WRONG = {
    "epochs below the bound": {"epochs": 0},
    "epochs of another type": {"epochs": "ten"},
    "unknown split": {"split": "at random"},
    "negative span": {"span": -1},
    "unknown gate": {"gates_that_warn": ["pusher"]},
    "text for a switch": {"warm_start": "yes"},
    "no key and value": {"overrides": ["no equals sign"]},
}
HOSTILE = "\x1b]0;owned\x07\x9b\u202e<script> می\u200cخواهم"
ZONES = ["UTC", "Asia/Shanghai", "America/New_York", "Pacific/Honolulu", "Pacific/Auckland", "Asia/Kathmandu"]
RUN_IDS = ["manual__2026-11-23T02:10:40.123456+00:00", "../../etc", "x" * 250, "a/b c\nd", "."]

# The dag-processor has loaded these modules before it parses a DAG; Airflow itself imports them with the first DAG.
for name in ("serialization.serialized_objects", "timetables.simple", "triggers.base", "sdk.definitions.asset"):
    importlib.import_module(f"airflow.{name}")

facts = {}
begin, cpu = time.perf_counter(), time.process_time()
dag = runpy.run_path(sys.argv[1])["poseline_baduanjin"]
facts["parse"] = {"wall": time.perf_counter() - begin, "cpu": time.process_time() - cpu}
facts["heavy modules"] = [name for name in sys.modules if name.partition(".")[0] in HEAVY]

from poseline_dags import settings  # noqa: E402
from poseline_dags.dag_manifest import UnusableManifestError, read_dag_manifest  # noqa: E402
from poseline_dags.operator import _overrides, metadata_run_id  # noqa: E402
from poseline_dags.process import ExitCode, PoselineProcess  # noqa: E402
from poseline_spans import SpanTimetable, latest_span  # noqa: E402

facts["tasks"] = {
    task.task_id: {
        "upstream": sorted(task.upstream_task_ids),
        "group": task.task_group.group_id,
        "pool": task.pool,
        "doc": task.doc_md,
        "retries": task.retries,
        "backoff": bool(task.retry_exponential_backoff),
        "timeout": task.execution_timeout.total_seconds(),
        "rule": task.trigger_rule,
        "announces": announced.name if (announced := getattr(task, "announces", None)) else None,
    }
    for task in dag.tasks
}
facts["dag"] = {
    "runs": dag.max_active_runs,
    "catchup": dag.catchup,
    "on failure": dag.has_on_failure_callback,
    "on success": dag.has_on_success_callback,
}


def refusal(name: str, value: object) -> str | None:
    try:
        dag.params.get_param(name).resolve(value)
    except ParamValidationError as error:
        return str(error)
    return None


facts["refused"] = {what: refusal(*next(iter(wrong.items()))) for what, wrong in WRONG.items()}
dag.params.validate()
manifest = read_dag_manifest(settings.manifest_file("baduanjin"), "baduanjin")
values = dag.params.dump()
facts["overrides"] = [
    _overrides(manifest, values),
    _overrides(manifest, values | {"epochs": 3, "gates_that_warn": ["evaluator"], "overrides": ["training.seed=1"]}),
]


def unusable(content: str | None) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "baduanjin.json"
        if content is not None:
            file.write_text(content)
        try:
            read_dag_manifest(file, "baduanjin")
        except UnusableManifestError as error:
            return str(error)
    return None


facts["unusable"] = {str(content): unusable(content) for content in (None, "{", "[]", '{"format": 1}')}

root, settings.ROOT = settings.ROOT, Path("/nowhere")
try:
    runpy.run_path(sys.argv[1])
except UnusableManifestError as error:
    facts["without a manifest"] = str(error)
settings.ROOT = root


def spans(zone: str, default: str = "UTC", *, catchup: bool = True) -> list[list]:
    """Return the partition keys of a backfill whose dates were written in a time zone; Airflow has a default one."""
    poseline_spans.TIMEZONE = pendulum.timezone(default)
    first, last = (pendulum.datetime(1970, 1, day, tz=zone) for day in (2, 4))
    if zone != default:
        first, last = first.in_timezone("UTC"), last.in_timezone("UTC")  # as a browser sends them
    restriction = TimeRestriction(first, last, catchup)
    info, found = None, []
    while info := SpanTimetable([]).next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction):
        found.append([info.partition_key, info.partition_date.isoformat(), info.logical_date])
    return found


facts["spans"] = {f"{zone}, {default}": spans(zone, default) for zone in ZONES for default in ZONES}
facts["spans by time alone"] = spans("UTC", catchup=False)
with tempfile.TemporaryDirectory() as folder:
    for name in ("span-2", "span-10", ".span-11-x", "span-12.part", "span-x"):
        (Path(folder) / name).mkdir()
    (Path(folder) / "span-99").write_text("a file")
    facts["latest spans"] = [latest_span(Path(folder)), latest_span(Path("/nowhere"))]
facts["run ids"] = [metadata_run_id("baduanjin", "dag", run_id) for run_id in RUN_IDS]
facts["run ids"] += [metadata_run_id("baduanjin", "dag", run_id + "!") for run_id in RUN_IDS]


def outcome(python: str, *arguments: str) -> list[str]:
    try:
        PoselineProcess(python, manifest.project, logging.getLogger()).run([*arguments, "--root", str(root)])
    except AirflowException as error:
        return [type(error).__name__, str(error)]
    return []


node = ("node", "Nonsense", "--plan", str(manifest.file), "--run-id", "r")
facts["wrong input"] = outcome(manifest.python, *node)
facts["no environment"] = outcome("/nowhere/bin/python", "runs")
# Airflow's interpreter lacks the pipeline's packages: the process ends with 1, as if a gate had rejected.
facts["damaged environment"] = outcome(sys.executable, "runs")


def listened(log: logging.Logger, logged: list[str]) -> logging.Logger:
    """Return a logger after adding to a list all that it will be given, each with its level."""
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = logging.Handler()
    handler.emit = lambda record: logged.append(f"{record.levelname} {record.getMessage()}")
    log.addHandler(handler)
    return log


def logged_verdicts() -> list[str]:
    """Return what a task logs of a verdict that passed, lacks data, is rejected by a gate that warns, is rejected."""
    logged: list[str] = []
    log = listened(logging.getLogger("of a task"), logged)
    operator = type(dag.get_task("SessionEvaluator"))
    verdict = {"direction": "min", "threshold": 0.5, "unit": "share", "detail": "", "passed": False, "figure": 0.4}
    verdicts = [
        verdict | {"gate": "min_form_auc", "passed": True},
        verdict | {"gate": "min_edit", "figure": None, "lacks_data": True, "detail": "no session"},
        verdict | {"gate": "min_f1_10", "lacks_data": False},
        verdict | {"gate": "min_f1_50"},
    ]
    operator._log_verdicts(SimpleNamespace(log=log), {"verdicts": verdicts, "warned": ["min_f1_10"]})
    return logged


facts["logged verdicts"] = logged_verdicts()


def said_by_a_program() -> dict:
    """Return what is logged and returned of a program in place of `poseline` that tries to control the terminal."""
    logged: list[str] = []
    log = listened(logging.getLogger("of a program"), logged)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "python"
        result = json.dumps({"reason": HOSTILE, "outputs": [{"uri": HOSTILE}]})
        program.write_text(
            f"#!/bin/sh\ncat >&2 <<'END'\n{HOSTILE}\nEND\ncat <<'END'\n{result}\nEND\n", encoding="utf-8"
        )
        program.chmod(0o755)
        returned = PoselineProcess(str(program), folder, log).run(["node", f"a b{HOSTILE}"])
    return {"log": logged, "result": returned}


facts["said by a program"] = said_by_a_program()
facts["exit codes"] = {code.name: code.value for code in ExitCode}
print(json.dumps(facts))
