"""The processor time that each phase of a process took."""

from __future__ import annotations

import time


class CpuPhases:
    """A stopwatch for processor time; the first phase begins with the process.

    Attributes:
        seconds: name of a phase to its processor time, in the order of the phases.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._counted = 0.0

    def end(self, phase: str) -> None:
        """Count the time since the end of the last phase as that of this one."""
        now = time.process_time()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + round(now - self._counted, 3)
        self._counted = now
