"""Copies what another process appends to a log file, while it is being written."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from data.text import printable

_POLL_SECONDS = 0.3


@contextlib.contextmanager
def following(log: Path, sink: TextIO | None) -> Iterator[None]:
    """Copy what is appended to a file while the block runs.

    Args:
        log: log file; it need not exist yet.
        sink: stream that gets the new text; None copies nothing.
    """
    if sink is None:
        yield
        return
    stop = threading.Event()
    position = log.stat().st_size if log.exists() else 0
    thread = threading.Thread(target=_copy, args=(log, position, sink, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _copy(log: Path, position: int, sink: TextIO, stop: threading.Event) -> None:
    stopping = False
    while not stopping:
        stopping = stop.wait(_POLL_SECONDS)  # after the stop the file is read one last time
        with contextlib.suppress(FileNotFoundError), log.open("rb") as file:
            file.seek(position)
            text = file.read()
            position += len(text)
            try:
                sink.write(printable(text.decode(errors="replace")))
                sink.flush()
            except (OSError, ValueError):  # the reader has gone away; the log file has everything
                return
