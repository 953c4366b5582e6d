"""The history of a figure over the runs as an SVG plot or an HTML page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from data.errors import InputError
from data.text import harmless
from lineage.drawings.graph_svg import pages
from lineage.formatting import moment
from lineage.questions.blame import Blame

ENDINGS = (".svg", ".html")
_LEFT, _RIGHT, _TOP, _HEIGHT, _STEP = 64.0, 24.0, 44.0, 220.0, 64.0
_TICKS = 4


def draw_history(answer: Blame, ending: str) -> str:
    """Draw the history of a figure: a point for each run, filled where the figure moved.

    Args:
        answer: history to draw.
        ending: one of `ENDINGS`.

    Raises:
        InputError: a file with this ending cannot be drawn.
    """
    if ending not in ENDINGS:
        raise InputError(
            f"a history cannot be drawn as {ending or 'a file without ending'!r}",
            remedy="end the file in .svg or .html",
        )
    values = [point.value for point in answer.history]
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = (high - low) * 0.12 or abs(high) * 0.05 or 0.5
    ticks = _ticks(low - margin, high + margin)
    low, high = ticks[0], ticks[-1]
    width = _LEFT + _RIGHT + _STEP * max(len(values), 6)
    step = (width - _LEFT - _RIGHT) / max(len(values), 1)

    def height(value: float) -> float:
        return round(_TOP + _HEIGHT * (high - value) / (high - low), 1)

    points = [
        {
            "number": number,
            "x": round(_LEFT + step * (number - 0.5), 1),
            "y": height(point.value),
            "label": height(point.value) + (20 if _is_valley(values, number - 1) else -11),
            "value": f"{point.value:.4g}",
            "change": f"{point.change:+.4g}" if point.change else "",
            "cause": harmless(point.cause or ""),
            "run": harmless(point.run),
            "started": moment(point.started),
        }
        for number, point in enumerate(answer.history, 1)
    ]
    return pages.get_template(f"history{ending}").render(
        metric=harmless(answer.metric),
        points=points,
        ticks=[{"y": height(tick), "text": f"{tick:.4g}"} for tick in ticks],
        left=_LEFT,
        right=width - _RIGHT,
        bottom=_TOP + _HEIGHT,
        width=width,
        height=_TOP + _HEIGHT + 44,
    )


def _ticks(low: float, high: float) -> list[float]:
    """Return round figures at equal distances, from at most `low` to at least `high`."""
    rough = (high - low) / _TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _is_valley(values: Sequence[float], place: int) -> bool:
    """Return whether a value is lower than its neighbours, so that its label belongs below the point."""
    near = [*values[max(0, place - 1) : place], *values[place + 1 : place + 2]]
    return bool(near) and all(value > values[place] for value in near)
