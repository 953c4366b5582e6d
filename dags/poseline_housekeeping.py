"""The housekeeping DAG: verifies recorded digests and removes payloads that are no longer needed."""

from __future__ import annotations

import datetime

from airflow.sdk import DAG, Param

from poseline_dags import callbacks, settings
from poseline_dags.operator import RunCommand

_DOC = """\
### Housekeeping

- **verify** computes the digests of all live artifacts and pushes again; it fails if one differs from the record.
- **prune** lists the payloads that no kept run, live push or blessed model depends on, and removes them if *remove* is
  set.

Scheduled runs remove nothing. To remove, trigger a run with *remove* while no pipeline is running.
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
    on_failure_callback=callbacks.note_run_failure,
    params={
        "keep": Param(
            20, type="integer", minimum=1, title="Keep", description="Number of recent runs to keep in each pipeline"
        ),
        "remove": Param(False, type="boolean", title="Remove", description="If not set, the payloads are only listed"),
    },
    tags=["poseline"],
) as dag:
    verify = RunCommand(
        task_id="verify",
        pipeline=settings.PIPELINES[0],
        command=["lineage", "verify", "--all", "--json"],
        execution_timeout=datetime.timedelta(hours=2),
        doc_md="Fails if a file differs from the record. To run it by hand: `poseline lineage verify --all`",
    )
    prune = RunCommand(
        task_id="prune",
        pipeline=settings.PIPELINES[0],
        command=[
            *("lineage", "prune", "--json", "--keep", "{{ params.keep }}"),
            "{{ '--yes' if params.remove else '' }}",
        ],
        execution_timeout=datetime.timedelta(hours=2),
        doc_md="Removes payloads only if the parameter *remove* is set.",
    )
    verify >> prune
