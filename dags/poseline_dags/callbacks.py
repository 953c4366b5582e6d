"""Callbacks that log each success, failure and retry as a line of JSON; replace them to send mail or page somebody."""

from __future__ import annotations

import datetime
import json
from typing import Any

from poseline_dags import settings


def note_success(context: Any) -> None:
    """Log that a task succeeded."""
    _note("success", context, context["ti"])


def note_failure(context: Any) -> None:
    """Log that a task failed and is not retried."""
    _note("failure", context, context["ti"])


def note_retry(context: Any) -> None:
    """Log that a task failed and will be retried."""
    _note("retry", context, context["ti"])


def note_run_success(context: Any) -> None:
    """Log that a DAG run succeeded."""
    _note("success", context)


def note_run_failure(context: Any) -> None:
    """Log that a DAG run failed."""
    _note("failure", context)


def _note(event: str, context: Any, ti: Any = None) -> None:
    """Append a line; `ti` is the task instance that it is about, None for a whole run."""
    dag_run, error = context.get("dag_run"), context.get("exception") or context.get("reason")
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
