"""Says where the processor time of a cold run of the bundled sample goes, node by node and phase by phase.

    .venv/bin/python -m benchmarks.profiling.profile_run [--epochs 20] [--to FILE.json]

The figures of the nodes are those that the run records. What no node counts is the rest: the driver, the compilation of
the graph, and the heavy libraries, which are imported once for all executors; that import is measured again by itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from benchmarks.output import OPEN_GATES, run
from data.project import PROJECT_ROOT
from payloads.conversion_record import ConversionRecord
from payloads.training_record import TrainingRecord

_PR_SET_CHILD_SUBREAPER = 36

_RECORDS: dict[str, type[TrainingRecord | ConversionRecord]] = {
    "Trainer": TrainingRecord,
    "EdgeConverter": ConversionRecord,
}


def measure(folder: Path, epochs: int) -> dict[str, dict[str, float]]:
    """Run the bundled sample once.

    Args:
        folder: empty folder for everything that the run writes.
        epochs: number of training epochs.

    Returns:
        Name of a node, `rest` or `whole run` to its figures in seconds, and `MiB` for its peak memory; `CPU` is the
        whole processor time, and phases of it have names of their own.
    """
    settings = [part for setting in (f"training.epochs={epochs}", *OPEN_GATES) for part in ("--set", setting)]
    whole = _cpu_seconds("pipelines.cli", "run", "--root", str(folder), *settings)
    asked = _python("pipelines.cli", "lineage", "run", "--root", str(folder), "--json", capture=True)
    figures = {}
    for attempt in json.loads(asked)["attempts"]:
        if attempt["cpu_seconds"] is not None:
            figures[attempt["node"]] = {
                "wall": attempt["seconds"],
                "CPU": attempt["cpu_seconds"],
                "MiB": attempt["peak_megabytes"],
                **_phases(folder, attempt["node"]),
            }
    imports = _cpu_seconds("pipelines.processes.preload")
    rest = whole - sum(found["CPU"] for found in figures.values())
    return figures | {"rest": {"CPU": rest, "import": imports}, "whole run": {"CPU": whole}}


def show(figures: dict[str, dict[str, float]]) -> None:
    """Print a line for each node and a line for each of its phases."""
    print(f"{'node, phase':<32}{'CPU s':>8}{'wall s':>8}{'MiB':>8}")
    for node, found in figures.items():
        wall, peak = (f"{found[name]:.1f}" if name in found else "" for name in ("wall", "MiB"))
        print(f"{node:<32}{found['CPU']:>8.1f}{wall:>8}{peak:>8}")
        for phase, seconds in found.items():
            if phase not in ("CPU", "wall", "MiB"):
                print(f"  {phase:<30}{seconds:>8.1f}")


def _phases(root: Path, node: str) -> dict[str, float]:
    """Return the phases that a node's own record has."""
    form = _RECORDS.get(node)
    if form is None:
        return {}
    (path,) = root.glob(f"artifacts/*/{node}/*/*/{form.FILE}")
    return form.read(path.parent).cpu_seconds


def _cpu_seconds(module: str, *arguments: str) -> float:
    """Run a module and return the processor time of its process and of all processes that it started."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what outlives its parent becomes a child of this process
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _python(module, *arguments)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _python(module: str, *arguments: str, capture: bool = False) -> str:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE if capture else sys.stderr, text=True, check=True
    )
    return done.stdout or ""


if __name__ == "__main__":
    run(__doc__, 20, measure, show)
