"""A root that was copied or moved, another checkout, another current folder, and folders that cannot be written."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.surroundings import snapshot

pytestmark = pytest.mark.e2e
TRAP = "raise SystemExit('a file of the current folder was imported')\n"


def poseline(bench, *arguments, cwd, **environment):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pipelines.cli", *arguments],
        cwd=cwd,
        env=bench.environment | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_copied_root_works_elsewhere_and_leaves_the_old_one_alone(bench, first_run, tmp_path):
    """The copy is named relative to a folder whose own files look like the project's.

    The path of the folder for temporary files is too long for a socket.
    """
    here, temporary = tmp_path / "it's 100% ‘ünï’ 中文", tmp_path / ("temporary " * 10)
    for folder in (here / "pipelines", temporary):
        folder.mkdir(parents=True)
    for name in ("pipelines/__init__.py", "data.py", "keras.py"):
        (here / name).write_text(TRAP)
    shutil.copytree(bench.root, here / "root", symlinks=True)
    before = snapshot(bench.root)
    words = bench.run_arguments("--json", root="root")
    for more, state in (((), "cached"), (("--set", "windows.stride=12", "--until", "StatisticsGen"), "done")):
        report = json.loads(poseline(bench, *words, *more, cwd=here, TMPDIR=str(temporary)))
        states = bench.states(report)
        assert states.pop("KeypointExampleGen") == states.pop("StatisticsGen") == state
        assert set(states.values()) <= {"cached", "resolved"}
    shipped = here / "root/pushed/baduanjin/latest/model_int8.tflite"
    traced = poseline(bench, "lineage", "trace", str(shipped), "--root", str(here / "root"), "--json", cwd="/")
    assert str(bench.root) not in traced
    poseline(bench, "lineage", "verify", "--all", "--root", "root", cwd=here)
    assert snapshot(bench.root) == before
    assert list(temporary.iterdir()) == []


def test_another_checkout_with_the_same_data_shares_the_cache(bench, first_run, tmp_path):
    """It is read-only, as its data and the home folder are."""
    shutil.copytree(bench.project, tmp_path / "elsewhere")
    shutil.copytree(bench.data, tmp_path / "data")
    before = snapshot(tmp_path)
    environment = {"PYTHONPATH": str(tmp_path / "elsewhere"), "HOME": "/proc", "PYTHONDONTWRITEBYTECODE": "1"}
    words = bench.run_arguments("--json", data=tmp_path / "data")
    report = json.loads(poseline(bench, *words, cwd="/", **environment))
    assert set(bench.states(report).values()) <= {"cached", "resolved"}
    assert snapshot(tmp_path) == before
