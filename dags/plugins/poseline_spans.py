"""Airflow plugin for spans: a trigger that fires when a new span arrives, and a timetable that numbers spans by date.

A folder named `span-N` is complete: `poseline data import` writes it under a name that begins with a dot and renames it
at the end. When you copy a span in by hand, do the same.
"""

from __future__ import annotations

import asyncio
import datetime
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pendulum
from airflow.plugins_manager import AirflowPlugin
from airflow.settings import TIMEZONE
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.simple import AssetTriggeredTimetable
from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from airflow.utils.types import DagRunType

_SPAN = re.compile(r"span-(\d+)")
_LATEST = "latest"

SPAN_ORIGIN = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
"""Day that stands for span 0 in backfills."""


def latest_span(folder: Path) -> int:
    """Return the number of the newest complete span; 0 if there is none."""
    folders = [entry for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    names = (_SPAN.fullmatch(entry.name) for entry in folders)
    return max((int(name[1]) for name in names if name), default=0)


class NewSpan(BaseEventTrigger):
    """A trigger that fires when a folder contains a newer span than at the last check.

    The number of the newest known span is stored with the asset in Airflow's database. A span that arrives while the
    triggerer is down is therefore reported when it runs again. A span is known one check after its report, so none is
    lost if the triggerer is killed between the two; its report is then repeated, and the second run finds everything
    cached. Spans that exist at the first check are not reported.

    Args:
        folder: folder with the span-N folders.
        seconds: seconds between two checks.
    """

    def __init__(self, folder: str, seconds: float = 30.0) -> None:
        super().__init__()
        self.folder, self.seconds = folder, seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, from which Airflow creates this trigger in the triggerer."""
        return "poseline_spans.NewSpan", {"folder": self.folder, "seconds": self.seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check the folder again and again; yield an event for each newer span."""
        assert self.asset_state_store is not None, "NewSpan works only inside an AssetWatcher"
        reported = None
        while True:
            seen = await self.asset_state_store.aget(_LATEST)
            latest = await asyncio.to_thread(latest_span, Path(self.folder))
            if seen is not None and latest > int(seen) and latest != reported:
                yield TriggerEvent({"span": latest, "folder": self.folder})
                reported = latest  # known only at the next check: Airflow stores the event after it was yielded
            elif seen is None or latest > int(seen):
                await self.asset_state_store.aset(_LATEST, latest)
            await asyncio.sleep(self.seconds)


class SpanRun(DagRunInfo):
    """A run of a backfill: its partition key is the number of its span, and it has no date."""

    @property
    def logical_date(self) -> None:
        """Return None: two runs for one span must not claim the same date."""
        return


class SpanTimetable(AssetTriggeredTimetable):
    """A timetable that starts a run when a span arrives, and in backfills maps day N after 1970-01-01 to span N.

    TFX numbers spans by date in the same way. A backfill has dates as its bounds because Airflow asks for dates; its
    runs have the number of their span as partition key. Whoever triggers a run may state that key as well. The clock
    starts no run.
    """

    description = "runs when a new span arrives; in backfills, day N after 1970-01-01 is span N"
    periodic = True
    partitioned_at_runtime = True  # accepts partition keys, although no asset event carries one

    @property
    def summary(self) -> str:
        """Return the text in the schedule column."""
        return "New span"

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next run of a backfill, which alone asks with `catchup` and two bounds; otherwise None."""
        if not restriction.catchup or restriction.earliest is None or restriction.latest is None:
            return None
        span = int(last_dagrun_info.partition_key or 0) + 1 if last_dagrun_info else span_of(restriction.earliest)
        if span > span_of(restriction.latest):
            return None
        day = pendulum.instance(SPAN_ORIGIN).add(days=span)
        # Airflow drops runs without an interval in the past, and finds earlier runs for a partition by its date.
        return SpanRun(pendulum.now("UTC"), DataInterval.exact(day), partition_date=day, partition_key=str(span))

    def generate_run_id(self, *, run_type: DagRunType, run_after: pendulum.DateTime, **more: Any) -> str:
        """Return a run id; that of a backfill has the number of the span in place of a date."""
        if span := more.pop("partition_key", None):
            return run_type.generate_run_id(suffix=f"span-{span}__{run_after.isoformat()}")
        return super().generate_run_id(run_type=run_type, run_after=run_after, **more)


def span_of(bound: datetime.datetime) -> int:
    """Return the span that a bound of a backfill stands for: the number of its date, whoever wrote it where.

    A date reaches a timetable as midnight in the time zone of the request, of Airflow or of somebody's browser. Only
    the last is unknown; the nearest date is right from Hawaii (UTC-10) to Tonga (UTC+13).
    """
    for moment in (bound, bound.astimezone(TIMEZONE)):
        if moment.time() == datetime.time():
            return (moment.date() - SPAN_ORIGIN.date()).days
    return (bound + datetime.timedelta(hours=13.5) - SPAN_ORIGIN).days


class PoselinePlugin(AirflowPlugin):
    """Registration of the timetable with the scheduler."""

    name = "poseline"
    timetables = [SpanTimetable]  # noqa: RUF012
