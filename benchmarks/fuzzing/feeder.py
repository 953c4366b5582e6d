"""Feeds files to the reader of one format and counts the outcomes, with the budget of an import as the oracle."""

from __future__ import annotations

import resource
import signal
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.fuzzing.inputs import SIDECARS
from data.errors import InputError
from data.importers import FORMATS, ImageSize, ImportOptions
from data.importers.bounded_reading import Budget, data_bytes
from data.importers.clips.faults import UNEXPECTED
from data.importers.clips.types import Source
from data.importers.discovery import detect
from data.importers.record_pipeline import Kept, process_source
from data.importers.sidecars import read_labels, read_segments
from data.quarantine import Quarantined


class SlowError(BaseException):
    """An input took more CPU time than its budget."""


class Feeder:
    """Feeds files to one reader and counts the outcomes; a fault of the same kind is kept once.

    Args:
        name: kind of the files, one of `KINDS`.
        keep: folder of the files that are faults.
    """

    def __init__(self, name: str, keep: Path) -> None:
        self.outcomes: Counter[str] = Counter()
        self.faults: dict[str, str] = {}
        self._name = name
        self._keep = keep
        signal.signal(signal.SIGPROF, _interrupt)

    def feed(self, path: Path) -> None:
        """Read one file."""
        outcome, trace = self._outcome(path)
        self.outcomes[outcome] += 1
        key = trace.strip().rpartition("\n")[0] or trace
        if trace and key not in self.faults:
            kept = self._keep / f"{outcome}-{self._name}-{len(self.faults)}{path.suffix}"
            kept.write_bytes(path.read_bytes())
            self.faults[key] = f"{kept}\n{trace}"
            print(f"{outcome}: {self.faults[key]}", flush=True)

    def _outcome(self, path: Path) -> tuple[str, str]:
        """Return the outcome of a file, and a trace if it is a fault."""
        budget = Budget.of([path])
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (data_bytes() + budget.memory, hard))
        signal.setitimer(signal.ITIMER_PROF, budget.seconds)
        try:
            return _read(self._name, path)
        except SlowError:
            return "slow", traceback.format_exc()
        except MemoryError:
            return "memory", traceback.format_exc()
        except Exception:
            return "crash", traceback.format_exc()
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _read(name: str, path: Path) -> tuple[str, str]:
    """Read a file as an import does; return the outcome, and the fault of the importer if there is one."""
    if name in SIDECARS:
        try:
            read_labels(path) if name == "labels" else read_segments(path)
        except InputError:
            return "refused", ""
        return "read", ""
    detect(path)
    options = ImportOptions(image=ImageSize(480, 640))
    outcomes = list(process_source(FORMATS[name], Source((path,), "input"), options))
    quarantined = [one for one in outcomes if isinstance(one, Quarantined)]
    if unexpected := next((one for one in quarantined if one.reason.startswith(UNEXPECTED)), None):
        return "crash", f"{unexpected.reason}: {unexpected.detail}"
    kept = any(isinstance(one, Kept) for one in outcomes)
    return ("kept in part" if kept else "quarantined") if quarantined else ("kept" if kept else "nothing"), ""


def _interrupt(*_: Any) -> None:
    raise SlowError
