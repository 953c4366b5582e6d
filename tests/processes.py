"""Waits until a process that another process started has ended."""

from __future__ import annotations

import time
from pathlib import Path


def ends(pid: int, seconds: float) -> bool:
    """Whether the process ends within so many seconds. A zombie has ended; a signal takes a moment to be delivered."""
    deadline = time.monotonic() + seconds
    while _runs(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
