"""One real pipeline run for all end-to-end tests: a copy of the project, small synthetic data, few epochs."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
_LEFT_OUT = shutil.ignore_patterns(
    ".venv", ".tools", ".airflow", ".git", ".poseline", "__pycache__", ".*_cache", "*.egg-info"
)

# The training takes seconds, on synthetic people and with a narrow network. The gates accept everything; other tests
# check their verdicts.
SETTINGS = (
    "training.epochs=2",
    "training.jit_compile=false",
    "model.stem=8",
    "model.widths=[16, 16, 24]",
    "gates.evaluator={min_accuracy: 0.0, min_macro_f1: 0.0, max_accuracy_drop: 1.0}",
    "gates.model_validator={min_sequence_accuracy: 0.0, max_accuracy_lost: 1.0}",
    "gates.serving_smoke={min_agreement: 0.0, max_difference: 1.0, max_latency_p95_ms: 10.0}",
)


@dataclass(frozen=True)
class Bench:
    """A copy of the project with its own data and root."""

    project: Path
    data: Path
    root: Path

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "pipelines.cli", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(self.project), "TF_CPP_MIN_LOG_LEVEL": "2"}

    def poseline(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expect, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def run_arguments(self, *more: str, data: Path | None = None, root: Path | None = None) -> list[str]:
        settings = [part for setting in SETTINGS for part in ("--set", setting)]
        place = ["--data", str(data or self.data), "--root", str(root or self.root)]
        return ["run", "--config", "baduanjin", *place, *settings, *more]

    def run(self, *more: str, expect: int = 0, data: Path | None = None) -> dict:
        return json.loads(self.poseline(*self.run_arguments("--json", *more, data=data), expect=expect).stdout)

    def states(self, report: dict) -> dict[str, str]:
        return {node: entry["state"] for node, entry in report["nodes"].items()}


@pytest.fixture(scope="session")
def bench(tmp_path_factory) -> Bench:
    folder = tmp_path_factory.mktemp("e2e")
    shutil.copytree(PROJECT, folder / "project", ignore=_LEFT_OUT)
    made = Bench(folder / "project", folder / "data", folder / "root")
    made.poseline("data", "synth", "--to", str(made.data), "--subjects", "6", "--repetitions", "1", "--seed", "3")
    return made


@pytest.fixture(scope="session")
def first_run(bench) -> dict:
    """The report of the first run, in which every node ran."""
    return bench.run()
