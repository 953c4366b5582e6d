"""The quarantine: the records that an import left out, each with its reason, in `span-N.quarantine/` next to `span-N/`.

It has two files:

- `quarantine.jsonl`: one JSON object per line, in the order of the source: `file` (as the user named it), `record` (its
  number in the file, from 0), `sequence_id` (empty if it has none), `reason` (the same text for the same fault),
  `detail` (place and values), `layout` and `poses`. If the record could be read as poses, `poses` has up to
  `SAMPLE_FRAMES` of its frames, evenly spaced: frames x joints of `layout` x (x, y[, z], confidence), in the file's
  unit, with null for numbers that are not finite. Otherwise it is null.
- `summary.json`: the counts of the whole import: `read`, `kept`, `repaired`, `quarantined` by reason and more; see
  `data.importers.span_import.ImportSummary`.

It is also written if the import fails because of these records. Without quarantined records there is no folder. The
digest of a span does not include it.
"""

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from data.errors import InputError
from data.files import replacing

SAMPLE_FRAMES = 8
"""Largest number of frames that are kept of a quarantined record."""

MAX_SAMPLES = 1000
"""Number of quarantined records that keep frames; later ones keep only their reason."""

RECORDS_FILE = "quarantine.jsonl"
SUMMARY_FILE = "summary.json"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that was left out.

    Attributes:
        file: file of the record, as the user named it.
        record: number of the record in the file, from 0.
        sequence_id: id of the record, empty if it has none.
        reason: the fault, in the same words for all records with this fault.
        detail: place and values of the fault.
        layout: layout of `poses`.
        poses: some frames, `[frames][joints][channels]`; None if the record could not be read as poses.
    """

    file: str
    record: int
    sequence_id: str
    reason: str
    detail: str
    layout: str | None = None
    poses: list[list[list[float | None]]] | None = None


def quarantine_folder(span_dir: Path) -> Path:
    """Return the folder of a span's quarantine, which may not exist."""
    return span_dir.with_name(f"{span_dir.name}.quarantine")


def read_quarantine(span_dir: Path) -> Iterator[Quarantined]:
    """Yield the records that were left out when a span was imported."""
    path = quarantine_folder(span_dir) / RECORDS_FILE
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield Quarantined(**json.loads(line))


def sample_poses(keypoints: np.ndarray) -> list[list[list[float | None]]]:
    """Return up to `SAMPLE_FRAMES` frames, evenly spaced, as plain values.

    Args:
        keypoints: floats `[T, J, C]`.
    """
    chosen = np.unique(np.linspace(0, len(keypoints) - 1, min(SAMPLE_FRAMES, len(keypoints))).astype(int))
    with np.errstate(all="ignore"):  # the numbers may be the fault of the record
        frames = keypoints[chosen].astype(np.float64).round(4)
    return [
        [[value if np.isfinite(value) else None for value in joint] for joint in frame] for frame in frames.tolist()
    ]


def reason_of(what: str) -> str:
    """Return the text of a fault without numbers and quotations, so that equal faults are counted together."""
    what = re.sub(r"'[^']*'|\"[^\"]*\"", "#", what)
    return " ".join("#" if any(c.isdigit() for c in word) else word for word in what.split())[:200]


def _refuse_foreign(folder: Path) -> None:
    """Raise an error if something else than an earlier quarantine is in the way."""
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not _is_quarantine(folder):
        raise InputError(
            "the place of the quarantine is taken by something else",
            str(folder),
            "move it away, or import with another --span",
        )


def _is_quarantine(folder: Path) -> bool:
    """Return whether a folder holds the summary of an import, or nothing, because the import was killed."""
    summary = folder / SUMMARY_FILE
    try:
        if not summary.is_file():
            return not any(folder.iterdir())
        return "quarantined" in json.loads(summary.read_bytes())
    except (OSError, ValueError, TypeError, RecursionError):
        return False


class QuarantineWriter:
    """A writer of quarantined records, which keeps none of them in memory.

    Args:
        folder: folder of the quarantine (`quarantine_folder`); `finish` replaces the files of an earlier import in it.

    Raises:
        InputError: what exists at `folder` is not a quarantine; it is left as it is.

    Attributes:
        folder: folder of the quarantine.
        reasons: number of records by reason.
        first: the first record, None before there is one.
    """

    def __init__(self, folder: Path) -> None:
        _refuse_foreign(folder)
        self.folder = folder
        self.reasons: Counter[str] = Counter()
        self.first: Quarantined | None = None
        self._lines: IO[bytes] | None = None

    @property
    def count(self) -> int:
        """Number of records so far."""
        return self.reasons.total()

    def add(self, record: Quarantined) -> None:
        """Add a record."""
        if self._lines is None:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self._lines = tempfile.TemporaryFile(dir=self.folder.parent)  # noqa: SIM115 (`discard` closes it)
            self.first = record
        values = asdict(record)
        if self.count >= MAX_SAMPLES:
            values["poses"] = None
        # As ASCII, an id with control characters or half a surrogate pair can do no harm.
        self._lines.write(json.dumps(values, allow_nan=False).encode() + b"\n")
        self.reasons[record.reason] += 1

    def finish(self, summary: dict[str, Any]) -> Path | None:
        """Write the quarantine and return its folder; None if there are no records.

        Args:
            summary: counts of the import.
        """
        if self._lines is None:
            for name in (RECORDS_FILE, SUMMARY_FILE):
                (self.folder / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # it does not exist, or the user keeps files of their own in it
                self.folder.rmdir()
            return None
        # Staged next to the folder, so that a kill leaves nothing in it but these files.
        with replacing(self.folder / SUMMARY_FILE, staging=self.folder.parent) as temporary:
            temporary.write_text(json.dumps(summary, indent=1, default=str) + "\n", encoding="utf-8")
        self._lines.seek(0)
        with (
            replacing(self.folder / RECORDS_FILE, staging=self.folder.parent) as temporary,
            temporary.open("wb") as file,
        ):
            shutil.copyfileobj(self._lines, file)
        return self.folder

    def discard(self) -> None:
        """Remove records that `finish` has not written."""
        if self._lines is not None:
            self._lines.close()
