"""Callbacks that log each success, failure and retry as a line of JSON; replace them to send mail or page somebody."""

from __future__ import annotations

import datetime
import json
from typing import Any

from poseline_dags import settings


def note_success(context: Any) -> None:
    """Log that a DAG run or a task succeeded."""
    _note("success", context)


def note_failure(context: Any) -> None:
    """Log that a DAG run or a task failed and is not retried."""
    _note("failure", context)


def note_retry(context: Any) -> None:
    """Log that a task failed and will be retried."""
    _note("retry", context)


def _note(event: str, context: Any) -> None:
    dag_run, ti, error = context.get("dag_run"), context.get("ti"), context.get("exception") or context.get("reason")
    entry = {
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "event": event,
        "dag_id": dag_run.dag_id if dag_run else None,
        "run_id": dag_run.run_id if dag_run else None,
        "task_id": ti.task_id if ti else None,
        "try_number": ti.try_number if ti else None,
        "error": str(error) if error and event != "success" else None,
    }
    settings.EVENTS.parent.mkdir(parents=True, exist_ok=True)
    with settings.EVENTS.open("a", encoding="utf-8") as file:
        # One write for each line, so that lines of several tasks do not mix.
        file.write(json.dumps(entry) + "\n")
