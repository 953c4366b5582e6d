"""A coverage-guided fuzzer for the importers: hostile files of every kind are read, with the budget as the oracle.

    python -m benchmarks.fuzz_importers --minutes 60
    python -m benchmarks.fuzz_importers --format npz pyskl --minutes 10 --keep faults

Atheris (libFuzzer) chooses among files that reached new lines of the readers, and `fuzz_inputs` changes them. Each file
is recognised and read as by `poseline data import`, in this process. It is a fault if the importer raises anything but
an InputError, crashes, or would be ended by the budget of `data.importers.bounded_reading`: then only the budget stands
between the file and the user. Faults are printed, and their files are kept in the folder `--keep`. A directory given by
`--corpus` keeps the files that reached new lines, for the next run. CPU time is divided evenly among the kinds.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.fuzz_inputs import KINDS, SIDECARS
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


def main() -> int:
    """Run the fuzzer and return 1 if there was a fault, else 0."""
    arguments = _arguments()
    seconds = max(2, round(60 * arguments.minutes / len(arguments.format)))
    arguments.keep.mkdir(parents=True, exist_ok=True)
    faults = executions = 0
    print(f"{'kind':<10} {'executions':>10} {'corpus':>6} {'faults':>6}  outcomes", flush=True)
    for name in arguments.format:
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
            result = _fuzz(name, seconds, Path(folder), arguments)
        faults += result["faults"]
        executions += sum(result["outcomes"].values())
        outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in result["outcomes"].items())
        count = sum(result["outcomes"].values())
        print(f"{name:<10} {count:>10,} {result['corpus']:>6,} {result['faults']:>6}  {outcomes}", flush=True)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, peak = spent.ru_utime + spent.ru_stime, spent.ru_maxrss / 1024
    print(f"{executions:,} executions in {cpu:,.0f} s of CPU time, {faults} faults, peak memory {peak:,.0f} MB")
    return 1 if faults else 0


def _fuzz(name: str, seconds: int, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Fuzz one kind in a process of its own; return its counts."""
    report = folder / "report.json"
    corpus = (arguments.corpus or folder / "corpus") / name
    corpus.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.fuzz_kind", name, str(report), str(arguments.keep.absolute())]
    command += [f"-seed={arguments.seed}", "-timeout=300", "-rss_limit_mb=2000", "-max_len=100000", "-verbosity=0"]
    command += [f"-artifact_prefix={arguments.keep.absolute()}/crash-{name}-", f"--cpu={seconds}", str(corpus)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    result: dict[str, Any] = {"outcomes": {}, "corpus": 0, "faults": 0}
    if report.is_file():
        result = json.loads(report.read_text())
    print(done.stdout, end="", flush=True)
    if done.returncode or not report.is_file():
        result["faults"] += 1
        print(f"{name}: the fuzzer ended with code {done.returncode}\n{done.stderr[-3000:]}", flush=True)
    return result


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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fuzz the importers.")
    parser.add_argument("--format", nargs="+", choices=KINDS, default=list(KINDS), help="kinds of files")
    parser.add_argument("--minutes", type=float, default=1.0, help="CPU time for all kinds together")
    parser.add_argument("--seed", type=int, default=1, help="seed of the changes")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-faults"), help="folder for files that are faults")
    parser.add_argument("--corpus", type=Path, help="folder of the files that reached new lines")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
