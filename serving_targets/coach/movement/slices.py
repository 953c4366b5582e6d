"""Work in slices: a generator yields where it may be interrupted, so that no single frame has to wait for all of it."""

from __future__ import annotations

from collections.abc import Generator

type Work[Result] = Generator[None, None, Result]
"""Work that returns a result, and yields between its slices."""


def completed[Result](work: Work[Result]) -> Result:
    """Do all of the work and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result
