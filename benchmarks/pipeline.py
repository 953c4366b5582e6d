"""Times Poseline against plain TFX on the same data: cold, unchanged, and after an edit to the trainer.

    .venv/bin/python -m benchmarks.pipeline [--epochs 3] [--rounds 5] [--to FILE.json]

Each figure is the wall time of a whole process, including its imports. The project is copied to a temporary folder
first, so that the edit to the trainer does not change the checkout. Plain TFX is timed with two trainers: the one that
its own template would have, and Poseline's, which leaves only what the pipelines do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.output import OPEN_GATES, run

PROJECT = Path(__file__).parent.parent
TRAINERS = {"poseline": "trainer_module.run", "template": "benchmarks.baselines.template_trainer"}
"""Name of a trainer of plain TFX to its module: Poseline's own, or the one that TFX's template would have."""

_LEFT_OUT = shutil.ignore_patterns(
    ".venv", ".tools", ".airflow", ".git", ".poseline", "__pycache__", ".*_cache", "*.egg-info"
)


def timed(command: list[str], cwd: Path, log: Path) -> float:
    """Return the wall time of a command in seconds, and append its output to the log.

    Raises:
        SystemExit: the command failed.
    """
    environment = os.environ | {"PYTHONPATH": str(cwd), "TF_CPP_MIN_LOG_LEVEL": "2"}
    begin = time.monotonic()
    with log.open("ab") as output:
        done = subprocess.run(command, cwd=cwd, env=environment, stdout=output, stderr=output, check=False)
    seconds = time.monotonic() - begin
    if done.returncode:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}:\n{log.read_text(errors='replace')[-3000:]}")
    return seconds


def measure(folder: Path, epochs: int) -> dict[str, dict[str, float]]:
    """Run each pipeline three times.

    Args:
        folder: empty folder for everything that the runs write.
        epochs: number of training epochs.

    Returns:
        Seconds by situation (`cold`, `unchanged`, `trainer edited`) and pipeline (`poseline`, and plain TFX with each
        trainer).
    """
    copy, root, log = folder / "project", folder / "root", folder / "log"
    shutil.copytree(PROJECT, copy, ignore=_LEFT_OUT)
    options = ["--config", "baduanjin", "--root", str(root), "--set", f"training.epochs={epochs}"]
    options += [part for setting in OPEN_GATES for part in ("--set", setting)]
    poseline = [sys.executable, "-m", "pipelines.cli", "run", *options]
    compile_plan = [sys.executable, "-m", "pipelines.cli", "compile", *options, "--to", str(folder / "plan.json")]
    edited = [copy / "trainer_module" / "run.py"]
    commands = {"poseline": poseline}
    for trainer, module in TRAINERS.items():
        place = folder / f"plain-{trainer}"
        command = [sys.executable, "-m", "benchmarks.baselines.plain_tfx", "--plan", str(folder / "plan.json")]
        command += ["--examples", str(folder / "examples"), "--modules", str(place / "modules")]
        commands[f"plain TFX, {trainer}"] = [*command, "--root", str(place / "root"), "--trainer", module]
        edited.append(place / "modules" / "trainer_module_file.py")
    seconds: dict[str, dict[str, float]] = {}
    for situation in ("cold", "unchanged", "trainer edited"):
        if situation == "trainer edited":
            for file in edited:
                file.write_text(file.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
        seconds[situation] = {}
        for pipeline, command in commands.items():
            seconds[situation][pipeline] = timed(command, copy, log)
            if not (folder / "examples").exists():
                timed(compile_plan, copy, log)
                examples = max((root / "artifacts/baduanjin/KeypointExampleGen/examples").iterdir())
                shutil.copytree(examples, folder / "examples")
        print(situation, seconds[situation], file=sys.stderr, flush=True)
    return seconds


def show(seconds: dict[str, dict[str, float]]) -> None:
    """Print the seconds of each pipeline, and Poseline's share of those of the others, one line for each situation."""
    others = [f"plain TFX, {trainer}" for trainer in TRAINERS]
    print(f"{'seconds, whole process':<24}{'poseline':>10}" + "".join(f"{other:>22}{'share':>8}" for other in others))
    for situation, found in seconds.items():
        shares = "".join(f"{found[other]:>22.1f}{found['poseline'] / found[other]:>8.2f}" for other in others)
        print(f"{situation:<24}{found['poseline']:>10.1f}{shares}")


if __name__ == "__main__":
    run(__doc__, 3, measure, show)
