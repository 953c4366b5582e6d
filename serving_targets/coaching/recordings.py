"""Recordings to coach: spans of canonical data, or files that any importer reads."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from data.errors import InputError
from data.importers import ImportOptions, TooManyQuarantinedError, import_to_span
from data.records import KeypointSequence
from data.store import list_spans, read_index, read_sequences, span_folder


@contextlib.contextmanager
def open_recordings(
    sources: Sequence[Path], options: ImportOptions
) -> Iterator[tuple[int, Iterator[KeypointSequence]]]:
    """Open recordings; yield their number, and the recordings to be read one after the other.

    Args:
        sources: data folders, of which the latest span is read, or files and folders to import.
        options: options of the import.

    Raises:
        InputError: a source does not exist or cannot be read, or some are data folders and some are not.
    """
    if missing := [source for source in sources if not source.exists()]:
        raise InputError("the recording does not exist", str(missing[0]), "check the path")
    canonical = [source.is_dir() and bool(list_spans(source)) for source in sources]
    if all(canonical):
        spans = [span_folder(source) for source in sources]
        number = sum(len(read_index(span)) for span in spans)
        yield number, (sequence for span in spans for sequence in read_sequences(span))
        return
    if any(canonical):
        raise InputError(
            "some sources are data folders and some are recordings to import",
            str(sources[canonical.index(True)]),
            "coach data folders and other recordings in two commands",
        )
    with tempfile.TemporaryDirectory(prefix="poseline-coach-") as scratch:
        try:
            summary = import_to_span(None, list(sources), Path(scratch), options=options, workers=os.cpu_count() or 1)
        except TooManyQuarantinedError as error:
            remedy = (
                "correct the source, or import it with `poseline data import --max-quarantined 1` and coach the data"
            )
            raise InputError(error.what, error.where, remedy) from error
        assert summary.span_dir is not None  # otherwise it was an error
        yield len(read_index(summary.span_dir)), read_sequences(summary.span_dir)
