"""Trainings that go on: after SIGKILL, and from the last blessed model on a new span."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def logs(root: Path) -> list[str]:
    """What the trainings in the root have printed."""
    return [log.read_text(errors="replace") for log in root.glob("runs/*/Trainer.log")]


def training_of(root: Path) -> dict:
    """`training.json` of the newest training in the root."""
    records = root.glob("artifacts/baduanjin/Trainer/model_run/*/training.json")
    return json.loads(max(records, key=lambda path: int(path.parent.name)).read_text())


def test_a_training_killed_in_the_middle_goes_on_and_ends_as_if_it_had_not_been(bench, first_run, tmp_path):
    """Both in roots of their own; eight epochs, killed after the third."""
    epochs = 8
    more = ("--until", "Trainer", "--set", f"training.epochs={epochs}")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    bench.poseline(*bench.run_arguments(*more, root=whole))

    process = subprocess.Popen(
        bench.command(*bench.run_arguments(*more, root=broken)),
        cwd=bench.project,
        env=bench.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None and not any("epoch 3/" in log for log in logs(broken)):
            time.sleep(0.02)
        assert process.poll() is None, "training was over before it could be killed"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    saved = max(int(epoch) for log in logs(broken) for epoch in re.findall(r"^epoch (\d+)/", log, re.MULTILINE))
    bench.poseline(*bench.run_arguments(*more, root=broken))

    resumed, uninterrupted = training_of(broken), training_of(whole)
    assert uninterrupted["epochs"] == epochs
    assert epochs - saved <= resumed["epochs"] <= epochs - saved + 1, f"killed after epoch {saved}"
    assert resumed["best_eval_accuracy"] == pytest.approx(uninterrupted["best_eval_accuracy"], abs=0.005)
