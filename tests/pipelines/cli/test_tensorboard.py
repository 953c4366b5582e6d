import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from data.errors import InputError
from pipelines.cli.tensorboard import serve

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def root(tmp_path):
    """Two trainings, each with one curve."""
    import tensorflow as tf

    for execution, loss in (("3", 0.5), ("9", 0.25)):
        folder = tmp_path / "artifacts" / "demo" / "Trainer" / "model_run" / execution
        with tf.summary.create_file_writer(str(folder)).as_default():
            tf.summary.scalar("epoch_loss", loss, step=1)
    return tmp_path


def test_tensorboard_shows_the_trainings_side_by_side(root):
    command = [sys.executable, "-m", "pipelines.cli", "tensorboard", "--root", str(root), "--port", "0"]
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            address = next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
            runs = json.load(urllib.request.urlopen(f"{address}data/runs", timeout=60))
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    assert sorted(runs) == ["demo/Trainer/model_run/3", "demo/Trainer/model_run/9"]


def test_without_curves_there_is_an_error(tmp_path, root):
    with pytest.raises(InputError, match="no training curves yet"):
        serve(tmp_path / "nowhere", None, "localhost", 0)
    with pytest.raises(InputError, match="configuration 'other' has not been run") as caught:
        serve(root / "artifacts", "other", "localhost", 0)
    assert caught.value.remedy == "these have been run: demo"
