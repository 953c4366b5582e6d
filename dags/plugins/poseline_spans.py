"""Airflow plugin for spans: a trigger that fires when a new span arrives, and a timetable that numbers spans by date.

A folder named `span-N` is complete: `poseline data import` writes it under a name that begins with a dot and renames it
at the end. When you copy a span in by hand, do the same.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pendulum
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.simple import AssetTriggeredTimetable
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

_SPAN = re.compile(r"span-(\d+)")
_LATEST = "latest"


def latest_span(folder: Path) -> int:
    """Return the number of the newest complete span; 0 if there is none."""
    folders = [entry for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    names = (_SPAN.fullmatch(entry.name) for entry in folders)
    return max((int(name[1]) for name in names if name), default=0)


class NewSpan(BaseEventTrigger):
    """A trigger that fires when a folder contains a newer span than at the last check.

    The number of the newest known span is stored with the asset in Airflow's database. A span that arrives while the
    triggerer is down is therefore reported when it runs again, and no span is reported twice. Spans that exist at the
    first check are not reported.

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
        while True:
            seen = await self.asset_state_store.aget(_LATEST)
            latest = await asyncio.to_thread(latest_span, Path(self.folder))
            if seen is None or latest > int(seen):
                await self.asset_state_store.aset(_LATEST, latest)
                if seen is not None:
                    yield TriggerEvent({"span": latest, "folder": self.folder})
            await asyncio.sleep(self.seconds)


class SpanTimetable(AssetTriggeredTimetable):
    """A timetable that starts a run when a span arrives, and in backfills maps day N after 1970-01-01 to span N.

    TFX numbers spans by date in the same way. The clock starts no run, unless the DAG has catch-up enabled: then there
    is one run for each day since its start date.
    """

    description = "runs when a new span arrives; in backfills, day N after 1970-01-01 is span N"
    periodic = True

    @property
    def summary(self) -> str:
        """Return the text in the schedule column."""
        return "New span"

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next day, if the DAG has catch-up enabled; otherwise None."""
        if not restriction.catchup or restriction.earliest is None:
            return None
        if last_automated_data_interval:
            day = last_automated_data_interval.start.add(days=1)
        else:
            day = restriction.earliest.start_of("day")
            day = day if day == restriction.earliest else day.add(days=1)
        if restriction.latest is not None and day > restriction.latest:
            return None
        return DagRunInfo(run_after=pendulum.instance(day), data_interval=DataInterval.exact(pendulum.instance(day)))


class PoselinePlugin(AirflowPlugin):
    """Registration of the timetable with the scheduler."""

    name = "poseline"
    timetables = [SpanTimetable]  # noqa: RUF012
