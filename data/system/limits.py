"""Limits of a process: what it may use, and that it ends with its parent."""

from __future__ import annotations

import ctypes
import resource
import signal

_PR_SET_PDEATHSIG = 1


def lower_limit(kind: int, value: int) -> None:
    """Set a limit of this process, at most to its hard limit, which stays as it is.

    Args:
        kind: limit, such as `resource.RLIMIT_CPU`.
        value: largest value.
    """
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def die_with_parent(sent: signal.Signals = signal.SIGKILL) -> None:
    """Make the kernel send this process a signal when its parent process ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, sent)
