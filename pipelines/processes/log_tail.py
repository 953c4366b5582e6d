"""Passes on what another process appends to a log, while it does."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

_SECONDS_BETWEEN_LOOKS = 0.3


@contextlib.contextmanager
def following(log: Path, sink: TextIO | None) -> Iterator[None]:
    """Copies what is appended to a file while the block lasts.

    Args:
        log: the file; need not exist yet.
        sink: where its new text goes, None for nowhere.
    """
    if sink is None:
        yield
        return
    over = threading.Event()
    begin = log.stat().st_size if log.exists() else 0
    thread = threading.Thread(target=_copy, args=(log, begin, sink, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _copy(log: Path, begin: int, sink: TextIO, over: threading.Event) -> None:
    ended = False
    while not ended:
        ended = over.wait(_SECONDS_BETWEEN_LOOKS)  # one more look after the end
        with contextlib.suppress(FileNotFoundError), log.open("rb") as file:
            file.seek(begin)
            text = file.read()
            begin += len(text)
            sink.write(text.decode(errors="replace"))
            sink.flush()
