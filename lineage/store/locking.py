"""Locks: waiting for a metadata store that another process has locked, and the lock of a root.

Waiting for a store is counted in tries, not in seconds, so that a process that was stopped for an hour does not give up
when it continues.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from data.errors import InputError
from data.files import open_own, try_lock
from data.text import say
from lineage.places import journal_folder

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
                say(f"waiting for the metadata store, which another process has locked: {place}", error=True)
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


@contextlib.contextmanager
def using_root(root: Path) -> Iterator[None]:
    """Keep `prune` and `forget` from removing anything while the block runs; if one of them does, wait for its end."""
    with _lock_of_root(root) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another command, which removes payloads in {root}", error=True)
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@contextlib.contextmanager
def having_root_alone(root: Path) -> Iterator[None]:
    """Let no run begin while the block removes payloads.

    Raises:
        InputError: a run is in progress.
    """
    with _lock_of_root(root) as lock:
        if not try_lock(lock):
            nodes = ", ".join(sorted(path.stem for path in journal_folder(root).glob("*.json")))
            raise InputError("a run is in progress", nodes or str(root), "wait until it has ended")
        yield


@contextlib.contextmanager
def _lock_of_root(root: Path) -> Iterator[int]:
    descriptor = open_own(root / ".lock", os.O_RDWR | os.O_CREAT)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
