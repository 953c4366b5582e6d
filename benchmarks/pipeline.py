"""Times Poseline against plain TFX on the same data: cold, unchanged, and after an edit to the trainer.

    .venv/bin/python -m benchmarks.pipeline [--epochs 5] [--to FILE.json]

Each figure is the wall time of a whole process, including its imports. The project is copied to a temporary folder
first, so that the edit to the trainer does not change the checkout. Training takes only a few epochs, because it is the
same for both.
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
    """Run both pipelines three times each.

    Args:
        folder: empty folder for everything that the runs write.
        epochs: number of training epochs.

    Returns:
        Seconds by situation (`cold`, `unchanged`, `trainer edited`) and pipeline (`poseline`, `plain TFX`).
    """
    copy, root, log = folder / "project", folder / "root", folder / "log"
    shutil.copytree(PROJECT, copy, ignore=_LEFT_OUT)
    options = ["--config", "baduanjin", "--root", str(root), "--set", f"training.epochs={epochs}"]
    options += [part for setting in OPEN_GATES for part in ("--set", setting)]
    poseline = [sys.executable, "-m", "pipelines.cli", "run", *options]
    compile_plan = [sys.executable, "-m", "pipelines.cli", "compile", *options, "--to", str(folder / "plan.json")]
    trainer = copy / "trainer_module" / "run.py"
    seconds: dict[str, dict[str, float]] = {}

    def both(situation: str, plain: list[str]) -> None:
        seconds[situation] = {"poseline": timed(poseline, copy, log)}
        if situation == "cold":
            timed(compile_plan, copy, log)
            examples = max((root / "artifacts/baduanjin/KeypointExampleGen/examples").iterdir())
            shutil.copytree(examples, folder / "examples")
        seconds[situation]["plain TFX"] = timed(plain, copy, log)
        print(situation, seconds[situation], file=sys.stderr, flush=True)

    modules = folder / "modules"
    plain = [sys.executable, "-m", "benchmarks.baselines.plain_tfx", "--plan", str(folder / "plan.json")]
    plain += ["--examples", str(folder / "examples"), "--modules", str(modules), "--root", str(folder / "plain")]
    both("cold", plain)
    both("unchanged", plain)
    for file in (trainer, modules / "trainer_module_file.py"):
        file.write_text(file.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    both("trainer edited", plain)
    return seconds


def show(seconds: dict[str, dict[str, float]]) -> None:
    """Print the seconds of both pipelines and their ratio, one line for each situation."""
    print(f"{'seconds, whole process':<24}{'poseline':>10}{'plain TFX':>12}{'ratio':>8}")
    for situation, both in seconds.items():
        ratio = both["plain TFX"] / both["poseline"]
        print(f"{situation:<24}{both['poseline']:>10.1f}{both['plain TFX']:>12.1f}{ratio:>7.1f}x")


if __name__ == "__main__":
    run(__doc__, 5, measure, show)
