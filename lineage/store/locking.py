"""Waiting for a metadata store that another process has locked.

Waiting is counted in tries, not in seconds, so that a process that was stopped for an hour does not give up when it
continues.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from data.errors import InputError

DAMAGED = ("it is damaged", "restore it from a backup, or name a new root with --root")
"""What is wrong with a damaged store, and what to do."""
TRIES = 150
"""How often a locked store is tried. ML Metadata itself waits one or two seconds for it, so this takes minutes."""
STOP = threading.Event()
"""Set when the process is interrupted: nothing waits any longer."""
_PAUSE_SECONDS = 0.5


class LockedError(Exception):
    """Another process has locked the store."""


def when_unlocked[T](call: Callable[[], T], is_locked: Callable[[Exception], bool], place: str) -> T:
    """Return what a call returns; while the store is locked, say so and try again.

    Args:
        call: function that uses the store.
        is_locked: whether the error of a call means that the store is locked.
        place: the store, for messages.

    Raises:
        InputError: the store is still locked after some minutes.
    """
    for number in range(TRIES):
        try:
            return call()
        except Exception as error:
            if not is_locked(error):
                raise
        if number == 0:
            with contextlib.suppress(OSError):
                print(f"waiting for the metadata store, which another process has locked: {place}", file=sys.stderr)
        if STOP.wait(_PAUSE_SECONDS):
            break
    raise InputError(
        "the metadata store is locked by another process",
        place,
        "end the process that has locked it (another run, a database browser), then run again",
    )


def is_locked_sqlite(path: str) -> bool:
    """Return whether another process has locked a SQLite file."""
    try:
        with contextlib.closing(
            sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", timeout=1, uri=True)
        ) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    except sqlite3.DatabaseError:
        return False
    return False
