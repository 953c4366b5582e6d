"""A coverage-guided fuzzer for the importers: hostile files of every kind are read, with the budget as the oracle.

    python -m benchmarks.fuzz_importers --minutes 60
    python -m benchmarks.fuzz_importers --format npz pyskl --minutes 10 --keep faults

Atheris (libFuzzer) chooses among files that reached new lines of the readers, and `benchmarks.fuzzing` changes them.
Each file is recognised and read as by `poseline data import`, in this process. It is a fault if the importer raises
anything but an InputError, crashes, or would be ended by the budget of `data.importers.bounded_reading`: then only the
budget stands between the file and the user. Faults are printed, and their files are kept in the folder `--keep`. A
directory given by `--corpus` keeps the files that reached new lines, for the next run. CPU time is divided evenly among
the kinds.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.fuzzing.inputs import KINDS


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
    command = [sys.executable, "-m", "benchmarks.fuzzing.kind", name, str(report), str(arguments.keep.absolute())]
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
