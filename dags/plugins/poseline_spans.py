"""New spans, as Airflow sees them: a trigger that notices one, and a timetable that counts them by date.

A span folder is complete when it has its name: `poseline data import` writes it beside its place, under a name that
begins with a dot, and renames it. That rename is the ready marker; whoever copies spans in by hand does the same.
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
    """Number of the newest complete span; 0 if there is none."""
    folders = [entry for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    names = (_SPAN.fullmatch(entry.name) for entry in folders)
    return max((int(name[1]) for name in names if name), default=0)


class NewSpan(BaseEventTrigger):
    """Fires when the folder holds a span newer than the newest that was there before.

    What was seen is kept in Airflow's database with the asset: a span that arrives while the triggerer is down is
    noticed when it is up again, and none is announced twice. Spans that are there at the very first look are not new.
    """

    def __init__(self, folder: str, seconds: float = 30.0) -> None:
        super().__init__()
        self.folder, self.seconds = folder, seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """See BaseTrigger."""
        return "poseline_spans.NewSpan", {"folder": self.folder, "seconds": self.seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """See BaseTrigger."""
        assert self.asset_state_store is not None, "this trigger belongs to an AssetWatcher"
        while True:
            seen = await self.asset_state_store.aget(_LATEST)
            latest = await asyncio.to_thread(latest_span, Path(self.folder))
            if seen is None or latest > int(seen):
                await self.asset_state_store.aset(_LATEST, latest)
                if seen is not None:
                    yield TriggerEvent({"span": latest, "folder": self.folder})
            await asyncio.sleep(self.seconds)


class SpanTimetable(AssetTriggeredTimetable):
    """Starts runs when assets change; for backfills, day N after 1970-01-01 stands for span N, as in TFX.

    Time alone starts nothing unless the DAG catches up: then spans that are numbered by date run day by day.
    """

    description = "when a new span arrives; backfills count spans as days since 1970-01-01"
    periodic = True

    @property
    def summary(self) -> str:
        """See Timetable."""
        return "New span"

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """See Timetable."""
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
    """Lets the scheduler find the timetable."""

    name = "poseline"
    timetables = [SpanTimetable]  # noqa: RUF012
