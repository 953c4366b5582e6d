"""Times that are written as text: dates, times of day and durations."""

import re
from datetime import UTC, datetime

import numpy as np

_DURATION = re.compile(r"(?:(\d{1,9}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d{1,9})?)")
_FORMATS = (
    *("%Y/%m/%d %H:%M:%S.%f", "%Y/%m/%d %H:%M:%S", "%d/%m/%Y %H:%M:%S.%f", "%d/%m/%Y %H:%M:%S"),
    *("%d.%m.%Y %H:%M:%S.%f", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S.%f", "%m/%d/%Y %H:%M:%S"),
    *("%Y-%m-%d-%H-%M-%S-%f", "%Y-%m-%d_%H-%M-%S", "%Y%m%d_%H%M%S", "%Y-%m-%d %H:%M:%S:%f"),
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

COARSE = 0.5
"""Fraction of frames that repeat a time, from which the times are coarser than the frames."""


def seconds_of(text: str) -> float | None:
    """Return a date with a time, a time of day or a duration in seconds; None for any other text.

    Args:
        text: such as `2024-03-01 10:00:00.5`, `10:00:00.5` or `0:05.25`.
    """
    text = text.strip()
    if match := _DURATION.fullmatch(text):
        hours, minutes, rest = match.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(rest.replace(",", "."))
    if len(text) < 8 or len(text) > 40:
        return None
    moment = _moment(text.replace(",", "."))
    if moment is None:
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH).total_seconds()


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return None


def spread(times: np.ndarray) -> np.ndarray:
    """Return the times of frames evenly spread between the changes of a clock that is coarser than the frames.

    Args:
        times: float64 `[T]`, ascending, in any unit; most of them repeat the one before.
    """
    starts = np.flatnonzero(np.r_[True, np.diff(times) > 0])
    # The first and the last second may have begun before, or end after, the recording: only changes are exact.
    if len(starts) < 3:
        return times
    spaced = np.interp(np.arange(len(times)), starts[1:], times[starts[1:]])
    step = (times[starts[-1]] - times[starts[1]]) / (starts[-1] - starts[1])
    before = np.arange(len(times)) < starts[1]
    after = np.arange(len(times)) > starts[-1]
    spaced[before] = times[starts[1]] - step * (starts[1] - np.flatnonzero(before))
    spaced[after] = times[starts[-1]] + step * (np.flatnonzero(after) - starts[-1])
    return spaced
