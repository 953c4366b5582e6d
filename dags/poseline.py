"""Airflow DAGs, one for each pipeline, built from its DAG manifest: one task for each node of the graph."""

from __future__ import annotations

import datetime
from typing import Any

from airflow.sdk import DAG, Asset, AssetAlias, AssetWatcher, Param, TaskGroup

from poseline_dags import callbacks, settings
from poseline_dags.dag_manifest import DagManifest, Node, read_dag_manifest
from poseline_dags.operator import PrepareRun, RunNode
from poseline_spans import SPAN_ORIGIN, NewSpan, SpanTimetable

_LIGHT, _HEAVY, _TRAINING = (datetime.timedelta(hours=hours) for hours in (0.5, 4, 24))
_ANNOUNCED_BY_NODE = {"Evaluator": "blessed model", "Pusher": "pushed bundle"}
_TASK_DEFAULTS: dict[str, Any] = {
    "retries": settings.RETRIES,
    "retry_delay": settings.RETRY_DELAY,
    "retry_exponential_backoff": True,
    "max_retry_delay": datetime.timedelta(minutes=30),
    "trigger_rule": "none_failed",
    "on_success_callback": callbacks.note_success,
    "on_failure_callback": callbacks.note_failure,
    "on_retry_callback": callbacks.note_retry,
}

_DOC = """\
### {title}

Each task runs the node of the TFX graph that has its name, with the same code, caches and lineage as `poseline run`.

- **Trigger**: the form checks every parameter. If you give no span, the run uses the latest one.
- **New data**: a new `span-N` folder under `{data}` starts a run.
- **Backfill**: day N after 1970-01-01 is span N, the partition key of its run. Run one at a time, so that each model is
  compared with the one before.
- **Clear**: clear a green task to run its node again, a red task to continue. Rejections by a gate and wrong input are
  not retried.
- **XCom** `return_value` of each task: state, artifact ids and URIs, figures. For lineage, use `poseline lineage`.
"""


def asset(pipeline: str, what: str, **more: Any) -> Asset:
    """Return an asset of a pipeline.

    Args:
        pipeline: name of the pipeline.
        what: `keypoint span`, `blessed model` or `pushed bundle`.
        more: further arguments of Asset.
    """
    uri = f"poseline://{pipeline}/{what.replace(' ', '-')}"
    return Asset(name=f"{pipeline} {what}", uri=uri, group="poseline", **more)


def build(pipeline: str) -> DAG:
    """Build the DAG of a pipeline.

    Raises:
        UnusableManifestError: there is no usable manifest. Airflow shows this as an import error, and keeps the DAG as
            it was: tasks, watcher, and the events that will start a run when the manifest is usable again.
    """
    manifest = read_dag_manifest(settings.manifest_file(pipeline), pipeline)
    watchers = [AssetWatcher(f"{pipeline} new span", NewSpan(manifest.data, settings.WATCH_SECONDS))]
    span = asset(pipeline, "keypoint span", watchers=watchers if manifest.data else [])
    with DAG(
        f"poseline_{pipeline}",
        description=manifest.description,
        doc_md=_DOC.format(title=manifest.description or pipeline, data=manifest.data),
        schedule=SpanTimetable(span),
        start_date=SPAN_ORIGIN,
        catchup=False,
        max_active_runs=1,
        params=_params(manifest),
        default_args=_TASK_DEFAULTS,
        on_success_callback=callbacks.note_run_success,
        on_failure_callback=callbacks.note_run_failure,
        tags=["poseline"],
    ) as dag:
        prepare = PrepareRun(
            task_id="prepare",
            pipeline=pipeline,
            execution_timeout=_LIGHT,
            doc_md="Compiles the graph with the parameters of this run, fixes its span, registers it in ML Metadata.",
        )
        groups: dict[str, TaskGroup] = {}
        tasks: dict[str, RunNode] = {}
        for node in manifest.nodes:
            if node.group not in groups:
                groups[node.group] = TaskGroup(node.group, prefix_group_id=False)
            tasks[node.id] = _task(node, manifest, groups[node.group])
            tasks[node.id].set_upstream([tasks[name] for name in node.upstream] or [prepare])
    return dag


def _task(node: Node, manifest: DagManifest, group: TaskGroup) -> RunNode:
    announced = _ANNOUNCED_BY_NODE.get(node.id)
    return RunNode(
        task_id=node.id,
        task_group=group,
        pipeline=manifest.pipeline,
        node=node.id,
        pool=settings.HEAVY_POOL if node.heavy else "default_pool",
        execution_timeout=_TRAINING if node.group == "train" else _HEAVY if node.heavy else _LIGHT,
        outlets=[AssetAlias(f"{manifest.pipeline} {announced}, new")] if announced else [],
        announces=asset(manifest.pipeline, announced) if announced else None,
        doc_md=f"**{node.id}**: {node.doc}\n\n"
        f"To run it by hand: `poseline node {node.id} --plan FILE --run-id ID`; the log has the full command.",
    )


def _params(manifest: DagManifest) -> dict[str, Param]:
    params = {
        "span": Param(
            None,
            type=["null", "integer"],
            minimum=0,
            title="Span",
            description="Number of the span; if empty, the latest span",
        ),
        "no_cache": Param(
            False, type="boolean", title="No cache", description="Run every node, even if its result is cached"
        ),
        "overrides": Param(
            [],
            type=["null", "array"],
            items={"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_.]*=.+$"},
            title="More settings",
            description="One key=value in each line; `poseline config` prints the keys",
        ),
    }
    for parameter in manifest.parameters:
        schema = dict(parameter["schema"])
        schema["title"] = parameter["name"].replace("_", " ").capitalize()
        if schema.get("type") == "array":  # Airflow's form shows a multiple choice, and sends null if nothing is chosen
            schema |= {"type": ["null", "array"], "examples": schema["items"]["enum"]}
        params[parameter["name"]] = Param(schema.pop("default"), **schema)
    return params


for _pipeline in settings.PIPELINES:
    globals()[f"poseline_{_pipeline}"] = build(_pipeline)
