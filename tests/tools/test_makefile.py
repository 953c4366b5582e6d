"""How `make run` ends for each exit code of `poseline run`."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize(("code", "ends_well"), [(0, True), (1, True), (2, False), (3, False), (130, False)])
def test_only_a_rejection_by_a_gate_ends_without_an_error_of_make(tmp_path, code, ends_well):
    shutil.copy(PROJECT / "Makefile", tmp_path)
    for name, content in {"tools/setup.sh": "exit 0", ".venv/bin/poseline": f'echo "$@"; exit {code}'}.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True)
        file.write_text(f"#!/bin/sh\n{content}\n")
        file.chmod(0o755)
    # The tests may themselves run below `make test`, whose variables would make this a sub-make.
    plain = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    command = ["make", "run", "ARGS=--span 2"]
    done = subprocess.run(command, cwd=tmp_path, env=plain, capture_output=True, text=True, check=False)
    assert done.stdout == "run --span 2\n"
    assert (done.returncode == 0) == ends_well
    assert ("***" in done.stderr) != ends_well
