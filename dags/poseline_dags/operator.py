"""The tasks of a pipeline's DAG: one prepares the run, the others run a node each."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from typing import Any

from airflow.sdk import Asset, BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from poseline_dags import settings
from poseline_dags.dag_manifest import Manifest, UnusableManifestError, read_manifest
from poseline_dags.process import PoselineProcess

SPAN_ORIGIN = datetime.date(1970, 1, 1)
_BY_DATE = ("backfill", "scheduled")
_LOGGED = 20_000


def metadata_run_id(pipeline: str, dag_id: str, run_id: str) -> str:
    """Name of an Airflow run in ML Metadata: it sorts under the pipeline, tells its origin, and may name a file."""
    readable = re.sub(r"[^A-Za-z0-9_.]+", "-", run_id)[:80].strip("-.")
    return f"{pipeline}-{readable}-{hashlib.sha256(f'{dag_id}/{run_id}'.encode()).hexdigest()[:8]}"


class _PoselineTask(BaseOperator):
    """A task that is a `poseline` command."""

    ui_color = "#e8f4f0"

    def __init__(self, *, pipeline: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.pipeline = pipeline
        self._process: PoselineProcess | None = None

    def on_kill(self) -> None:
        """Airflow wants the task gone: nothing of it survives."""
        if self._process:
            self._process.end()

    def _run(self, manifest: Manifest, *arguments: str) -> dict[str, Any]:
        self._process = PoselineProcess(manifest.python, manifest.project, self.log)
        return self._process.run([*arguments, "--root", str(settings.ROOT)])

    def _manifest(self) -> Manifest:
        try:
            return read_manifest(settings.manifest_file(self.pipeline), self.pipeline)
        except UnusableManifestError as error:
            raise AirflowFailException(str(error)) from error


class PrepareRun(_PoselineTask):
    """Compiles the graph with this run's parameters, pins its data, and puts the run into ML Metadata."""

    def execute(self, context: Any) -> dict[str, Any]:
        """See BaseOperator; returns the run's id in ML Metadata, its span and overrides."""
        manifest, dag_run, parameters = self._manifest(), context["dag_run"], context["params"]
        if unknown := sorted(set(dag_run.conf or {}) - set(self.dag.params)):  # Airflow itself lets them pass
            raise AirflowFailException(f"no parameter {', '.join(unknown)}; there are: {', '.join(self.dag.params)}")
        arguments = [
            "prepare",
            "--manifest",
            str(manifest.file),
            "--run-id",
            metadata_run_id(self.pipeline, dag_run.dag_id, dag_run.run_id),
        ]
        facts = {"dag_id": dag_run.dag_id, "airflow_run_id": dag_run.run_id, "airflow_try": context["ti"].try_number}
        for name, value in facts.items():
            arguments += ["--fact", f"{name}={value}"]
        if (span := _span(context)) is not None:
            arguments += ["--span", str(span)]
        if parameters.get("no_cache"):
            arguments.append("--no-cache")
        for override in _overrides(manifest, parameters):
            arguments += ["--set", override]
        return self._run(manifest, *arguments)


class RunNode(_PoselineTask):
    """Runs one node of the graph, or finds its result in the cache."""

    def __init__(self, *, node: str, announces: Asset | None = None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.node, self.announces = node, announces

    def execute(self, context: Any) -> dict[str, Any]:
        """See BaseOperator; returns state, artifacts (ids and places) and figures of the node, never data."""
        dag_run, ti = context["dag_run"], context["ti"]
        run_id = metadata_run_id(self.pipeline, dag_run.dag_id, dag_run.run_id)
        # Clearing a task raises its `max_tries` by the tries that it has had; retries leave it alone. What ended well
        # before the user cleared it is therefore run again, what was merely retried is not.
        cleared = max(0, ti.max_tries - (self.retries or 0))
        result = self._run(
            self._manifest(),
            *("node", self.node, "--run-id", run_id, "--plan", str(settings.ROOT / "plans" / f"{run_id}.json")),
            *("--try", str(ti.try_number), "--cleared", str(cleared), "--with-parent"),
        )
        self.log.info("%s %s in %s s: %s", self.node, result["state"], result["seconds"], result["reason"] or "-")
        for output in result["outputs"]:
            self.log.info("artifact %s (%s %s): %s", output["id"], output["type"], output["key"], output["uri"])
        self.log.info("lineage: poseline lineage run %s --root %s", run_id, settings.ROOT)
        self._announce(context, result)
        return {name: value for name, value in result.items() if name != "error"}

    def _announce(self, context: Any, result: dict[str, Any]) -> None:
        """Tells whoever waits for a blessed model or a pushed bundle, if this run made a new one."""
        if self.announces is None or result["state"] != "done":
            return
        for output in result["outputs"]:
            if any(output["properties"].get(name) == 1 for name in ("blessed", "pushed")):
                facts = {name: result[name] for name in ("run_id", "figures")} | {"artifact": output}
                context["outlet_events"][self.outlets[0]].add(self.announces, extra=facts)


class RunCommand(_PoselineTask):
    """Runs another `poseline` command that prints JSON; what it found is in the task's log."""

    template_fields = ("command",)

    def __init__(self, *, command: list[str], **arguments: Any) -> None:
        super().__init__(**arguments)
        self.command = command

    def execute(self, context: Any) -> None:
        """See BaseOperator."""
        del context
        found = self._run(self._manifest(), *filter(None, self.command))
        for line in json.dumps(found, indent=1)[:_LOGGED].splitlines():
            self.log.info("%s", line)


def _span(context: Any) -> int | None:
    """The span that a run is for: its parameter, the new span that started it, or the date that it stands for."""
    if (span := context["params"].get("span")) is not None:
        return int(span)
    events = [event for found in (context.get("triggering_asset_events") or {}).values() for event in found]
    spans = [event.extra["payload"]["span"] for event in events if "payload" in (event.extra or {})]
    if spans:
        return max(spans)
    if context["dag_run"].run_type in _BY_DATE:
        return (context["dag_run"].logical_date.date() - SPAN_ORIGIN).days
    return None


def _overrides(manifest: Manifest, parameters: Any) -> list[str]:
    """Configuration keys that a run's parameters change."""
    overrides = [
        f"{parameter['key']}={json.dumps(parameters[parameter['name']])}"
        for parameter in manifest.parameters
        if parameters[parameter["name"]] not in (None, parameter["schema"]["default"])
    ]
    return [*overrides, *(parameters.get("overrides") or ())]
