"""Trainings that continue: after a kill, and from the last blessed model on a new span."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def training_of(root: Path) -> dict:
    """Return `training.json` of the newest training in the root."""
    records = root.glob("artifacts/baduanjin/Trainer/model_run/*/training.json")
    return json.loads(max(records, key=lambda path: int(path.parent.name)).read_text())


def test_a_killed_training_resumes_and_reaches_the_accuracy_of_an_uninterrupted_one(bench, first_run):
    epochs = 8
    more = ("--until", "Trainer", "--set", f"training.epochs={epochs}")
    earlier = set(bench.root.glob("runs/*"))
    process = subprocess.Popen(
        bench.command(*bench.run_arguments(*more)),
        cwd=bench.project,
        env=bench.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def printed() -> str:
        """Return the logs of the trainings that this test started."""
        logs = (run / "Trainer.log" for run in set(bench.root.glob("runs/*")) - earlier)
        return "".join(log.read_text(errors="replace") for log in logs if log.exists())

    try:
        while process.poll() is None and f"epoch 3/{epochs}" not in printed():
            time.sleep(0.02)
        assert process.poll() is None, "training was over before it could be killed"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    finished = max(int(epoch) for epoch in re.findall(r"^progress: epoch (\d+)/", printed(), re.MULTILINE))
    bench.run(*more)
    resumed = training_of(bench.root)
    (saved,) = re.findall(r"^resumed after epoch (\d+)", printed(), re.MULTILINE)
    assert finished - 1 <= int(saved) <= finished
    assert resumed["epochs"] == epochs - int(saved)

    bench.run(*more, "--from", "Trainer", "--no-cache")
    uninterrupted = training_of(bench.root)
    assert uninterrupted["epochs"] == epochs
    assert resumed["best_eval_accuracy"] == pytest.approx(uninterrupted["best_eval_accuracy"], abs=0.005)


def test_a_new_span_is_fitted_from_the_last_blessed_model_without_touching_the_old_one(bench, first_run, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(bench.data, data)
    bench.poseline("data", "synth", "--to", str(data), "--subjects", "6", "--repetitions", "1", "--seed", "4")
    warm = ("--set", "training.warm_start=true", "--until", "Trainer")

    report = bench.run(*warm, data=data)
    states = bench.states(report)
    assert {states[node] for node in ("KeypointExampleGen", "Transform", "Trainer")} == {"done"}
    record = training_of(bench.root)
    models = sorted(bench.root.glob("artifacts/baduanjin/Trainer/model/*"), key=lambda path: int(path.name))
    assert Path(record["warm_start"]).parent in models[:-1]
    assert (Path(record["warm_start"]).parent / "model.keras").is_file()

    again = bench.run(*warm, data=data)
    assert again["did_nothing"], "an unchanged run started from another model"
