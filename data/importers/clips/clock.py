"""Times that are written as text: dates, times of day and durations."""

import re
from datetime import UTC, datetime, timedelta

import numpy as np

_DURATION = re.compile(r"(?:(\d{1,9}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d{1,9})?)")
_FORMATS = (
    *("%Y/%m/%d %H:%M:%S.%f", "%Y/%m/%d %H:%M:%S", "%d/%m/%Y %H:%M:%S.%f", "%d/%m/%Y %H:%M:%S"),
    *("%d.%m.%Y %H:%M:%S.%f", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S.%f", "%m/%d/%Y %H:%M:%S"),
    "%Y-%m-%d %H:%M:%S:%f",
)
_COMPACT = re.compile(r"(\d{4})[-_.]?(\d\d)[-_.]?(\d\d)[-_ T]?(\d\d)[-_.]?(\d\d)[-_.]?(\d\d)(?:[-_.]?(\d{1,9}))?")
"""Dates as file names have them, such as `20240301_100059_960` and `2024-03-01_10-00-59`."""

_EITHER = re.compile(r"\s*(\d{1,2})([/.-])(\d{1,2})\2\d{4}\b")
"""The beginning of dates whose day and month may be in either order."""

_DIGITS = (14, 17, 20)
"""Numbers of digits of dates that are written as one number, to seconds, milliseconds and microseconds."""

_DAY = 86_400.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_COARSE = 0.5
"""Fraction of frames that repeat a time, from which the times can be coarser than the frames."""

_COARSE_STEP = 0.2
"""Shortest time between two changes of a clock that is coarser than the frames, in seconds: no camera is as slow."""

_JUMP = 0.15
"""Mean movement of the joints from one frame to the next, in heights of the person, from which it is another person."""


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


def is_ambiguous(text: str) -> bool:
    """Return whether the day and the month of a date can be in either order, as in `03/01/2024`."""
    match = _EITHER.match(text)
    return match is not None and max(int(match[1]), int(match[3])) <= 12 and match[1] != match[3]


def ambiguous_note(text: str) -> list[str]:
    """Return a note on a date whose day and month can be in either order; empty without one."""
    return [f"the date {text[:20]!r} is read as day, month, year: it matters if a clip goes on after midnight"] * bool(
        text
    )


def dates_in_digits(times: np.ndarray) -> np.ndarray | None:
    """Return in seconds dates that are written as one number, such as 20240301100059960; None for other times.

    Args:
        times: float64 `[T]`. Numbers of more than 15 digits are known to 4 ms.
    """
    digits = len(f"{times[0]:.0f}") if len(times) and 0 < times[0] < 1e20 else 0
    scale = 10.0 ** (digits - 14)
    if digits not in _DIGITS or not ((times >= 1.9e13 * scale) & (times < 2.2e13 * scale)).all():
        return None
    moments = [_of_digits(int(time), int(scale)) for time in times.tolist()]
    return None if None in moments else np.array(moments, np.float64)


def _of_digits(number: int, scale: int) -> float | None:
    whole, rest = divmod(number, scale)
    minutes, second = divmod(whole, 100)
    try:
        moment = datetime.strptime(str(minutes), "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None
    # A number that was rounded can have 60 seconds.
    return (moment - _EPOCH).total_seconds() + second + rest / scale if second <= 60 else None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    if match := _COMPACT.fullmatch(text):
        *whole, rest = match.groups()
        try:
            moment = datetime.strptime("".join(whole), "%Y%m%d%H%M%S")
        except ValueError:
            return None
        return moment + timedelta(seconds=int(rest) / 10 ** len(rest)) if rest else moment
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return None


def past_midnight(times: np.ndarray) -> np.ndarray:
    """Return times of day that go on after midnight; times with a date, and all others, unchanged.

    Args:
        times: float64 `[T]`, in seconds.
    """
    if len(times) and times.min() >= 0 and times.max() < _DAY:
        return np.unwrap(times, period=_DAY)
    return times


def is_coarse(times: np.ndarray, factor: float, keypoints: np.ndarray) -> bool:
    """Return whether the times are those of a clock that is coarser than the frames.

    Times repeat, too, if there are several people in a frame, or if a frame was written several times.

    Args:
        times: float64 `[T]`.
        factor: seconds in a unit of the times.
        keypoints: floats `[T, J, D + 1]`, confidence last.
    """
    steps = np.diff(times)
    same = steps == 0
    if (steps < 0).any() or same.sum() <= _COARSE * len(times) or same.all():
        return False
    if np.median(steps[~same]) * factor < _COARSE_STEP:
        return False
    moved = movements(keypoints)[same]
    moved = moved[np.isfinite(moved)]
    return bool(len(moved) and 0 < np.median(moved) < _JUMP)


def movements(poses: np.ndarray, ahead: int = 1) -> np.ndarray:
    """Return how far each pose is from a later one: float64 `[T - ahead]`, the mean over joints that both show.

    Args:
        poses: floats `[T, J, D + 1]`, confidence last.
        ahead: how many poses later.

    Returns:
        Distances in heights of the person; nan where no joint is common.
    """
    seen = poses[..., -1] > 0
    places = np.where(seen[..., None], poses[..., :2].astype(np.float64), np.nan)
    apart = np.linalg.norm(places[ahead:] - places[:-ahead], axis=-1)
    common = np.isfinite(apart)
    mean = np.where(common, apart, 0).sum(axis=1) / np.where(common.any(axis=1), common.sum(axis=1), np.nan)
    low = np.where(seen, poses[..., 1], np.inf).min(axis=1)
    high = np.where(seen, poses[..., 1], -np.inf).max(axis=1)
    heights = (high - low)[seen.any(axis=1)]
    return mean / max(float(np.median(heights)) if len(heights) else 0.0, 1e-9)


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
