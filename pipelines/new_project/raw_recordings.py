"""Imports recordings that are not canonical yet into the data folder of a new pipeline."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from data.digests import file_digest, list_folder
from data.errors import InputError
from data.files import write_atomically
from data.importers import ImportOptions, ImportProgress, ImportSummary, import_to_span
from data.store import list_spans
from pipelines.new_project.project_files import MADE

DATA = "data"
"""Folder of the spans, in the folder of the configuration."""

_IMPORTED = "imported"


def is_imported(source: Path) -> bool:
    """Return whether a folder has spans, or files that have to be imported first."""
    return bool(list_spans(source))


def import_recordings(
    source: Path,
    folder: Path,
    options: ImportOptions,
    workers: int,
    format_: str | None = None,
    progress: Callable[[ImportProgress], None] | None = None,
) -> ImportSummary | None:
    """Import recordings into a new span of a pipeline's own data folder.

    Args:
        source: a file, or a folder of files.
        folder: folder of the configuration.
        options: options of the import.
        workers: number of processes that read files.
        format_: format of the files; None detects it.
        progress: function that is called after every record.

    Returns:
        The result; None if the same files have been imported in the same way before.

    Raises:
        InputError: the files cannot be read, or the pipeline would be written among them.
    """
    if not source.exists():
        raise InputError("there are no such recordings", str(source), "check the path")
    if folder.resolve().is_relative_to(source.resolve()):
        raise InputError(
            "the pipeline would be written among the recordings, where the next import would read its files",
            str(folder),
            "choose a folder outside the recordings with --to, or another NAME",
        )
    state = hashlib.sha256(f"{_digest(source)} {format_} {options}".encode()).hexdigest()
    before = folder / MADE / _IMPORTED
    if before.exists() and before.read_text("utf-8").strip() == state and list_spans(folder / DATA):
        return None
    summary = import_to_span(format_, source, folder / DATA, options=options, workers=workers, progress=progress)
    write_atomically(before, state + "\n")
    return summary


def _digest(source: Path) -> str:
    return list_folder(source).digest if source.is_dir() else file_digest(source)
