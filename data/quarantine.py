"""What an import left out, and why: `span-N.quarantine/` beside `span-N/`.

Two files:

- `quarantine.jsonl`: one JSON object a line, in the order of the source: `file` (as the user named it), `record` (its
  number in that file, from 0), `sequence_id` (empty if it has none), `reason` (the same words for the same fault),
  `detail` (where exactly, with what values), `layout` and `poses`. `poses` is null, or, where the record could be read
  as poses at all, up to `SAMPLE_FRAMES` of its frames, evenly spaced: frames x joints of `layout` x
  (x, y[, z], confidence), in the unit that they were found in, null where a number is not finite.
- `summary.json`: the counts of the whole import: `read`, `kept`, `repaired`, `quarantined` by reason and more; see
  `data.importers.span_import.ImportSummary`.

Written whether the import was accepted or refused for the number of these records, so that nothing vanishes; there is
no folder where nothing was left out. Digests of spans do not cover it.
"""

import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from data.files import replacing, write_atomically

SAMPLE_FRAMES = 8
"""Frames that are kept of a quarantined record, to look at."""

MAX_SAMPLES = 1000
"""Records of an import that keep their frames; later ones keep their reason alone."""

RECORDS_FILE = "quarantine.jsonl"
SUMMARY_FILE = "summary.json"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that was left out, and why.

    Attributes:
        file: it came from.
        record: its number in that file.
        sequence_id: its id, if it has one.
        reason: what is wrong with it, the same words for the same fault.
        detail: where exactly, and with what values.
        layout: of `poses`.
        poses: a few frames of it, frames x joints x channels; None where it could not be read as poses.
    """

    file: str
    record: int
    sequence_id: str
    reason: str
    detail: str
    layout: str | None = None
    poses: list[list[list[float | None]]] | None = None


def quarantine_folder(span_dir: Path) -> Path:
    """Return where the quarantine of a span lies, be there any or not."""
    return span_dir.with_name(f"{span_dir.name}.quarantine")


def read_quarantine(span_dir: Path) -> Iterator[Quarantined]:
    """Yield what was left out when a span was imported; nothing if all was sound."""
    path = quarantine_folder(span_dir) / RECORDS_FILE
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield Quarantined(**json.loads(line))


def sample_poses(keypoints: np.ndarray) -> list[list[list[float | None]]]:
    """Return up to `SAMPLE_FRAMES` frames, evenly spaced, as plain values.

    Args:
        keypoints: `[T, J, C]`.
    """
    chosen = np.unique(np.linspace(0, len(keypoints) - 1, min(SAMPLE_FRAMES, len(keypoints))).astype(int))
    with np.errstate(all="ignore"):  # what is wrong with the poses may be their numbers
        frames = keypoints[chosen].astype(np.float64).round(4)
    return [
        [[value if np.isfinite(value) else None for value in joint] for joint in frame] for frame in frames.tolist()
    ]


def reason_of(what: str) -> str:
    """Return the fault without its figures and quotations, so that equal faults are counted together."""
    what = re.sub(r"'[^']*'|\"[^\"]*\"", "#", what)
    return " ".join("#" if any(c.isdigit() for c in word) else word for word in what.split())[:200]


class QuarantineWriter:
    """Takes quarantined records as they come; none of them stays in memory.

    Args:
        folder: where the quarantine shall lie (`quarantine_folder`); an earlier one is replaced by `finish`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reasons: Counter[str] = Counter()
        self.first: Quarantined | None = None
        self._lines: IO[bytes] | None = None

    @property
    def count(self) -> int:
        """Records taken so far."""
        return self.reasons.total()

    def add(self, record: Quarantined) -> None:
        """Write one record down."""
        if self._lines is None:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self._lines = tempfile.TemporaryFile(dir=self.folder.parent)  # noqa: SIM115 (`discard` closes it)
            self.first = record
        values = asdict(record)
        if self.count >= MAX_SAMPLES:
            values["poses"] = None
        # ASCII: an id with half a surrogate pair or control characters harms neither this file nor who reads it.
        self._lines.write(json.dumps(values, allow_nan=False).encode() + b"\n")
        self.reasons[record.reason] += 1

    def finish(self, summary: dict[str, Any]) -> Path | None:
        """Put the quarantine in its place; returns its folder, None if there is nothing in it."""
        if self._lines is None:
            for name in (RECORDS_FILE, SUMMARY_FILE):
                (self.folder / name).unlink(missing_ok=True)
            if self.folder.is_dir():
                self.folder.rmdir()
            return None
        write_atomically(self.folder / SUMMARY_FILE, json.dumps(summary, indent=1, default=str) + "\n")
        self._lines.seek(0)
        with replacing(self.folder / RECORDS_FILE) as temporary, temporary.open("wb") as file:
            shutil.copyfileobj(self._lines, file)
        return self.folder

    def discard(self) -> None:
        """Remove records that `finish` has not written."""
        if self._lines is not None:
            self._lines.close()
