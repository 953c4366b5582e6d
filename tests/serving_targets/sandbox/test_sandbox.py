import numpy as np
import pytest

from data.errors import NodeError
from serving_targets.sandbox.child_process import Ending, run_forked, run_module
from serving_targets.sandbox.result_files import SandboxFigures, read_figures, write_figures
from serving_targets.sandbox.sandbox import sandbox_latency, sandbox_saved_model, sandbox_tflite
from tests.processes import ends


def test_figures_come_back_as_they_were_written(tmp_path):
    assert read_figures(tmp_path) == SandboxFigures()
    figures = SandboxFigures(operators={"ADD": 1}, labels=("left", "right"), load_ms=1.5)
    write_figures(tmp_path, figures)
    assert read_figures(tmp_path) == figures
    write_figures(tmp_path, SandboxFigures(endpoint_difference=float("nan")))
    assert np.isnan(read_figures(tmp_path).endpoint_difference)


@pytest.fixture
def windows(tmp_path):
    """A file of two windows for `tflite_model`."""
    np.savez(tmp_path / "windows.npz", windows=np.zeros((2, 8, 17, 3), np.float32))
    return tmp_path / "windows.npz"


def test_a_crash_is_a_result(tflite_model, windows, tmp_path, monkeypatch):
    """An interpreter that dies ends only its own process."""
    (tmp_path / "sitecustomize.py").write_text("import os, sys, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    result = sandbox_tflite(tflite_model, windows, 20, timed=False)
    assert result.fault == "crashed with SIGSEGV"
    assert result.may_pass
    assert result.probabilities is None


@pytest.mark.parametrize("run", [run_module, run_forked])
def test_a_child_ends_with_all_that_it_started(tmp_path, monkeypatch, run):
    source = "import subprocess, sys, time\nprint(subprocess.Popen(['sleep', '60']).pid, flush=True)\ntime.sleep(60)\n"
    (tmp_path / "lingering.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    ending = run("lingering", [], tmp_path / "log.txt", 1)
    assert ending.code is None
    assert ends(int(ending.log), 10)


def test_a_saved_model_without_an_endpoint_says_which(windows, tmp_path):
    import tensorflow as tf

    module = tf.Module()
    module.raw = tf.function(lambda keypoints: {"probabilities": keypoints[:, 0, :3, 0]})
    signature = module.raw.get_concrete_function(tf.TensorSpec([None, 8, 17, 3], tf.float32, name="keypoints"))
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"raw": signature})
    result = sandbox_saved_model(tmp_path / "model", windows, tmp_path, 60)
    assert result.fault == "ended with exit code 1: it has no endpoint 'serving_default', only raw"
    assert not result.may_pass


@pytest.mark.parametrize(
    ("code", "log", "may_pass"),
    [
        (None, "", True),
        (-11, "", True),
        (1, "Traceback (most recent call last):\nMemoryError", True),
        (1, "OOM when allocating tensor with shape[64,24]", True),
        (1, "[Errno 28] No space left on device", True),
        (1, "it gives NaN or infinity", False),
        (1, "", False),
    ],
)
def test_a_fault_may_pass_unless_the_model_itself_is_why(code, log, may_pass):
    assert Ending(code, 1.0, 2.0, log).may_pass is may_pass


def test_latency_is_measured_in_a_process_of_its_own(tflite_model, windows, tmp_path):
    latency = sandbox_latency(tflite_model, windows)
    assert 0 < latency.p50 <= latency.p95 < 100
    with pytest.raises(NodeError, match=r"exit code 1: .*FileNotFoundError"):
        sandbox_latency(tflite_model, tmp_path / "nothing.npz")
