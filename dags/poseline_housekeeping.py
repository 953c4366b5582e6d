"""Looks after a root: are all files still what was recorded, and which payloads does nothing need any more."""

from __future__ import annotations

import datetime

from airflow.sdk import DAG, Param

from poseline_dags import callbacks, settings
from poseline_dags.operator import RunCommand

_DOC = """\
### Housekeeping

- **verify** recomputes the digests of all live artifacts and pushes; it fails if one is not as recorded.
- **prune** says which payloads no kept run, live push or blessed model stands on, and removes them if *remove* is set.

Scheduled runs only look. Trigger one with *remove* while no pipeline runs.
"""

with DAG(
    "poseline_housekeeping",
    description="verify digests, prune payloads",
    doc_md=_DOC,
    schedule="@weekly",
    is_paused_upon_creation=True,
    start_date=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": settings.RETRY_DELAY, "on_failure_callback": callbacks.note_failure},
    on_failure_callback=callbacks.note_failure,
    params={
        "keep": Param(20, type="integer", minimum=1, title="Keep", description="newest runs of each pipeline"),
        "remove": Param(False, type="boolean", title="Remove", description="otherwise it is only said what would go"),
    },
    tags=["poseline"],
) as dag:
    verify = RunCommand(
        task_id="verify",
        pipeline=settings.PIPELINES[0],
        command=["lineage", "verify", "--all", "--json"],
        execution_timeout=datetime.timedelta(hours=2),
        doc_md="Fails if a file is not what was recorded; `poseline lineage verify --all` by hand.",
    )
    prune = RunCommand(
        task_id="prune",
        pipeline=settings.PIPELINES[0],
        command=[
            *("lineage", "prune", "--json", "--keep", "{{ params.keep }}"),
            "{{ '--yes' if params.remove else '' }}",
        ],
        execution_timeout=datetime.timedelta(hours=2),
        doc_md="Removes nothing unless the run's parameter *remove* is set.",
    )
    verify >> prune
