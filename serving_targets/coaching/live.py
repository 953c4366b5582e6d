"""Poses as lines of JSON: `{"time": 1.25, "joints": [[x, y, confidence], ...]}`, with `null` for nobody in view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

import numpy as np

from data.settings.json_text import parse_json
from data.text import shortened

MOST_BYTES = 100_000
"""Length of the longest line."""


class Pose(NamedTuple):
    """A pose of the stream.

    Attributes:
        time: time in seconds.
        joints: `[J, 3 or 4]`; None if nobody is seen.
    """

    time: float
    joints: np.ndarray | None


def read_poses(lines: IO[bytes], unread: Counter[str]) -> Iterator[Pose]:
    """Yield the poses of a stream; a line that is not a pose is counted in `unread` by its fault."""
    while line := lines.readline(MOST_BYTES + 1):
        if len(line) > MOST_BYTES:
            unread["line is too long"] += 1
            while not line.endswith(b"\n") and line:
                line = lines.readline(MOST_BYTES + 1)
        elif line.strip():
            try:
                yield _pose(parse_json(line, MOST_BYTES))
            except (ValueError, TypeError, KeyError, OverflowError):
                unread["line is not a pose"] += 1


def _pose(value: Any) -> Pose:
    time, joints = float(value["time"]), value["joints"]
    if joints is None:
        return Pose(time, None)
    found = np.array([[np.nan if number is None else float(number) for number in joint] for joint in joints])
    if found.ndim != 2 or found.shape[1] not in (3, 4):
        raise ValueError(f"not a pose: {shortened(str(found.shape))}")
    return Pose(time, found)
