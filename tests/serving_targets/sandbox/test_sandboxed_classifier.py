"""Files that crash, block or mislead the interpreter end as one sentence."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from benchmarks.fuzz_bundles import fix, loop_for_ever
from data.errors import InputError
from data.store import write_span
from serving_targets.classifier import Classifier
from serving_targets.sandbox.sandboxed_classifier import SandboxedClassifier
from tests.processes import ends

PROJECT = Path(__file__).parents[3]
WINDOWS = np.random.default_rng(0).random((20, 8, 17, 3), np.float32)


@pytest.fixture
def changed(tflite_model, tmp_path):
    """Write a copy of the stand-in model with changed tables."""

    def write(change, to=tmp_path / "changed.tflite"):
        model = flatbuffer_utils.read_model(str(tflite_model))
        change(model, model.subgraphs[0])
        flatbuffer_utils.write_model(model, str(to))
        return to

    return write


def _segfault(model, graph):
    graph.operators[0].inputs = [-1] * 4


def _nan(model, graph):
    factor = next(t for t in graph.tensors if len(t.shape) == 0 and t.type == 0)
    model.buffers[factor.buffer].data = [0, 0, 192, 127]


def _another_count(model, graph):
    graph.outputs = graph.inputs


def _no_inputs(model, graph):
    graph.inputs = []


def _many_inputs(model, graph):
    graph.inputs = [graph.inputs[0]] * 100


def _huge(model, graph):
    graph.tensors[graph.inputs[0]].shape = [1, 2**12, 2**12, 2**7]


def _custom(model, graph):
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = flatbuffer_utils.BuiltinOperator.CUSTOM
    code.customCode = b"FlexErf"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_segfault, "the file crashed the interpreter with SIGSEGV"),
        (loop_for_ever, "the file kept the interpreter busy for more than 2 s for one window"),
        (_nan, "the model answers NaN or infinity"),
        (_another_count, r"the model's inputs and outputs are .*, not float32 \[1, T, J, C\] and \[1, K\]"),
        (_no_inputs, "the model's inputs and outputs are"),
        (_many_inputs, "the model's inputs and outputs are"),
        (_huge, "the file"),
        (_custom, "the file cannot be run: .*FlexErf"),
    ],
)
def test_a_hostile_file_is_a_sentence(changed, change, expected):
    with SandboxedClassifier(changed(change), (8, 17, 3), 3) as classifier, pytest.raises(InputError) as caught:
        classifier.answer(WINDOWS)
    assert caught.match(f"^{expected}")
    assert "\n" not in caught.value.what
    assert len(caught.value.what) < 500


def test_one_process_answers_everything_as_the_interpreter_does(tflite_model):
    with SandboxedClassifier(tflite_model, (8, 17, 3), 3) as classifier:
        child = classifier._child.pid
        answers = [classifier.answer(part) for part in (WINDOWS, WINDOWS[:1])]
        latency = classifier.measure()
        assert classifier._child.poll() is None
    np.testing.assert_array_equal(answers[0], Classifier(tflite_model).predict_all(WINDOWS))
    np.testing.assert_array_equal(answers[1], answers[0][:1])
    assert 0 < latency.p50 <= latency.p95
    assert latency.runs > 0
    assert ends(child, 10)


def test_the_process_ends_with_its_parent(tflite_model):
    program = (
        "import sys, time\nfrom pathlib import Path\n"
        "from serving_targets.sandbox.sandboxed_classifier import SandboxedClassifier\n"
        "print(SandboxedClassifier(Path(sys.argv[1]), (8, 17, 3), 3)._child.pid, flush=True)\ntime.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, str(tflite_model)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
    assert ends(child, 30)


def test_evaluate_survives_the_crash_of_the_interpreter(target, changed, sequence, tmp_path):
    """The command as a process of its own, with bounded memory."""
    changed(_segfault, target / "2" / "model_int8.tflite")
    fix(target / "2")
    data = write_span(tmp_path / "data", 1, [sequence("a", "left", ["left"])]).parent
    command = f'ulimit -v 4000000; exec timeout 30 "{sys.executable}" -m pipelines.cli evaluate "$@"'
    done = subprocess.run(
        ["bash", "-c", command, "bash", "--bundle", str(target), "--data", str(data)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: the file crashed the interpreter with SIGSEGV\n  where:  ")
    assert "remedy" in done.stderr
    assert json.loads((target / "2" / "manifest.json").read_text())["files"]
