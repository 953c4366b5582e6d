"""The walks of CONTRIBUTING.md work when they are followed literally in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
LEFT_OUT = shutil.ignore_patterns(".venv", ".tools", ".git", ".poseline", ".airflow", "__pycache__", ".*_cache")
BLOCK = re.compile(r"(?:^`([^`\n]+)`:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A fenced block, with the file name above it if there is one."""


def walks() -> dict[str, str]:
    """Return the text of each walk by its heading."""
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    parts = re.split(r"^### (Add .+)$", text, flags=re.MULTILINE)[1:]
    return {
        heading: re.split(r"^## ", body, flags=re.MULTILINE)[0]
        for heading, body in zip(parts[::2], parts[1::2], strict=True)
    }


@pytest.fixture(scope="module")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of what mypy knows about the files that the walks do not change."""
    return tmp_path_factory.mktemp("mypy")


@pytest.mark.e2e
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("heading", walks())
def test_a_walk_can_be_followed(heading: str, tmp_path: Path, mypy_cache: Path) -> None:
    copy = tmp_path / "project"
    shutil.copytree(PROJECT, copy, ignore=LEFT_OUT)
    (copy / ".venv").symlink_to(PROJECT / ".venv")
    written = []
    for title, kind, content in BLOCK.findall(walks()[heading]):
        if title:
            file = copy / title
            assert not file.exists(), f"{title} is there already"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
            written.append(title)
        elif kind == "diff":
            run(["git", "apply", "-"], copy, content)
            written += re.findall(r"^\+\+\+ b/(.+\.py)$", content, re.MULTILINE)
        elif kind == "sh":
            run(["bash", "-euo", "pipefail"], copy, content)
    assert written
    python_files = [name for name in written if name.endswith(".py")]
    run([".venv/bin/ruff", "check", "--no-cache", *python_files], copy)
    run([".venv/bin/ruff", "format", "--no-cache", "--check", *python_files], copy)
    run([".venv/bin/lint-imports", "--no-cache"], copy)
    checked = [name for name in python_files if not name.startswith("tests/")]
    run([".venv/bin/mypy", f"--cache-dir={mypy_cache}", *checked], copy)


def run(command: list[str], folder: Path, text: str = "") -> None:
    """Run a command in a folder, with `text` as its input, and fail with its output if it fails."""
    environment = os.environ | {
        "PYTHONPATH": f"{folder}:{folder / 'dags'}",
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, input=text, capture_output=True, text=True, check=False, timeout=1500
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{text}\n{done.stdout}\n{done.stderr}"
