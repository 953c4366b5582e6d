"""Flips a byte of every payload of a real run, one payload at a time, and follows the remedy that is shown.

An empty file gets a byte.

.venv/bin/python -m benchmarks.fuzzing.altered_payloads [NODE...]

The time of the file is given back after the flip. Expected: an unchanged run ends with exit code 3, names artifact and
node, serves what it served before, and after the command that it shows a run ends with 0.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.output import TINY
from data.digests import list_folder
from data.project import PROJECT_ROOT

_REMEDY = re.compile(r"`poseline (lineage set-aside [^`]+)`")


def _poseline(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip()


def _run(folder: Path) -> tuple[int, str]:
    settings = [part for setting in TINY for part in ("--set", setting)]
    return _poseline(
        "run", "--config", "baduanjin", "--data", str(folder / "data"), "--root", str(folder / "root"), *settings
    )


def _flip(path: Path) -> None:
    status, content = path.stat(), bytearray(path.read_bytes())
    if content:
        content[len(content) // 2] ^= 1
    else:
        content += b"x"
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(status.st_mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _largest_file(payload: Path) -> Path | None:
    files = [path for path in payload.rglob("*") if path.is_file() and not path.is_symlink()]
    return max(files, key=lambda path: path.stat().st_size, default=None)


def _outputs(root: Path, nodes: list[str]) -> list[Path]:
    found = sorted(path for path in root.glob("artifacts/*/*/*") if path.is_dir() and ".system" not in path.parts)
    return [path for path in found if not nodes or path.parts[-2] in nodes]


def _newest(output: Path) -> Path:
    """Return the payload of an output that runs use now: a remedy before may have made another one."""
    return max(output.iterdir(), key=lambda path: int(path.name))


def _served(folder: Path) -> str:
    return list_folder(folder / "root" / "pushed").digest


def _try(folder: Path, payload: Path) -> str:
    """Flip a byte of a payload, follow the remedy, and describe what was wrong, or nothing."""
    file = _largest_file(payload)
    if file is None:
        return "no file"
    before = _served(folder)
    _flip(file)
    code, message = _run(folder)
    node = payload.parts[-3]
    if code != 3:
        return f"exit {code} instead of 3: {message}"
    if node not in message or file.name not in message:
        return f"{node} or {file.name} is not named: {message}"
    if _served(folder) != before:
        return "another version is served"
    if not (remedy := _REMEDY.search(message)):
        return f"no remedy: {message}"
    code, message = _poseline(*shlex.split(remedy[1]))
    if code:
        return f"the remedy ended with {code}: {message}"
    code, message = _run(folder)
    return f"after the remedy: exit {code}: {message}" if code else ""


def main() -> None:
    """Alter each payload and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nodes", nargs="*", metavar="NODE", help="nodes (default: all)")
    nodes = parser.parse_args().nodes
    with tempfile.TemporaryDirectory(prefix="poseline-altered-") as temporary:
        folder = Path(temporary)
        arguments = ("--subjects", "6", "--repetitions", "1", "--seed", "3")
        for code, message in (_poseline("data", "synth", "--to", str(folder / "data"), *arguments), _run(folder)):
            if code:
                sys.exit(message)
        for output in _outputs(folder / "root", nodes):
            fault = _try(folder, _newest(output))
            print(f"{'/'.join(output.parts[-2:])}: {fault or 'refused, named, computed again'}", flush=True)


if __name__ == "__main__":
    main()
