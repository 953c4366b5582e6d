"""The history of a figure over the runs as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from data.errors import InputError
from lineage.drawings.graph_svg import pages
from lineage.formatting import harmless, moment

ENDINGS = (".svg", ".html")
_LEFT, _RIGHT, _TOP, _HEIGHT, _STEP = 64.0, 24.0, 44.0, 220.0, 64.0
_TICKS = 4


def draw_history(metric: str, rows: Sequence[Mapping[str, Any]], ending: str) -> str:
    """Draws what `metric_history.history` found: a point a run, and the change that moved it.

    Args:
        metric: name of the figure.
        rows: oldest first: `run`, `started`, `value`, `change`, `cause`.
        ending: one of `ENDINGS`.

    Raises:
        InputError: another ending.
    """
    if ending not in ENDINGS:
        raise InputError(f"no plot as {ending or 'a file without ending'!r}", remedy="end the file in .svg or .html")
    values = [float(row["value"]) for row in rows]
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = (high - low) * 0.12 or abs(high) * 0.05 or 0.5
    ticks = _ticks(low - margin, high + margin)
    low, high = ticks[0], ticks[-1]
    width = _LEFT + _RIGHT + _STEP * max(len(rows), 6)
    step = (width - _LEFT - _RIGHT) / max(len(rows), 1)

    def height(value: float) -> float:
        return round(_TOP + _HEIGHT * (high - value) / (high - low), 1)

    points = [
        {
            "number": number,
            "x": round(_LEFT + step * (number - 0.5), 1),
            "y": height(float(row["value"])),
            "label": height(float(row["value"])) + (20 if _is_valley(values, number - 1) else -11),
            "value": f"{float(row['value']):.4g}",
            "change": f"{row['change']:+.4g}" if row["change"] else "",
            "cause": harmless(row["cause"] or ""),
            "run": harmless(row["run"]),
            "started": moment(float(row["started"])),
        }
        for number, row in enumerate(rows, 1)
    ]
    return pages.get_template(f"history{ending}").render(
        metric=harmless(metric),
        points=points,
        ticks=[{"y": height(tick), "text": f"{tick:.4g}"} for tick in ticks],
        left=_LEFT,
        right=width - _RIGHT,
        bottom=_TOP + _HEIGHT,
        width=width,
        height=_TOP + _HEIGHT + 44,
    )


def _ticks(low: float, high: float) -> list[float]:
    """Round figures at equal distances, from at most `low` to at least `high`."""
    rough = (high - low) / _TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _is_valley(values: Sequence[float], place: int) -> bool:
    """Whether the line comes down to a point and goes up from it, so that its figure stands below."""
    near = [*values[max(0, place - 1) : place], *values[place + 1 : place + 2]]
    return bool(near) and all(value > values[place] for value in near)
