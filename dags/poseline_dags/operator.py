"""Airflow operators: one prepares a run, one runs a node, one runs another `poseline` command."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from typing import Any

from airflow.sdk import Asset, BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from poseline_dags import settings
from poseline_dags.dag_manifest import DagManifest, UnusableManifestError, read_dag_manifest
from poseline_dags.process import PoselineProcess, visible

_LOGGED_CHARACTERS = 20_000


def metadata_run_id(pipeline: str, dag_id: str, run_id: str) -> str:
    """Return the id in ML Metadata of an Airflow run.

    The id begins with the pipeline's name, contains a readable part of Airflow's id, and is a valid file name.
    """
    readable = re.sub(r"[^A-Za-z0-9_.]+", "-", run_id)[:80].strip("-.")
    return f"{pipeline}-{readable}-{hashlib.sha256(f'{dag_id}/{run_id}'.encode()).hexdigest()[:8]}"


class _PoselineTask(BaseOperator):
    """A task that runs a `poseline` command."""

    ui_color = "#e8f4f0"

    def __init__(self, *, pipeline: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.pipeline = pipeline
        self._process: PoselineProcess | None = None

    def on_kill(self) -> None:
        """End the command and all its child processes, because Airflow ends the task."""
        if self._process:
            self._process.end()

    def _run(self, manifest: DagManifest, *arguments: str) -> dict[str, Any]:
        self._process = PoselineProcess(manifest.python, manifest.project, self.log)
        return self._process.run([*arguments, "--root", str(settings.ROOT)])

    def _manifest(self) -> DagManifest:
        try:
            return read_dag_manifest(settings.manifest_file(self.pipeline), self.pipeline)
        except UnusableManifestError as error:
            raise AirflowFailException(str(error)) from error


class PrepareRun(_PoselineTask):
    """An operator that compiles the graph for a run, fixes its span, and registers it in ML Metadata."""

    def execute(self, context: Any) -> dict[str, Any]:
        """Prepare the run; return its id in ML Metadata, its span and its overrides."""
        manifest, dag_run, parameters = self._manifest(), context["dag_run"], context["params"]
        if unknown := sorted(set(dag_run.conf or {}) - set(self.dag.params)):  # Airflow itself lets them pass
            names = visible(", ".join(unknown))
            raise AirflowFailException(f"no parameter {names}; there are: {', '.join(self.dag.params)}")
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
    """An operator that runs one node of the graph or takes its result from the cache.

    Args:
        node: id of the node.
        announces: asset that gets an event when the node blesses a model or pushes a bundle.
        arguments: arguments of BaseOperator.
    """

    def __init__(self, *, node: str, announces: Asset | None = None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.node, self.announces = node, announces

    def execute(self, context: Any) -> dict[str, Any]:
        """Run the node; return its state, the ids and URIs of its artifacts, and its figures."""
        dag_run, ti = context["dag_run"], context["ti"]
        run_id = metadata_run_id(self.pipeline, dag_run.dag_id, dag_run.run_id)
        # When a user clears a task, Airflow raises its `max_tries` by the number of tries so far; a retry does not.
        # The difference therefore shows whether a user asked to run the node again, past the cache.
        cleared = max(0, ti.max_tries - (self.retries or 0))
        result = self._run(
            self._manifest(),
            *("node", self.node, "--run-id", run_id, "--plan", str(settings.ROOT / "plans" / f"{run_id}.json")),
            *("--try", str(ti.try_number), "--cleared", str(cleared), "--with-parent"),
        )
        self.log.info("%s %s in %s s: %s", self.node, result["state"], result["seconds"], result["reason"] or "-")
        self._log_verdicts(result["figures"])
        for output in result["outputs"]:
            self.log.info("artifact %s (%s %s): %s", output["id"], output["type"], output["key"], output["uri"])
        self.log.info("lineage: poseline lineage run %s --root %s", run_id, shlex.quote(str(settings.ROOT)))
        self._announce(context, result)
        return {name: value for name, value in result.items() if name != "error"}

    def _log_verdicts(self, figures: dict[str, Any]) -> None:
        """Log each verdict of a gate: as an error if it rejected the model, as a warning if it only warns."""
        for verdict in figures.get("verdicts", ()):
            words = "at least" if verdict["direction"] == "min" else "at most"
            limit = "no limit" if verdict["threshold"] is None else f"{words} {verdict['threshold']}"
            facts = [verdict["gate"], verdict["figure"], limit, verdict["unit"], verdict["detail"] or "-"]
            if verdict["passed"]:
                self.log.info("passed: %s %s (%s %s): %s", *facts)
            elif verdict.get("lacks_data"):
                self.log.info("not measured: %s: %s", verdict["gate"], verdict["detail"] or "-")
            elif verdict["gate"] in figures.get("warned", ()):
                self.log.warning("rejected, but this gate only warns: %s %s (%s %s): %s", *facts)
            else:
                self.log.error("rejected: %s %s (%s %s): %s", *facts)
        if gates := figures.get("warned_by"):
            self.log.warning("pushed although rejected by %s, which only warns", " and ".join(gates))

    def _announce(self, context: Any, result: dict[str, Any]) -> None:
        """Add an event to the asset if this run made a new blessed model or pushed bundle."""
        if self.announces is None or result["state"] != "done":
            return
        for output in result["outputs"]:
            if any(output["properties"].get(name) == 1 for name in ("blessed", "pushed")):
                facts = {name: result[name] for name in ("run_id", "figures")} | {"artifact": output}
                context["outlet_events"][self.outlets[0]].add(self.announces, extra=facts)


class RunCommand(_PoselineTask):
    """An operator that runs any `poseline` command that prints JSON, and logs what it printed.

    Args:
        command: arguments of `poseline`; Airflow fills in templates, and empty arguments are left out.
        arguments: arguments of BaseOperator.
    """

    template_fields = ("command",)

    def __init__(self, *, command: list[str], **arguments: Any) -> None:
        super().__init__(**arguments)
        self.command = command

    def execute(self, context: Any) -> None:
        """Run the command."""
        del context
        found = self._run(self._manifest(), *filter(None, self.command))
        for line in json.dumps(found, indent=1)[:_LOGGED_CHARACTERS].splitlines():
            self.log.info("%s", line)


def _span(context: Any) -> int | None:
    """Return the span of a run from its parameter, its partition key or its event; None means the latest."""
    if (span := context["params"].get("span")) is not None:
        return int(span)
    if (key := context["dag_run"].partition_key) is not None:
        if not re.fullmatch(r"\d{1,9}", key):
            raise AirflowFailException(f"the partition key must be the number of a span, and is {visible(key)!r}")
        return int(key)
    events = [event for found in (context.get("triggering_asset_events") or {}).values() for event in found]
    spans = [event.extra["payload"]["span"] for event in events if "payload" in (event.extra or {})]
    return max(spans, default=None)


def _overrides(manifest: DagManifest, parameters: Any) -> list[str]:
    """Return the configuration settings that the parameters of a run change, each as `key=value`."""
    overrides = [
        f"{parameter['key']}={json.dumps(parameters[parameter['name']])}"
        for parameter in manifest.parameters
        if parameters[parameter["name"]] not in (None, parameter["schema"]["default"])
    ]
    return [*overrides, *(parameters.get("overrides") or ())]
