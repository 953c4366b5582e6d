"""The profile of a run: what it counts, and what it prints."""

import subprocess
import sys
from pathlib import Path

from benchmarks.profiling.profile_run import _phases, show
from payloads.training_record import TrainingRecord

PROJECT = Path(__file__).parents[2]
BURN = "import time\nwhile time.process_time() < 1: pass\n"


def test_the_time_of_a_process_that_outlives_its_parent_is_counted(tmp_path):
    (tmp_path / "leaving.py").write_text(
        f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {BURN!r}])\n"
    )
    script = "from benchmarks.profiling.profile_run import _cpu_seconds\nprint(_cpu_seconds('leaving'))\n"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        env={"PYTHONPATH": f"{PROJECT}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) >= 1


def test_phases_are_those_that_the_node_recorded(tmp_path):
    record = TrainingRecord(seconds=9, epochs=1, parameters=1, cpu_seconds={"first step": 5.5, "training": 2.5})
    record.write(tmp_path / "artifacts" / "baduanjin" / "Trainer" / "model_run" / "8")
    assert _phases(tmp_path, "Trainer") == {"first step": 5.5, "training": 2.5}
    assert _phases(tmp_path, "Evaluator") == {}


def test_each_node_and_each_phase_has_a_line(capsys):
    show({"Trainer": {"wall": 9.0, "CPU": 8.0, "MiB": 700.0, "first step": 5.5}, "whole run": {"CPU": 20.0}})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert lines == [["Trainer", "8.0", "9.0", "700.0"], ["first", "step", "5.5"], ["whole", "run", "20.0"]]
